"""The journal's own tables. Times are text (ISO 8601, UTC): exact and equal on every engine."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from whimbrel.engines import base

# Raise this with every change of these tables, and teach Journal.ensure the way from before.
VERSION: Final = 6

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
    # Since version 4, of the chunks of transfers: rows that a rule left out because it was told to,
    # what was sent, and what rules changed in values (JSON).
    sa.Column("rows_dropped", sa.BigInteger),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("cleansed", base.LONG_TEXT),
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

# Since version 5: one row for each thing that a step overwrote or removed and that is kept so that
# it can be given back. `store` is the table of ours that has it, `facts` is what else is needed.
KEPT = sa.Table(
    f"{base.OUR_PREFIX}kept",
    METADATA,
    sa.Column("store", sa.String(64), primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("migration", sa.String(255), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("table_name", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("facts", base.LONG_TEXT, nullable=False),
    sa.Column("kept_at", sa.String(32), nullable=False),
    sa.Column("keep_until", sa.String(32)),
    sa.Column("gone_at", sa.String(32)),
    sa.Column("gone_by", sa.String(16)),
    **_OPTIONS,
)

# Since version 6: one row for each live change that is open. `phase` is the last one that is done,
# `doing` what was begun and has to be finished first; `facts` is what it is made of (JSON).
LIVE = sa.Table(
    f"{base.OUR_PREFIX}live",
    METADATA,
    sa.Column("migration", sa.String(255), primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("table_name", sa.String(255), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("doing", sa.String(16)),
    sa.Column("began_at", sa.String(32), nullable=False),
    sa.Column("since", sa.String(32), nullable=False),
    sa.Column("identity", base.LONG_TEXT),
    sa.Column("facts", base.LONG_TEXT, nullable=False),
    **_OPTIONS,
)

# Since version 5: what was expected of a step, beside how long it really took.
FORECASTS = sa.Table(
    f"{base.OUR_PREFIX}forecasts",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("volume", sa.BigInteger),
    sa.Column("least", sa.Double),
    sa.Column("likely", sa.Double),
    sa.Column("most", sa.Double),
    sa.Column("basis", sa.String(32), nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    **_OPTIONS,
)
