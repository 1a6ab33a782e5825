"""Restructuring on every engine: up, down, up; no value is lost on any of the ways."""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.contract import test_verbs
from whimbrel import errors
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = """import datetime
import decimal

from whimbrel import Migration, sql


class It(Migration):
"""

# What collations, trimming and joining by a separator would make one of.
PLACES = [
    ("Köln", "DE"), ("köln", "DE"), ("KÖLN", "DE"), ("Ko\u0308ln", "DE"), ("Köln ", "DE"),
    ("Köln", None), (None, "DE"), (None, None), ("", ""), ("", None), (" ", ""), ("😀", "DE"),
    ("😁", "DE"), ("a|b", "c"), ("a", "b|c"), ("ss", "DE"), ("ß", "DE"), ("'", '"'), ("\\", "%s"),
    ("a\nb", "DE"), ("1", "01"),
]  # fmt: skip
ROWS = [(number, *PLACES[number % len(PLACES)]) for number in range(1, 2_001)]

BASE = (
    HEAD
    + """
    def up(self):
        self.create_table("person", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=60),
            self.column("city", "string", length=40),
            self.column("country", "text"),
            self.column("born", "string", length=60),
        ])

    def down(self):
        self.drop_table("person")
"""
)


def method(name: str, *lines: str) -> str:
    """Return a method of a migration."""
    return f"    def {name}(self):\n" + "".join(f"        {line}\n" for line in lines) + "\n"


def change(*lines: str) -> str:
    return HEAD + method("change", *lines)


class Place:
    """A project whose first migration has made the table `person`, and a look at its database."""

    def __init__(
        self, project: conftest.ProjectFolder, database: databases.Database, raw: databases.Raw
    ) -> None:
        self.folder, self.database, self.raw = project, database, raw
        project.migration("20260101_000000_base", BASE)
        self.project.up()

    @property
    def project(self) -> projects.Project:
        return projects.open_project(folder=self.folder.path, database=self.database.url)

    def fill(self, rows: list[tuple[object, ...]], columns: str) -> None:
        places = ", ".join(["?" if self.database.kind == "sqlite" else "%s"] * len(rows[0]))
        with self.raw.connection.cursor() if self.database.file is None else _own(self.raw) as c:
            c.executemany(f"INSERT INTO person ({columns}) VALUES ({places})", rows)

    def rows(self, sql: str) -> list[databases.Row]:
        """Return rows in the order of their representations, which knows no collation."""
        return sorted(self.raw.execute(sql), key=repr)

    def next(self, text: str) -> projects.Project:
        self.folder.migration("20260102_000000_it", text)
        return self.project

    def columns(self, table: str) -> list[str]:
        session = test_verbs.registry.open_session(self.database.url, read_only=True)
        try:
            return sorted(c.name for c in session.engine.catalog(session).table(table).columns)
        finally:
            session.close()


def _own(raw):
    import contextlib

    return contextlib.closing(raw.connection.cursor())


@pytest.fixture(params=["whole", "batches"])
def place(
    request: pytest.FixtureRequest,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> Place:
    """Small tables stay in one transaction; in batches, nothing is small."""
    if request.param == "batches":
        project.config("[rows]\nsmall_table = 100\nfirst_rows = 150\n")
    return Place(project, database, raw(database))


def test_extracted_values_come_back_to_the_byte(place):
    place.fill(ROWS, "id, city, country")
    before = place.rows("SELECT id, city, country FROM person")
    project = place.next(change('self.extract_table("person", ["city", "country"], into="place")'))

    project.up()
    extracted = place.rows("SELECT city, country FROM place")
    joined = place.rows(
        "SELECT p.id, a.city, a.country FROM person p JOIN place a ON a.id = p.place_id"
    )
    keys = place.raw.execute("SELECT min(id), max(id) FROM place")
    columns = place.columns("place"), place.columns("person")
    project.down()
    back = place.rows("SELECT id, city, country FROM person")
    project.up()

    assert sorted(PLACES, key=repr) == extracted
    assert [(1, len(PLACES))] == keys
    assert (["city", "country", "id"], ["born", "id", "name", "place_id"]) == columns
    assert before == joined == back
    assert joined == place.rows(
        "SELECT p.id, a.city, a.country FROM person p JOIN place a ON a.id = p.place_id"
    )


@pytest.mark.parametrize("rows", [[], [(1, None, None)], [(1, "a", None), (2, "a", None)]])
def test_few_rows_or_none_are_extracted(rows, place):
    if rows:
        place.fill(rows, "id, city, country")
    project = place.next(
        change('self.extract_table("person", "city", into="town", key="nr", foreign_key="town")')
    )

    project.up()
    towns = place.rows("SELECT nr, city FROM town")
    project.down()

    assert [(1, row[1]) for row in rows[:1]] == towns
    assert rows == place.rows("SELECT id, city, country FROM person")


def test_an_extracted_column_keeps_its_type_collation_default_and_not_null(project, database, raw):
    collation = {"sqlite": "NOCASE", "postgresql": "C", "mariadb": "latin1_german1_ci"}
    place = Place(project, database, raw(database))
    made = (
        'self.create_table("thing", [self.column("id", "integer", primary_key=True),',
        (
            f'    self.column("code", "string", length=7, null=False, default="x\'y",'
            f' collation="{collation.get(database.kind, "utf8mb4_bin")}"),'
        ),
        '    self.column("price", "decimal", precision=12, scale=3, comment="net; ;"),',
        '    self.column("at", "datetime", precision=3),',
        '    self.column("ok", "boolean", null=False, default=True)])',
    )
    project.migration("20260101_000001_thing", HEAD + method("up", *made))
    place.project.up()
    place.raw.execute("INSERT INTO thing (id, code, price) VALUES (1, 'a', 1.5), (2, 'A', NULL)")
    before = described(database, "thing")
    opened = place.next(
        change('self.extract_table("thing", ["code", "price", "at", "ok"], into="kind")')
    )

    opened.up()
    moved = described(database, "kind")
    opened.down()

    assert before.keys() - {"id"} == moved.keys() - {"id"}
    assert {name: before[name] for name in moved if name != "id"} == {
        name: text for name, text in moved.items() if name != "id"
    }
    assert before == described(database, "thing")


def tables_of(database: databases.Database) -> list[str]:
    session = test_verbs.registry.open_session(database.url, read_only=True)
    try:
        return session.engine.catalog(session).tables()
    finally:
        session.close()


def described(database: databases.Database, table: str) -> dict[str, object]:
    """Return what the catalog says of each column, in no order."""
    session = test_verbs.registry.open_session(database.url, read_only=True)
    try:
        found = session.engine.catalog(session).table(table)
        return {
            c.name: (
                c.type,
                c.null,
                None if c.default is None else c.default.strip("()"),
                c.collation,
                c.comment,
            )
            for c in found.columns
        }
    finally:
        session.close()


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ('self.create_index("person", "city")', "index ix_person_city"),
        ('self.add_unique("person", ["city", "id"])', "unique constraint uq_person_city_id"),
        ('self.add_check("person", "city <> \'x\'", name="no_x")', "check no_x"),
    ],
)
def test_what_stands_on_a_column_is_not_taken_away_in_silence(made, named, project, database, raw):
    place = Place(project, database, raw(database))
    opened = place.next(
        HEAD + method("up", made, 'self.extract_table("person", "city", into="town")')
    )

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    assert named in str(refused.value)
    assert "keep=True" in str(refused.value)


# --- fold -----------------------------------------------------------------------------------

FOLD = 'self.fold_table("person", "place", ["city", "country"], foreign_key="place_id")'


def test_what_was_extracted_is_folded_to_the_byte(place):
    place.fill(ROWS, "id, city, country")
    before = place.rows("SELECT id, city, country FROM person")
    extracted = HEAD + method(
        "up", 'self.extract_table("person", ["city", "country"], into="place")'
    )
    place.folder.migration("20260101_000001_extract", extracted)
    place.project.up()
    types = described(place.database, "place")

    place.next(HEAD + method("up", FOLD)).up()

    assert before == place.rows("SELECT id, city, country FROM person")
    assert ["born", "city", "country", "id", "name"] == place.columns("person")
    assert types["city"] == described(place.database, "person")["city"]
    assert "place" not in tables_of(place.database)


def folding(project, database, raw, *lines: str) -> tuple[Place, projects.Project]:
    """Return two tables of two and three rows, and a migration to fold them."""
    place = Place(project, database, raw(database))
    made = (
        'self.create_table("town", [self.column("code", "string", length=5),',
        '    self.column("label", "string", length=20), self.column("size", "integer")])',
        "self.execute(\"INSERT INTO town VALUES ('a', 'A-Town', 1), ('b', 'B-Town', NULL)\")",
        "self.execute(\"INSERT INTO person (id, city) VALUES (1, 'a'), (2, 'a'), (3, 'b')\")",
    )
    project.migration("20260101_000001_town", HEAD + method("up", *made))
    place.project.up()
    return place, place.next(HEAD + method("up", *lines))


def test_a_table_is_folded_by_columns_that_mean_the_same(project, database, raw):
    place, opened = folding(
        project,
        database,
        raw,
        'self.fold_table("person", "town", {"town": "label", "town_size": "size"},',
        '                on={"city": "code"})',
    )

    opened.up()

    assert [(1, "a", "A-Town", 1), (2, "a", "A-Town", 1), (3, "b", "B-Town", None)] == place.rows(
        "SELECT id, city, town, town_size FROM person"
    )


def test_a_table_that_stays_can_be_folded_there_and_back(project, database, raw):
    place, opened = folding(project, database, raw)
    opened = place.next(
        change(
            'self.fold_table("person", "town", ["label"], on={"city": "code"}, drop=False)',
        )
    )

    opened.up()
    folded = place.rows("SELECT id, label FROM person")
    opened.down()

    assert [(1, "A-Town"), (2, "A-Town"), (3, "B-Town")] == folded
    assert "label" not in place.columns("person")
    assert 2 == len(place.rows("SELECT * FROM town"))


@pytest.mark.parametrize(
    ("before", "options", "words"),
    [
        ("INSERT INTO town VALUES ('a', 'Another', 2)", "", "find several rows of 'town'"),
        ("INSERT INTO town VALUES ('c', 'Nobody', 2)", "", "referred to by no row of 'person'"),
        ("UPDATE town SET size = 7", 'label"], {"', "columns that would be lost with it"),
    ],
)
def test_folding_that_would_lose_something_is_refused(
    before, options, words, project, database, raw
):
    columns = '["label"]' if options else '["label", "size"]'
    place, opened = folding(
        project,
        database,
        raw,
        f'self.fold_table("person", "town", {columns}, on={{"city": "code"}})',
    )
    place.raw.execute(before)
    towns = place.rows("SELECT * FROM town")

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    assert words in str(refused.value)
    assert towns == place.rows("SELECT * FROM town")
    assert "label" not in place.columns("person")


def test_what_may_be_lost_is_lost_when_it_is_said(project, database, raw):
    place, opened = folding(
        project,
        database,
        raw,
        "self.execute(\"INSERT INTO town VALUES ('c', 'Nobody', 2)\")",
        'self.fold_table("person", "town", ["label"], on={"city": "code"}, accept_loss=True)',
    )

    opened.up()

    assert [("A-Town",), ("A-Town",), ("B-Town",)] == place.rows("SELECT label FROM person")


# --- split and merge ------------------------------------------------------------------------

SPLIT = (
    'self.split_column("person", "name", {',
    '    "first_name": ("string", "SUBSTRING_INDEX(name, \' \', 1)"),',
    '    "last_name": (self.column("last_name", "string", length=50),',
    "                  \"SUBSTRING(name, CHAR_LENGTH(SUBSTRING_INDEX(name, ' ', 1)) + 2)\"),",
    "}, merge=\"CONCAT(first_name, ' ', last_name)\",",
    '   was=self.column("name", "string", length=60))',
)
NAMED = [(n, f"Aña{n} {'😀' * (n % 3)}d'Ör {n}", None) for n in range(1, 1_001)]
MYSQL = "    sql_dialect = 'mysql'\n\n"


def test_a_split_column_comes_back(place):
    place.fill([(n, name) for n, name, _ in NAMED] + [(5_000, None)], "id, name")
    before = place.rows("SELECT id, name FROM person")
    project = place.next(HEAD + MYSQL + method("change", *SPLIT))

    project.up()
    split = place.rows("SELECT id, first_name, last_name FROM person")
    columns = place.columns("person")
    project.down()
    back = place.rows("SELECT id, name FROM person")
    project.up()

    expected = [(n, *name.split(" ", 1)) for n, name, _ in NAMED] + [(5_000, None, None)]
    assert sorted(expected, key=repr) == split
    assert ["born", "city", "country", "first_name", "id", "last_name"] == columns
    assert before == back
    assert split == place.rows("SELECT id, first_name, last_name FROM person")


def test_a_value_that_would_not_come_back_is_not_removed(place):
    place.fill([(n, name) for n, name, _ in NAMED] + [(5_000, "Plato")], "id, name")
    project = place.next(HEAD + MYSQL + method("up", *SPLIT))

    with pytest.raises(errors.WhimbrelError) as refused:
        project.up()

    assert "1 value of person.name would not come back" in str(refused.value)
    assert "id = 5000, name = 'Plato'" in str(refused.value)
    assert "name" in place.columns("person")


def test_new_columns_may_be_not_null_and_are_where_they_can(project, database, raw):
    place = Place(project, database, raw(database))
    place.fill([(1, "a b"), (2, "c d")], "id, name")
    opened = place.next(
        HEAD
        + method(
            "up",
            'self.split_column("person", "name", {"initial": (',
            '    self.column("initial", "string", length=1, null=False), "substr(name, 1, 1)")},',
            "    keep=True)",
        )
    )

    opened.up()

    assert [("a",), ("c",)] == place.rows("SELECT initial FROM person")
    assert described(database, "person")["initial"][1] is False
    assert "name" in place.columns("person")


def test_without_a_way_to_merge_a_split_column_comes_back_as_it_was_kept(project, database, raw):
    place = Place(project, database, raw(database))
    before = place.rows("SELECT id, name FROM person ORDER BY id")
    opened = place.next(change('self.split_column("person", "name", {"n": ("string", "name")})'))
    opened.up()

    opened.down()

    assert before == place.rows("SELECT id, name FROM person ORDER BY id")


def test_a_split_cannot_be_reversed_without_a_way_to_merge_or_values_kept(project, database, raw):
    place = Place(project, database, raw(database))
    split = change('self.split_column("person", "name", {"n": ("string", "name")})')
    opened = place.next(split.replace("(Migration):\n", "(Migration):\n    keep = False\n\n", 1))
    opened.up()

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.down()

    assert "cannot be reversed" in str(refused.value)


MERGE = (
    'self.merge_columns("person", ["city", "country"], "address", "CONCAT(city, \'|\', country)",',
    '    "string", length=100, split={',
    (
        '        "city": (self.column("city", "string", length=40),'
        " \"SUBSTRING_INDEX(address, '|', 1)\"),"
    ),
    '        "country": ("text", "SUBSTRING_INDEX(address, \'|\', -1)")})',
)


def test_merged_columns_come_back(place):
    plain = [row for row in ROWS if None not in row and "|" not in row[1] + row[2]]
    place.fill([*plain, (9_000, None, None)], "id, city, country")
    before = place.rows("SELECT id, city, country FROM person")
    project = place.next(HEAD + MYSQL + method("change", *MERGE))

    project.up()
    merged = place.rows("SELECT id, address FROM person")
    columns = place.columns("person")
    project.down()

    expected = [(n, f"{city}|{country}") for n, city, country in plain] + [(9_000, None)]
    assert sorted(expected, key=repr) == merged
    assert ["address", "born", "id", "name"] == columns
    assert before == place.rows("SELECT id, city, country FROM person")


# --- populate -------------------------------------------------------------------------------


def test_a_column_is_populated_where_it_is_null(place):
    place.fill(ROWS, "id, city, country")
    project = place.next(HEAD + method("up", 'self.populate("person", "city", "x\'\\\\ %s 😀")'))

    project.up()

    filled = [(n, "x'\\ %s 😀", c) if city is None else (n, city, c) for n, city, c in ROWS]
    assert sorted(filled, key=repr) == place.rows("SELECT id, city, country FROM person")


def test_only_what_fulfils_the_condition_is_populated(place):
    place.fill(ROWS, "id, city, country")
    lines = (
        'self.populate("person", "city", "none", where="id > 1000")',
        'self.populate("person", "born", sql("CONCAT(\'x\', id)"), where="id <= 10",',
        "              overwrite=True)",
        'self.populate("person", "country", None, where="id = 1", overwrite=True)',
    )

    place.next(HEAD + MYSQL + method("up", *lines)).up()

    expected = [
        (n, "none" if city is None and n > 1_000 else city, None if n == 1 else c,
         f"x{n}" if n <= 10 else None)
        for n, city, c in ROWS
    ]  # fmt: skip
    assert sorted(expected, key=repr) == place.rows("SELECT id, city, country, born FROM person")


VALUES = {
    "integer": ("2_147_483_647", "2147483647"),
    "bigint": ("-(2**63)", "-9223372036854775808"),
    "boolean": ("True", "1"),
    "date": ("datetime.date(2024, 2, 29)", "2024-02-29"),
    "datetime": ("datetime.datetime(2024, 2, 29, 13, 1, 2, 123456)", "2024-02-29 13:01:02.123456"),
    "text": (repr("a\nb\t\\n%(x)s :y ? 😀"), "a\nb\t\\n%(x)s :y ? 😀"),
    "double": ("0.1 + 0.2", "0.30000000000000004"),
}


@pytest.mark.parametrize("type_", VALUES)
def test_every_kind_of_value_arrives_as_it_is(type_, project, database, raw):
    place = Place(project, database, raw(database))
    place.fill([(1, "a")], "id, name")
    lines = (
        f'self.add_column("person", "it", "{type_}")',
        f'self.populate("person", "it", {VALUES[type_][0]})',
    )

    place.next(HEAD + method("up", *lines)).up()

    got = place.raw.value("SELECT it FROM person")
    shown = {True: "1"}.get(got, str(got)) if isinstance(got, bool) else str(got)
    assert VALUES[type_][1] == shown


def test_a_long_decimal_keeps_its_digits(project, database, raw):
    place = Place(project, database, raw(database))
    place.fill([(1, "a")], "id, name")
    lines = (
        'self.add_column("person", "it", "decimal", precision=30, scale=10)',
        'self.populate("person", "it", decimal.Decimal("12345678901234567890.0123456789"))',
    )

    place.next(HEAD + method("up", *lines)).up()

    assert "12345678901234567890.0123456789" == str(place.raw.value("SELECT it FROM person"))


def test_what_would_fill_null_with_null_is_refused(project, database, raw):
    place = Place(project, database, raw(database))
    opened = place.next(HEAD + method("up", 'self.populate("person", "city", None)'))

    with pytest.raises(errors.UsageError, match="with NULL where it is NULL"):
        opened.up()


# --- convert --------------------------------------------------------------------------------

# What converts, with the text of what it becomes; and what does not.
CONVERTED: dict[str, tuple[dict[str, str], list[str]]] = {
    "integer": (
        {"7": "7", " 007 ": "7", "+12": "12", "-2147483648": "-2147483648"},
        ["", "1.0", "1e3", "0x1F", "1_000", "7a", "--7", "7\n", "99999999999999999999", "٧"],
    ),
    "decimal": (
        {"1.5": "1.50", ".5": "0.50", "-007.250": "-7.25", "12345678.90": "12345678.90"},
        ["1.234", "123456789", "1e2", "1,5", "", ".", "-", "1.2.3", "NaN"],
    ),
    "double": ({"1.5e3": "1500.0", " -0.25 ": "-0.25"}, ["", "e5", "inf", "nan", "1.5.2", "x"]),
    "boolean": (
        {"TRUE": "1", "f": "0", "Yes": "1", "no": "0", " 1 ": "1", "off": "0"},
        ["", "2", "ja", "truee"],
    ),
    "date": (
        {"2024-02-29": "2024-02-29", " 1999-12-31": "1999-12-31"},
        ["2023-02-29", "2024-13-01", "2024-00-01", "0000-01-01", "24-01-01", "2024-1-1", "",
         "2024-04-31", "2024-01-01 10:00", "yesterday"],
    ),
    "datetime": (
        {
            "2024-02-29 13:14:15.25": "2024-02-29 13:14:15.25",
            "2024-01-01T07:08": "2024-01-01 07:08",
        },
        ["2024-02-30 10:00:00", "2024-01-01 24:00:00", "2024-01-01 10:61", "10:00", ""],
    ),
    "json": ({'{"a": [1, "é"]}': '{"a": [1, "é"]}', " 7 ": "7"}, ["", "{", "{'a': 1}", "nul"]),
    "uuid": (
        {"F47AC10B-58cc-4372-a567-0e02b2c3d479": "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
        ["f47ac10b58cc4372a5670e02b2c3d47", "", "g47ac10b-58cc-4372-a567-0e02b2c3d479"],
    ),
    "enum": ({"new": "new", "old": "old"}, ["New", "new ", "", "x"]),
}  # fmt: skip
OPTIONS = {"decimal": ", precision=10, scale=2", "enum": ', values=["new", "old"]'}


def plain(type_: str, value: object) -> str:
    """Return a value, however a driver gives it, as it is written above."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if type_ == "json":
        return json.dumps(value if not isinstance(value, str) else json.loads(value),
                          ensure_ascii=False)  # fmt: skip
    if type_ == "decimal":
        return f"{decimal.Decimal(text):.2f}"
    if type_ == "datetime":
        text = text.replace("T", " ")
        return text.rstrip("0") if "." in text else text.removesuffix(":00")
    return text.lower() if type_ == "uuid" else text


@pytest.mark.parametrize("type_", CONVERTED)
def test_texts_become_what_they_say(type_, project, database, raw):
    place = Place(project, database, raw(database))
    good, bad = CONVERTED[type_]
    place.fill([*enumerate([*good, None, *bad], start=1)], "id, born")
    options = OPTIONS.get(type_, "")
    place.next(
        HEAD
        + method("up", f'self.convert_column("person", "born", "{type_}"{options}, invalid="null")')
    ).up()

    found = place.raw.execute("SELECT born FROM person ORDER BY id")
    got = [None if value is None else plain(type_, value) for (value,) in found]
    assert [*good.values(), None, *[None] * len(bad)] == got
    assert "born" in place.columns("person")
    assert not [name for name in place.columns("person") if name.startswith("whimbrel")]


def test_values_that_do_not_convert_are_counted_and_named(place):
    place.fill([(n, str(n) if n % 500 else "x") for n in range(1, 2_001)], "id, born")
    before = described(place.database, "person")
    project = place.next(HEAD + method("up", 'self.convert_column("person", "born", "integer")'))

    with pytest.raises(errors.WhimbrelError) as refused:
        project.up()

    assert "4 values of person.born cannot be stored unchanged as integer" in str(refused.value)
    assert "id = 500, born = 'x'" in str(refused.value)
    assert "value-does-not-fit" == refused.value.slug
    assert before == described(place.database, "person")


CONVERT = (
    'self.convert_column("person", "born", "integer", null=False, default=7,',
    '    was=self.column("born", "string", length=60),',
    "    reverse=\"concat(born, '')\")",
)


def test_a_converted_column_keeps_what_stands_on_it_and_goes_back(place):
    place.fill([(n, str(n % 7)) for n in range(1, 2_001)], "id, born")
    setup = (
        'self.create_index("person", ["born", "id"])',
        'self.create_index("person", "born", name="alone")',
    )
    place.folder.migration("20260101_000001_setup", HEAD + method("up", *setup))
    place.project.up()
    before = place.rows("SELECT id, born FROM person")
    project = place.next(HEAD + MYSQL + method("change", *CONVERT))

    project.up()
    converted = place.rows("SELECT id, born FROM person")
    facts = described(place.database, "person")["born"]
    indexes = index_names(place.database, "person")
    project.down()
    back = place.rows("SELECT id, born FROM person")
    kept = index_names(place.database, "person")
    project.up()

    assert sorted([(n, n % 7) for n in range(1, 2_001)], key=repr) == converted
    assert (False, "7") == (facts[1], facts[2])
    assert ["alone", "ix_person_born_id"] == indexes == kept
    assert before == back
    assert converted == place.rows("SELECT id, born FROM person")


def index_names(database: databases.Database, table: str) -> list[str]:
    session = test_verbs.registry.open_session(database.url, read_only=True)
    try:
        return sorted(i.name for i in session.engine.catalog(session).table(table).indexes)
    finally:
        session.close()


def test_values_that_do_not_convert_may_get_another_one(place):
    place.fill([(1, "1"), (2, "?"), (3, None)], "id, born")

    place.next(
        HEAD + method("up", 'self.convert_column("person", "born", "integer", instead=-1)')
    ).up()

    assert [(1, 1), (2, -1), (3, None)] == place.rows("SELECT id, born FROM person")


def test_rows_whose_value_does_not_convert_are_put_aside(place):
    place.fill([(n, str(n) if n % 500 else "x") for n in range(1, 2_001)], "id, born")
    line = 'self.convert_column("person", "born", "integer", invalid="reject", max_rejects=4)'

    place.next(HEAD + method("up", line)).up()

    quoted = "`row`" if place.database.kind == "mariadb" else '"row"'
    rejects = place.raw.execute(f"SELECT reason, {quoted} FROM whimbrel_rejects")
    assert 4 == len(rejects)
    assert {"born is no integer"} == {reason for reason, _ in rejects}
    assert all('"x"' in str(row) for _, row in rejects)
    assert 4 == place.raw.value("SELECT count(*) FROM person WHERE born IS NULL")


def test_an_expression_says_what_no_rule_knows(place):
    place.fill([(1, "31.12.1999"), (2, "never"), (3, None)], "id, born")
    using = (
        "CASE WHEN born LIKE '%.%.%' THEN "
        "CONCAT(SUBSTRING(born, 7, 4), '-', SUBSTRING(born, 4, 2), '-', LEFT(born, 2)) END"
    )
    line = f'self.convert_column("person", "born", "string", using="{using}", invalid="null")'

    place.next(HEAD + MYSQL + method("up", line)).up()

    assert [(1, "1999-12-31"), (2, None), (3, None)] == place.rows("SELECT id, born FROM person")


def test_numbers_become_texts_that_say_all_of_them(project, database, raw):
    place = Place(project, database, raw(database))
    place.fill([(1, "x"), (2, None)], "id, name")
    lines = (
        'self.add_column("person", "n", "double")',
        'self.add_column("person", "d", "decimal", precision=30, scale=10)',
        'self.populate("person", "n", 0.1 + 0.2, where="id = 1")',
        'self.populate("person", "d", decimal.Decimal("12345678901234567890.0123456789"),',
        '              where="id = 1")',
        'self.convert_column("person", "n", "string")',
        'self.convert_column("person", "d", "text", null=True)',
    )

    place.next(HEAD + method("up", *lines)).up()

    n, d = place.raw.execute("SELECT n, d FROM person ORDER BY id")[0]
    assert 0.1 + 0.2 == float(n)
    assert "12345678901234567890.0123456789" == d
    assert (None, None) == place.raw.execute("SELECT n, d FROM person ORDER BY id")[1]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ('self.add_check("person", "born <> \'x\'", name="no_x")', "check no_x"),
        ('self.create_index("person", sql("lower(born)"), name="low")', "index low"),
        ("pass", "the primary key"),
        ('self.change_column("person", "born", "string", length=60, default="0")', "default"),
    ],
)
def test_what_cannot_be_made_again_stands_in_the_way(made, words, project, database, raw):
    if "sql(" in made and database.kind == "mariadb":
        made = 'self.create_index("person", "born", name="low", length=3)'
    place = Place(project, database, raw(database))
    column = "id" if made == "pass" else "born"
    place.folder.migration("20260101_000001_made", HEAD + method("up", made))
    place.project.up()
    opened = place.next(
        HEAD + method("up", f'self.convert_column("person", "{column}", "integer")')
    )

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    assert words in str(refused.value)


# --- without indexes ------------------------------------------------------------------------

KEYED = (
    'self.create_table("town", [self.column("id", "integer", primary_key=True),',
    '    self.column("code", "string", length=9, unique=True)])',
    'self.add_column("person", "town_id", "integer")',
    'self.add_column("person", "town_code", "string", length=9)',
    'self.create_index("person", "town_id")',
    'self.add_foreign_key("person", "town_id", "town", "id")',
    'self.add_foreign_key("person", "town_code", "town", "code", name="by_code")',
    'self.create_index("person", ["city", "id"], descending=[True, False])',
    'self.create_index("person", "name", unique=True)',
    'self.add_unique("person", ["born", "id"])',
    'self.add_check("person", "id > 0", name="positive")',
    "self.execute(\"INSERT INTO town VALUES (1, 'a')\")",
)
# What a portable index cannot say.
SPECIAL = {
    "sqlite": [
        "CREATE INDEX low ON person (lower(name) COLLATE NOCASE DESC) WHERE city <> 'x'",
    ],
    "postgresql": [
        "CREATE INDEX low ON person USING gin (to_tsvector('simple', country))",
        (
            "CREATE INDEX several ON person (name text_pattern_ops DESC NULLS LAST) INCLUDE (city) "
            "WITH (fillfactor=70) WHERE id > 7"
        ),
    ],
    "mariadb": [
        "CREATE FULLTEXT INDEX low ON person (country)",
        "CREATE INDEX several ON person (name(7), country(3)) COMMENT 'a, `b`'",
    ],
}


def keyed(project, database, raw, body: str, *, constraints: bool = False) -> Place:
    """Return a place with many indexes, and a migration whose block has this body."""
    place = Place(project, database, raw(database))
    place.folder.migration("20260101_000001_keyed", HEAD + method("up", *KEYED))
    place.project.up()
    for sql in SPECIAL.get(database.kind, []):
        place.raw.execute(sql)
    place.fill([(n, "x", "t") for n in range(1, 501)], "id, city, country")
    option = ", constraints=True" if constraints else ""
    place.next(change(f'with self.without_indexes("person"{option}):', f"    {body}"))
    return place


@pytest.mark.parametrize("mode", ["whole", "batches"])
@pytest.mark.parametrize("constraints", [False, True])
def test_indexes_are_gone_in_the_block_and_the_same_after_it(
    constraints, mode, project, database, raw
):
    if mode == "batches":
        project.config("[rows]\nsmall_table = 100\nfirst_rows = 150\n")
    body = 'self.add_column("person", "seen", "integer"); self.populate("person", "seen", 1)'
    place = keyed(project, database, raw, body, constraints=constraints)
    before = parts_of(database)
    opened = place.project

    plan = opened.plan().migrations[0]
    opened.up()
    after = parts_of(database)
    opened.down()

    dropped = {step.words.split()[2] for step in plan.steps if step.words.startswith("remove ")}
    assert {"low", "ix_person_city_id"} <= dropped
    assert ("ix_person_name" in dropped) == constraints
    gone = {"uq_person_born_id", "positive", "by_code", "fk_person_town_id"}
    if database.kind == "sqlite":
        gone = set()  # there they are part of the table itself
    assert (gone if constraints else set()) == gone & dropped
    assert before == after == parts_of(database)
    assert 500 == place.raw.value("SELECT count(*) FROM person")


def parts_of(database: databases.Database) -> dict[str, object]:
    """Return indexes and constraints as the server describes them, in no order."""
    session = test_verbs.registry.open_session(database.url, read_only=True)
    try:
        catalog = session.engine.catalog(session)
        found = catalog.table("person")
        texts = {
            name: text
            for name, text in catalog.texts().items()
            if name.startswith(("index ", "constraint ")) or name in {"low", "several"}
        }
        parts = [*found.indexes, *found.uniques, *found.checks, *found.foreign_keys]
        return texts | {str(part.name): part for part in parts}
    finally:
        session.close()


def test_an_error_in_the_block_says_what_is_missing(project, database, raw):
    body = 'self.execute("INSERT INTO nowhere VALUES (1)")'
    place = keyed(project, database, raw, body)
    file = place.folder.migrations / "20260102_000000_it.py"
    file.write_text(
        file.read_text().replace("    def change", "    transactional = False\n\n    def change")
    )
    before = parts_of(database)

    with pytest.raises(errors.MigrationFailed) as failed:
        place.project.up()
    during = index_names(database, "person")
    file.write_text(file.read_text().replace(body, "pass"))
    place.project.up()

    assert "missing until the migration is finished or taken back" in str(failed.value)
    assert "ix_person_city_id" in (failed.value.left or "")
    assert "ix_person_city_id" not in during
    assert before == parts_of(database)


def test_what_is_half_done_is_taken_back_with_its_indexes(project, database, raw):
    body = 'self.execute("INSERT INTO nowhere VALUES (1)")'
    place = keyed(project, database, raw, body, constraints=True)
    file = place.folder.migrations / "20260102_000000_it.py"
    file.write_text(
        file.read_text().replace("    def change", "    transactional = False\n\n    def change")
    )
    before = parts_of(database)
    with pytest.raises(errors.MigrationFailed):
        place.project.up()

    place.project.down()

    assert before == parts_of(database)
    assert "pending" == place.project.status()[-1].state


def test_a_migration_that_hides_the_error_of_a_block_is_not_finished(project, database, raw):
    place = keyed(project, database, raw, "pass")
    lines = (
        "try:",
        '    with self.without_indexes("person"):',
        '        raise ValueError("hidden")',
        "except ValueError:",
        "    pass",
    )
    opened = place.next(HEAD + "    transactional = False\n\n" + method("up", *lines))

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    assert "went on as if it had not" in str(refused.value)


# --- names and types ------------------------------------------------------------------------

EVERY = (
    'self.create_table("Order Details", [',
    '    self.column("key, %s", "string", length=20), self.column("id", "integer"),',
    '    self.column("100%", "float", precision=24), self.column("select", "double"),',
    '    self.column("json", "json"), self.column("b`\\"x", "binary"),',
    '    self.column("long", "text"), self.column("at", "datetime"),',
    '    self.column("moment", "timestamp"), self.column("u", "uuid"),',
    '    self.column("e", "boolean"), self.column("d", "decimal", precision=30, scale=10),',
    '    self.column("t", "time"), self.column("s", "smallint"), self.column("day", "date"),',
    '], primary_key=["key, %s", "id"])',
    'row = {"100%": 0.1, "select": 0.1 + 0.2, "json": {"a": [1, None]}, \'b`"x\': b"\\0\\xff\'",',
    '       "long": "x" * 70_000, "at": datetime.datetime(2024, 2, 29, 1, 2, 3, 456789),',
    '       "moment": datetime.datetime(2024, 10, 27, 1, 30), "e": True,',
    '       "u": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "t": datetime.time(1, 2, 3, 4),',
    '       "d": decimal.Decimal("12345678901234567890.0123456789"), "s": -1,',
    '       "day": datetime.date(2024, 2, 29)}',
    "for n in range(1, 41):",
    '    self.execute(\'INSERT INTO "Order Details" ("key, %s", id) VALUES (?, ?)\',',
    '                 [f"k\'{n % 4}", n], dialect="sqlite")',
    "for name, value in row.items():",
    '    self.populate("Order Details", name, value, where="id > 2")',
    'self.populate("Order Details", "select", 0.3, where="id > 20", overwrite=True)',
)


def test_values_of_every_type_and_odd_names_come_back(place):
    if place.database.kind != "sqlite":
        place.folder.config("[rows]\nsmall_table = 10\nfirst_rows = 10\n")
    place.folder.migration("20260101_000001_every", HEAD + method("up", *EVERY))
    place.project.up()
    described_before = described(place.database, "Order Details")
    columns = [name for name in described_before if name not in {"id", "key, %s"}]
    quoted = [quote(place.database, name) for name in columns]
    select = f"SELECT id, {', '.join(quoted)} FROM {quote(place.database, 'Order Details')}"
    before = place.rows(select)
    project = place.next(
        change(f'self.extract_table("Order Details", {columns!r}, into="It\'s %", key="key, %s")')
    )

    project.up()
    made = quote(place.database, "It's %")
    extracted = place.raw.value(f"SELECT count(*) FROM {made}")
    left = place.columns("Order Details")
    project.down()

    # Nothing, everything, and everything with another number.
    assert 3 == extracted
    assert ["It's %_key, %s", "id", "key, %s"] == left
    assert before == place.rows(select)
    assert described_before == described(place.database, "Order Details")


def quote(database: databases.Database, name: str) -> str:
    return test_verbs.registry.by_name(database.kind).quote(name)


def test_a_table_without_a_key_is_extracted_while_it_is_small(project, database, raw):
    place = Place(project, database, raw(database))
    made = (
        'self.create_table("note", [self.column("a", "text"), self.column("b", "integer")])',
        "self.execute(\"INSERT INTO note VALUES ('x', 1), ('x', 1), ('X', 2), (NULL, 1)\")",
    )
    place.folder.migration("20260101_000001_note", HEAD + method("up", *made))
    place.project.up()
    project = place.next(change('self.extract_table("note", "a", into="text_of_note")'))

    project.up()
    extracted = place.rows("SELECT a FROM text_of_note")
    project.down()

    assert [("X",), ("x",), (None,)] == sorted(extracted, key=repr)
    assert [("X", 2), ("x", 1), ("x", 1), (None, 1)] == place.rows("SELECT a, b FROM note")
