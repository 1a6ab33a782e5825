"""The journal's own tables. Times are text (ISO 8601, UTC): exact and equal on every engine."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from whimbrel.engines import base

# Raise this with every change of these tables, and teach Journal.ensure the way from before.
VERSION: Final = 3

# Understood by the engines that have such options, ignored by the others.
_OPTIONS: Any = base.TABLE_OPTIONS

METADATA = sa.MetaData()

JOURNAL = sa.Table(
    f"{base.OUR_PREFIX}journal",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    **_OPTIONS,
)

# One row for each migration that is applied, wholly or half.
MIGRATIONS = sa.Table(
    f"{base.OUR_PREFIX}migrations",
    METADATA,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("applied_at", sa.String(32), nullable=False),
    sa.Column("applied_by", sa.String(255), nullable=False),
    sa.Column("run", sa.Integer),
    **_OPTIONS,
)

# One row for each execution of one migration in one direction.
RUNS = sa.Table(
    f"{base.OUR_PREFIX}runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("migration", sa.String(255), nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("by_steps", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("finished_at", sa.String(32)),
    sa.Column("seconds", sa.Double),
    sa.Column("steps", sa.Integer),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("command", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("error", base.LONG_TEXT),
    **_OPTIONS,
)

# One row for each step of a run; `noted` holds what is needed to decide and to take back.
STEPS = sa.Table(
    f"{base.OUR_PREFIX}steps",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("step", base.LONG_TEXT, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("noted", base.LONG_TEXT),
    sa.Column("rows_changed", sa.BigInteger),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("seconds", sa.Double),
    **_OPTIONS,
)

# What queries answered, in pieces, for as long as their run may have to be resumed.
RESULTS = sa.Table(
    f"{base.OUR_PREFIX}results",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("piece", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("data", base.LONG_TEXT, nullable=False),
    **_OPTIONS,
)

# One row for each part of a step that is cut in batches: a key range that one worker walks.
# `reached` is the key of the last row that is done, committed with the rows themselves.
PARTS = sa.Table(
    f"{base.OUR_PREFIX}parts",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("lower", base.LONG_TEXT),
    sa.Column("upper", base.LONG_TEXT),
    sa.Column("reached", base.LONG_TEXT),
    sa.Column("rows_read", sa.BigInteger, nullable=False),
    sa.Column("rows_written", sa.BigInteger, nullable=False),
    sa.Column("rows_rejected", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.Integer, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("waiting", sa.String(255)),
    sa.Column("updated_at", sa.String(32), nullable=False),
    **_OPTIONS,
)

# One row for each batch that is done.
BATCHES = sa.Table(
    f"{base.OUR_PREFIX}batches",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reached", base.LONG_TEXT),
    sa.Column("rows_read", sa.BigInteger, nullable=False),
    sa.Column("rows_written", sa.BigInteger, nullable=False),
    sa.Column("rows_rejected", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("finished_at", sa.String(32), nullable=False),
    **_OPTIONS,
)

# Rows that could not be changed or moved: why, their key, and their values as they were.
REJECTS = sa.Table(
    f"{base.OUR_PREFIX}rejects",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("table_name", sa.String(255), nullable=False),
    sa.Column("key", base.LONG_TEXT, nullable=False),
    sa.Column("reason", base.LONG_TEXT, nullable=False),
    sa.Column("row", base.LONG_TEXT, nullable=False),
    sa.Column("rejected_at", sa.String(32), nullable=False),
    # Since version 3: the rule that refused it; what is needed to write it again, and when that
    # was done.
    sa.Column("rule", sa.String(255)),
    sa.Column("again", base.LONG_TEXT),
    sa.Column("replayed_at", sa.String(32)),
    **_OPTIONS,
)

# What a person asks of a run from elsewhere, read by it before every batch.
CONTROLS = sa.Table(
    f"{base.OUR_PREFIX}controls",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("asked", sa.String(16), nullable=False),
    sa.Column("max_rows_per_second", sa.Double),
    sa.Column("asked_by", sa.String(255), nullable=False),
    sa.Column("asked_at", sa.String(32), nullable=False),
    **_OPTIONS,
)
