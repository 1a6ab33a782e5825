"""Every error from sample facts: its words, its shape, its page, and that it tells no secret."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from whimbrel import config, errors

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors"
SECRET = "s3cr3t"
URL = config.masked(f"scheme://app:{SECRET}@db1/shop?sslpassword={SECRET}")
FILE = "migrations/20261123_101500_add_city.py"
CITY, EMAIL = "20261123_101500_add_city", "20261123_113000_add_email"
LONG_SQL = "SELECT " + ", ".join(f"column_{i}" for i in range(200))

# How each error is made, with facts as the house gives them.
SAMPLES: dict[type[errors.WhimbrelError], list[dict[str, object]]] = {
    errors.BackupToolMissing: [
        {"tool": "dump", "database": URL, "cause": "it is not there", "package": "the programs"}
    ],
    errors.BackupBroken: [
        {"place": "backups/main-1", "wrong": [f"rows/{i}.gz was changed" for i in range(50)]}
    ],
    errors.BackupFailed: [
        {"what": "there is no backup", "database": URL, "cause": "no space", "remedy": "make room"}
    ],
    errors.DualWriteRefused: [
        {"what": "a statement goes past it", "why": "nobody notices", "remedy": "save records"}
    ],
    errors.DualWriteFailed: [
        {"pair": "users", "side": "NewUser", "cause": "value too long"},
    ],
    errors.RestoreRefused: [
        {"what": "the target is not empty", "database": URL, "remedy": "name another one"}
    ],
    errors.RestoreUnfinished: [{"backup": "main-1", "database": URL, "began": "yesterday"}],
    errors.RestoreFailed: [
        {
            "what": "it stopped",
            "database": URL,
            "left": "it is as it was",
            "cause": "no space",
            "remedy": "make room",
        },
        {
            "what": "it stopped",
            "database": URL,
            "left": "a part is there",
            "cause": "no space",
            "remedy": "make room",
            "resumable": True,
        },
    ],
    errors.WhimbrelError: [{"what": "something stopped", "remedy": "try again"}],
    errors.UsageError: [{"what": "that cannot be", "remedy": "ask for something else"}],
    errors.BadUrl: [{"url": URL, "why": "no engine is called 'scheme'", "known": ["a:///b"]}],
    errors.UnknownDatabase: [
        {"alias": "mian", "known": ["main", "test"], "config": "whimbrel.toml"},
        {"alias": "main", "known": [], "config": "no whimbrel.toml"},
    ],
    errors.BadConfig: [
        {"what": "unknown key 'ulr'", "where": "whimbrel.toml:3", "remedy": "did you mean:  url"}
    ],
    errors.MissingSecret: [{"variable": "DB_PASSWORD", "where": "whimbrel.toml:3"}],
    errors.MissingExtra: [{"package": "driver", "extra": "driver", "needed_for": "this database"}],
    errors.BadMigrationFile: [
        {"path": FILE, "why": "it defines no migration", "remedy": "write a class"},
        {"path": FILE, "why": "it fails", "cause": "E: one\ntwo", "remedy": "correct this line"},
    ],
    errors.UnknownMigration: [
        {"wanted": "add_ctiy", "known": [CITY, EMAIL], "where": "migrations"},
        {"wanted": "x", "known": [f"{i:04}_x" for i in range(50)], "where": "migrations"},
    ],
    errors.DependencyCycle: [{"cycle": [CITY, EMAIL, CITY], "where": "migrations"}],
    errors.ManyHeads: [{"heads": [CITY, EMAIL], "where": "migrations"}],
    errors.UnknownType: [{"type_name": "strnig", "column": "name", "known": ["string", "text"]}],
    errors.BadColumn: [
        {"column": "name", "why": "an enum needs its values", "remedy": 'add values=["a"]'}
    ],
    errors.BadParameters: [
        {"what": "2 parameters for 1 place", "sql": LONG_SQL, "remedy": "give one parameter"}
    ],
    errors.Irreversible: [
        {"operation": "drop_table('user')", "why": "rows are gone", "remedy": "write down()"}
    ],
    errors.SqlNotTranslatable: [
        {
            "construct": "the function SOUNDEX",
            "sql": "SELECT SOUNDEX(name)\n  FROM user",
            "read": "one",
            "write": "another",
            "why": "there is no such function",
        }
    ],
    errors.SqlNotUnderstood: [{"sql": "SELEC 1", "dialect": "one", "cause": "near SELEC"}],
    errors.BadRule: [
        {"rule": "user.name is unique", "why": "two", "place": f"{FILE}:9", "cause": "no such"},
        {"rule": "between", "why": "it needs a bound"},
    ],
    errors.BadMapping: [
        {"what": "there is no table 'ordrs'", "place": f"{FILE}:9", "remedy": "did you mean:  a"},
        {"what": "the function fails", "cause": "E: one\ntwo", "remedy": "correct this line"},
    ],
    errors.UnknownSlug: [{"slug": "lock-hold", "near": ["lock-held"]}, {"slug": "x", "near": []}],
    errors.RefusedError: [{"what": "we will not do it", "remedy": "do something else"}],
    errors.TableNotFound: [{"table": "Order Details", "known": ["user"]}],
    errors.TableExists: [{"table": "user"}],
    errors.ColumnNotFound: [{"table": "user", "column": "nmae", "known": ["id", "name"]}],
    errors.ColumnExists: [{"table": "user", "column": "name"}],
    errors.ColumnInUse: [{"table": "user", "column": "name", "used_by": ["index ix_user_name"]}],
    errors.ObjectNotFound: [
        {"kind": "index", "name": "ix_a", "table": "user", "known": ["ix_b", "ix_c"]}
    ],
    errors.NullsPresent: [
        {
            "table": "user",
            "column": "name",
            "nulls": nulls,
            "rows": 5_000,
            "first_keys": keys,
            "update": 'UPDATE "user" SET "name" = … WHERE "name" IS NULL',
        }
        for nulls, keys in ((2, ["id 1", "id 7"]), (1_234, []))
    ],
    errors.NotNullWithoutDefault: [{"table": "user", "column": "name", "rows": 1_204_000}],
    errors.ValuesDoNotFit: [
        {
            "table": "user",
            "column": "age",
            "wanted": "integer",
            "values": 1_118,
            "examples": ["id 4 'old'", "id 9 ''"],
        }
    ],
    errors.RebuildRefused: [
        {"table": "user", "why": "a view was edited", "remedy": "drop the view first"}
    ],
    errors.ForeignKeysBroken: [{"broken": ["order 4 → user 9", "order 5 → user 9"]}],
    errors.HistoryEdited: [
        {
            "migration": CITY,
            "path": FILE,
            "applied": "2026-11-23 10:20 UTC by ana",
            "was": "9f2c" * 16,
            "now": "41d0" * 16,
        }
    ],
    errors.HistoryMissing: [{"migrations": [CITY], "where": "migrations"}],
    errors.OutOfOrder: [{"migrations": [CITY], "after": EMAIL, "where": "migrations"}],
    errors.HalfDone: [
        {"migration": CITY, "direction": "down", "done": 3, "remedy": "whimbrel down"}
    ],
    errors.NotOnline: [{"migration": CITY, "reasons": ["raw SQL"], "remedy": "say it by verbs"}],
    errors.LiveChangeOpen: [{"migration": EMAIL, "table": "user", "live": CITY}],
    errors.NoLiveChange: [{"migration": CITY, "known": []}, {"migration": CITY, "known": [EMAIL]}],
    errors.WrongPhase: [
        {"migration": CITY, "phase": "mirrored", "wanted": "be completed", "remedy": "whimbrel up"}
    ],
    errors.RowsAstray: [
        {"table": "user", "rows": 2, "first": ["id 7"], "why": "too long", "remedy": "change them"},
        {"table": "user", "rows": 0, "first": [], "why": "emptied", "remedy": "begin again"},
    ],
    errors.WouldLose: [
        {"migration": CITY, "table": "user", "rows": 2, "first": ["id 7"], "columns": ["city"]}
    ],
    errors.LockNotHad: [
        {"what": "swap", "table": "user", "waited": "10 min", "blockers": ["pid 7, for 20 min"]},
        {"what": "swap", "table": "user", "waited": "10 min", "blockers": []},
    ],
    errors.StepChanged: [{"migration": CITY, "position": 3, "was": LONG_SQL, "now": "add a"}],
    errors.StepUnclear: [
        {"migration": CITY, "position": 3, "step": "UPDATE user", "why": "nobody can tell"}
    ],
    errors.LockHeld: [
        {
            "holder": "whimbrel up, by ana@web-3 (pid 2214), started 10:20",
            "database": URL,
            "note": "it is freed when that program ends",
        }
    ],
    errors.LockLost: [{"database": URL}],
    errors.NoKey: [{"table": "orders", "engine": "PostgreSQL"}],
    errors.NotComparable: [{"columns": "a.x and b.y", "one": "binary", "other": "integer"}],
    errors.AmbiguousMatch: [{"what": "table", "source": ["User"], "target": ["user", "USER"]}],
    errors.ReadFailed: [
        {"database": "sqlite:///a.db", "cause": "it is gone", "gone": gone}
        for gone in (True, False)
    ],
    errors.NothingToCompare: [{"source": "users", "target": "orders"}],
    errors.RowFailed: [
        {"table": "orders", "key": "id = 7", "cause": "too long", "rejected": 2, "max_rejects": 2},
        {"table": "orders", "key": "id = 7", "cause": "null", "rejected": 0, "max_rejects": 0},
    ],
    errors.TransferRefused: [
        {"problems": ["orders.placed: 12 zero dates"], "database": URL, "remedy": "a rule"},
        {
            "problems": [f"orders.c{i}: too long" for i in range(30)],
            "database": URL,
            "remedy": "a rule\nor a type",
        },
    ],
    errors.TargetNotEmpty: [
        {
            "tables": ["orders", "customer"],
            "database": URL,
            "why": "has rows already",
            "remedy": "empty these tables",
        }
    ],
    errors.CannotFollow: [{"reasons": ["t has no key"], "database": URL, "remedy": "a key"}],
    errors.NotFollowed: [{"database": URL, "why": "it follows nothing"}],
    errors.CaptureLost: [{"name": "1f0a", "database": URL, "why": "it was dropped"}],
    errors.SourceAltered: [{"altered": {"t": "the column 'a' is new"}, "database": URL}],
    errors.CutoverFailed: [
        {
            "step": "compare",
            "database": URL,
            "left": "writes are allowed again",
            "cause": "3 rows differ",
            "remedy": "see to it",
        }
    ],
    errors.RowsOvertaken: [{"table": "customer"}],
    errors.UndoConflicts: [
        {"table": "customer", "rows": 2, "first": ["id 1: fax is 'a', was 'b'"]},
        {"table": "customer", "rows": 1, "first": ["id 1: fax is 'a', was 'b'"]},
    ],
    errors.ClusterUnavailable: [
        {"address": "tcp://scheduler:8786", "cause": "no worker has come to it"}
    ],
    errors.ScratchNotMade: [
        {
            "what": "a scratch database cannot be made",
            "database": URL,
            "cause": "permission denied to create database",
            "remedy": "name a server where it can be:  --scratch URL",
        }
    ],
    errors.TransferHalfDone: [
        {"title": "transfer from old", "database": URL, "why": "it was begun by: whimbrel"}
    ],
    errors.TransferFailed: [
        {
            "what": "the target refused a step: index ix_a of a",
            "database": URL,
            "left": "what was done before stays",
            "cause": "disk full",
        },
        {
            "what": "rows of 'a' could not be written",
            "database": URL,
            "object": "table 'a', chunk 7",
            "left": "nothing of this one",
            "cause": "E: one\ntwo",
        },
    ],
    errors.RunCancelled: [{"run": 7, "by": "ana@desk"}, {"run": 7, "by": ""}],
    errors.MemoryExceeded: [{"used": "613 MB", "limit": "512 MB"}],
    errors.JournalTooNew: [{"found": 9, "known": 1, "database": URL}],
    errors.ModelTransactionOpen: [{"model_side": "BEGIN at app.py:9", "remedy": "commit it"}],
    errors.ModelTransactionLost: [{"cause": "deadlock found"}],
    errors.ModelCallRefused: [
        {"what": "disconnect()", "why": "the connection is ours", "remedy": "leave it out"}
    ],
    errors.DecimalNotExact: [
        {"table": "item", "column": "price", "value": "-1234.56", "type_name": "REAL"},
        {"table": "item", "column": "price", "value": "7", "type_name": ""},
    ],
    errors.ValueNotStorable: [{"type_name": "Range"}],
    errors.ValueNotReadable: [{"text": "{...", "cause": "it ends too early"}],
    errors.ValidationFailed: [
        {"failed": 1, "of": 1, "found": ["1 of 2 rows is NULL"], "place": f"{FILE}:9"},
        {"failed": 2, "of": 9, "found": ["a", "b"]},
    ],
    errors.CheckFailed: [
        {
            "findings": [("a-check", "writers wait", "a lock is held", f"{FILE}:9")] * count,
            "migration": CITY,
            "instead": instead,
            "database": URL,
        }
        for count, instead in ((1, ""), (2, "write it so"))
    ],
    errors.RepairRefused: [
        {"why": "only a sample of the rows was compared", "remedy": "leave the sample out"},
        {"why": "it is a sample", "object": "tables: user", "remedy": "leave it out"},
    ],
    errors.RepairFailed: [{"database": URL, "cause": "server closed the connection"}],
    errors.ReportNotWritten: [
        {"place": "reports", "why": "no room", "left": "it is lost", "remedy": "make room"}
    ],
    errors.ReportChanged: [
        {"file": "a.html", "wrong": ["its page", "its data"], "seal": "9f2c" * 16},
        {"file": "a.txt", "wrong": ["it is no report"], "seal": None},
    ],
    errors.DatabaseUnavailable: [
        {"database": URL, "cause": "connection refused", "remedy": "start the server"}
    ],
    errors.MigrationFailed: [
        {
            "what": f"migration {CITY} failed at step 3 of 5: add index on user(city)",
            "where": f"{CITY}.up, {FILE}:21",
            "database": URL,
            "left": "steps 1-2 stay applied\nnothing else was started",
            "cause": "(1071) Specified key was too long",
            "remedy": "index a prefix, then:  whimbrel up\nor take it back:  whimbrel down",
            "resumable": True,
        },
        {
            "what": f"migration {CITY} failed",
            "where": None,
            "database": URL,
            "object": "user",
            "left": "nothing was changed",
            "cause": "disk full",
            "remedy": "make room",
            "resumable": False,
            "slug": "value-does-not-fit",
        },
    ],
}

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.WhimbrelError)
]
ALL = [
    pytest.param(cls, facts, id=f"{cls.__name__}-{number}")
    for cls, samples in SAMPLES.items()
    for number, facts in enumerate(samples)
]
LABELS = ["where", "database", "object", "left", "cause", "to do"]


def test_every_error_has_sample_facts():
    assert set() == set(CLASSES) - set(SAMPLES)


def test_every_slug_is_unique():
    slugs = [cls.slug for cls in CLASSES]

    assert sorted(set(slugs)) == sorted(slugs)


def test_every_slug_has_a_page():
    missing = sorted(cls.slug for cls in CLASSES if not (PAGES / f"{cls.slug}.md").is_file())

    assert [] == missing


def test_every_page_begins_with_its_slug():
    wrong = [
        page.name
        for page in sorted(PAGES.glob("*.md"))
        if page.stem != "index"
        and page.read_text(encoding="utf-8").splitlines()[0] != f"# {page.stem}"
    ]

    assert [] == wrong


def test_every_error_stands_in_the_tree_at_the_top():
    drawn = set(re.findall(r"[A-Z]\w+", errors.__doc__ or ""))

    assert set() == {cls.__name__ for cls in CLASSES} - drawn


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_the_first_line_says_what_happened_in_small_letters_and_without_full_stop(cls, facts):
    first = str(cls(**facts)).splitlines()[0]

    assert first == first.strip()
    assert not first[0].isupper()
    assert not first.endswith((".", "!", ":"))
    assert not first.casefold().startswith("error")


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_it_says_what_to_do(cls, facts):
    error = cls(**facts)

    assert error.facts["to do"].strip()
    assert not error.facts["to do"].endswith(".")


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_no_braces_and_no_none_are_left_in_the_text(cls, facts):
    given = " ".join(str(value) for value in facts.values())
    text = str(cls(**facts))

    for mark in ("{", "}", "None"):
        assert text.count(mark) <= given.count(mark)


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_facts_come_in_a_fixed_order_under_each_other_and_the_slug_comes_last(cls, facts):
    error = cls(**facts)

    _, *lines, last = str(error).splitlines()

    labels = []
    for line in lines:
        assert re.fullmatch(r"  \S.{8} \S.*| {12}\S.*|", line), line
        if line[2:3].strip():
            labels.append(line[2:12].strip())
    assert labels == [label for label in LABELS if label in labels]
    assert labels == list(error.facts)
    assert re.fullmatch(rf" +\[{re.escape(error.slug)}\]", last)
    assert 82 == len(last)


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_the_first_line_and_the_facts_are_the_fields_of_json(cls, facts):
    error = cls(**facts)

    fields = error.as_json()

    assert (error.slug, error.what) == (fields.pop("error"), fields.pop("what"))
    assert list(error.facts.values()) == list(fields.values())
    assert not any(" " in name for name in fields)


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_no_password_is_shown(cls, facts):
    error = cls(**facts)

    assert SECRET not in f"{error}{error!r}{error.as_json()}"


@pytest.mark.parametrize(("cls", "facts"), ALL)
def test_it_ends_the_command_as_the_page_of_commands_says(cls, facts):
    error = cls(**facts)

    resumable = getattr(error, "resumable", False)
    expected = 2 if isinstance(error, errors.UsageError) else 3 if resumable else 1
    assert expected == error.exit_code


def test_a_long_statement_is_cut():
    error = errors.BadParameters("2 parameters for 1 place", sql=LONG_SQL, remedy="give one")

    assert error.object is not None
    assert 300 == len(error.object)
    assert error.object.endswith("…")


def test_names_are_joined_and_what_is_left_out_is_counted():
    assert "(none)" == errors.names([])
    assert "a, b" == errors.names(["a", "b"])
    assert "0, 1 … and 1,998 more" == errors.names(map(str, range(2_000)), limit=2)


def test_a_fact_of_several_lines_stays_in_its_column():
    error = errors.WhimbrelError("it stopped", left="one\n\ntwo", remedy="go on")

    assert [
        "it stopped",
        "  left      one",
        "",
        "            two",
        "  to do     go on",
    ] == str(error).splitlines()[:-1]
