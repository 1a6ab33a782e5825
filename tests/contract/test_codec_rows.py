"""Rows as servers hash, order and describe them: none is left out, none is taken for another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from tests import codecs, databases
from whimbrel import errors
from whimbrel.engines import codec
from whimbrel.engines.forms import Family

OpenRaw = Callable[[databases.Database], databases.Raw]


@pytest.fixture
def side(database: databases.Database) -> Iterator[codecs.Side]:
    """A prepared session on an empty database."""
    made = codecs.opened(database)
    yield made
    made.session.close()


@codecs.SERVERS
def test_rows_that_differ_never_have_one_text(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    columns = "id int NOT NULL, a varchar(20), b varchar(20) NOT NULL, c text"
    codecs.create(raw(database), "t", columns)
    rows = [
        ("x|y", "z", None),
        ("x", "y|z", None),
        ("x", "y", "z"),
        (None, "1:x", None),
        ("", "1:x", None),
        ("", "1:x", ""),
        (None, "1:x", ""),
        ("<null>", "", None),
        ("NULL", "", None),
        ("1:x|1:y", "", None),
        ("1:x", "1:y", None),
        ("a", "", None),
        ("A", "", None),
        ("a ", "", None),
        ("é", "", None),
        ("e\u0301", "", None),
        ("🦜", "", None),
        ("🦉", "", None),
        ("\u200d", "", None),
    ]
    for number, row in enumerate(rows):
        raw(database).execute("INSERT INTO t VALUES (%s, %s, %s, %s)", (number, *row))
    scan = side.scan("t")
    scan = dataclasses.replace(scan, values=scan.values[1:])
    shapes = [value.form for value in scan.values]

    found = list(side.codec.stream(scan))

    assert len({hash_ for hash_, _ in found}) == len(rows)
    for hash_, texts in found:
        assert hash_ == codec.hashed(list(zip(shapes, texts, strict=True)))
    assert {texts for _, texts in found} == {
        tuple(None if v is None else v.encode() for v in row) for row in rows
    }
    assert len(side.codec.buckets(scan, 15)) == len(rows)


@codecs.SERVERS
@pytest.mark.parametrize("columns", [120, 250])
def test_rows_can_be_as_wide_as_tables(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, columns: int
) -> None:
    kinds = ("int", "int NOT NULL DEFAULT 7", "varchar(5)", "varchar(5) NOT NULL DEFAULT 'x'")
    each = (f"c{n} {kinds[n // 60 % 4] if n < 240 else 'int'}" for n in range(columns))
    codecs.create(raw(database), "t", ", ".join(each))
    raw(database).execute("INSERT INTO t (c0) VALUES (5)")
    scan = side.scan("t")
    texts = side.codec.rows(scan)[0]
    shapes = [value.form for value in scan.values]

    assert side.codec.total(scan) == codec.summed(
        [codec.hashed(list(zip(shapes, texts, strict=True)))]
    )


@codecs.SERVERS
def test_rows_come_in_the_order_of_their_keys_hashes(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "a int NOT NULL, b varchar(10), n int")
    for number in range(300):
        raw(database).execute(
            "INSERT INTO t VALUES (%s, %s, %s)", (number % 17, f"k{number % 19}%", number)
        )
    scan = dataclasses.replace(side.scan("t", key=2), where="n <> %s", params=(5,))
    key = [value.form for value in scan.values[:2]]

    found = list(side.codec.stream(scan))

    hashes = [hash_ for hash_, _ in found]
    assert hashes == sorted(hashes) and len(hashes) == 299
    assert all(h == codec.hashed(list(zip(key, t[:2], strict=True))) for h, t in found)
    chosen = list(side.codec.stream(scan, digits=1, only=[0, 10, 15]))
    assert [hash_ for hash_, _ in chosen] == [h for h in hashes if h[0] in "0af"]
    assert list(side.codec.stream(scan, digits=1, only=[])) == []
    buckets = side.codec.buckets(scan, 2)
    assert {bucket: total.rows for bucket, total in buckets.items()} == {
        bucket: sum(int(h[:2], 16) == bucket for h in hashes)
        for bucket in {int(h[:2], 16) for h in hashes}
    }
    assert sum(buckets.values(), codec.Sum()) == side.codec.total(scan)
    assert sorted(side.codec.rows(scan)) == sorted(texts for _, texts in found)


@codecs.SERVERS
def test_a_stream_can_be_left_in_the_middle(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int NOT NULL")
    marks = ", ".join(f"({number})" for number in range(5_000))
    raw(database).execute(f"INSERT INTO t VALUES {marks}")
    scan = side.scan("t")

    stream = side.codec.stream(scan)
    first = [next(stream) for _ in range(10)]
    stream.close()  # type: ignore[attr-defined]

    assert len(first) == 10
    assert side.codec.total(scan).rows == 5_000


@codecs.SERVERS
def test_names_may_hold_anything(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    quote = side.session.engine.quote
    table, column = "a%s ü'\"b", "per cent % `x`"
    codecs.create(raw(database), quote(table), f"{quote(column)} int")
    raw(database).execute(f"INSERT INTO {quote(table)} VALUES (5)")
    scan = side.scan(table)

    assert side.codec.rows(scan) == [(b"5",)]
    assert side.codec.total(scan).rows == 1
    assert [texts for _, texts in side.codec.stream(scan)] == [(b"5",)]


@codecs.SERVERS
def test_an_empty_table_has_the_sum_of_nothing(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int")
    scan = side.scan("t")

    assert side.codec.total(scan) == codec.Sum()
    assert side.codec.buckets(scan, 2) == {}
    assert side.codec.rows(scan) == []
    assert list(side.codec.stream(scan)) == []


@codecs.SERVERS
def test_a_text_can_be_asked_for_by_its_bytes(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "v varchar(20)")
    for text in ("a", "A", "a ", "ä", None):
        raw(database).execute("INSERT INTO t VALUES (%s)", (text,))
    (value,) = side.scan("t").values
    octets, as_text = side.codec.octets(value), side.codec.text(value)

    for text in ("a", "A", "a ", "ä"):
        sql = f"SELECT v FROM t WHERE {octets} = %s"
        assert side.session.fetch(sql, [text.encode()]) == [(text,)]
    assert side.session.fetch(f"SELECT v FROM t WHERE {as_text} = 'A'") == [("A",)]
    assert side.session.fetch(f"SELECT {octets} FROM t WHERE {as_text} IS NULL") == [(None,)]


@codecs.MYSQL
def test_texts_of_every_character_set_can_stand_in_one_row(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    kinds = (
        "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL",
        "varchar(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci",
        "varchar(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL",
        "varchar(9) CHARACTER SET ascii",
        "varchar(9) CHARACTER SET latin1 COLLATE latin1_german2_ci NOT NULL",
        "char(9) CHARACTER SET latin2",
        "varchar(9) CHARACTER SET utf16 NOT NULL",
        "varchar(9) CHARACTER SET cp1251",
        "varchar(9) CHARACTER SET sjis",
        "enum('é') CHARACTER SET latin1 NOT NULL",
        "set('é') CHARACTER SET utf8mb3",
        "longtext CHARACTER SET latin1",
        "json",
        "varbinary(9) NOT NULL",
        "int NOT NULL",
    )
    row = ("ä🦜", "🦜", "漢", "ß", "a", "ü", "ő", "🦉", "ж", "漢", "é", "é", "ø", '"ж"', b"\xff", 5)
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(kinds))
    codecs.create(raw(database), "t", columns)
    raw(database).execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(row))})", row)
    scan = side.scan("t", key=2)
    shapes = [value.form for value in scan.values]
    wanted = [v.hex().encode() if isinstance(v, bytes) else str(v).encode() for v in row]
    hash_ = codec.hashed(list(zip(shapes, wanted, strict=True)))

    assert side.codec.rows(scan) == [tuple(wanted)]
    assert side.codec.total(scan) == codec.summed([hash_])
    assert sum(side.codec.buckets(scan, 3).values(), codec.Sum()) == codec.summed([hash_])
    assert [texts for _, texts in side.codec.stream(scan)] == [tuple(wanted)]


@codecs.MYSQL
def test_what_is_too_large_for_the_server_is_refused(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int NOT NULL, v longblob")
    most = int(str(raw(database).value("SELECT @@max_allowed_packet")))
    raw(database).execute(
        "INSERT INTO t VALUES (1, REPEAT('x', %s)), (2, NULL)", (most // 2 + 100,)
    )
    scan = side.scan("t", key=1)

    with pytest.raises(errors.RefusedError) as refused:
        side.codec.total(scan)
    assert "max_allowed_packet" in str(refused.value)
    with pytest.raises(errors.RefusedError):
        side.codec.rows(scan)
    with pytest.raises(errors.RefusedError):
        side.codec.buckets(scan, 1)
    with pytest.raises(errors.RefusedError):
        list(side.codec.stream(scan))
    side.session.rollback()
    joined = codec.Scan(table="t", values=tuple(map(_short, scan.values)))
    with pytest.raises(errors.RefusedError):
        side.codec.total(joined)


def _short(value: codec.Value) -> codec.Value:
    """Let a value stand in the text of its row as it is."""
    return dataclasses.replace(value, form=dataclasses.replace(value.form, long=False))


@codecs.MYSQL
def test_a_hash_that_is_read_before_it_is_made_is_found_out(
    side: codecs.Side,
    database: databases.Database,
    raw: OpenRaw,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codecs.create(raw(database), "t", "id int NOT NULL PRIMARY KEY, v varchar(10)")
    raw(database).execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    scan = side.scan("t", key=1)
    wanted = side.codec.total(scan)
    by_itself = type(side.codec)._sums
    asked = []

    def late(self: object, scan: codec.Scan, digits: int, *, once: bool) -> str:
        """Say first what reads the variable, as a server would compute it from the right."""
        sql = by_itself(self, scan, digits, once=once)
        asked.append(once)
        if not once:
            return sql
        made, _, source = sql.rpartition(" FROM ")
        start, end = made.index("COUNT(@"), made.index(", SUM(")
        readers = made[end + 2 :]
        return f"SELECT {readers}, COUNT(*), {made[start:end]} FROM {source}"

    def turned(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return [(None, n, found, high, low, read) for high, low, read, n, found in rows]

    ask = type(side.codec)._ask
    monkeypatch.setattr(type(side.codec), "_sums", late)
    monkeypatch.setattr(
        type(side.codec),
        "_ask",
        lambda self, sql, params: (
            turned(ask(self, sql, params))
            if sql.startswith("SELECT SUM")
            else ask(self, sql, params)
        ),
    )

    assert side.codec.total(scan) == wanted
    assert asked == [True, False]


# --- expressions --------------------------------------------------------------------------------


@codecs.SERVERS
@pytest.mark.parametrize(
    ("expression", "family"),
    [
        ("n + 1", Family.INTEGER),
        ("d * 1.5", Family.DECIMAL),
        ("upper(t)", Family.TEXT),
        ("coalesce(t, '100%')", Family.TEXT),
        ("cast(m as date)", Family.DATE),
        ("m", Family.DATETIME),
        ("cast(m as time)", Family.TIME),
        ("f / 3", Family.FLOAT),
        ("b", Family.BINARY),
        ("c", Family.TEXT),
        ("NULL", Family.TEXT),
    ],
)
def test_an_expression_is_described_as_a_column(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, expression: str, family: Family
) -> None:
    blob, moment = "bytea", "timestamp(6)"
    if database.kind != "postgresql":
        blob, moment = "varbinary(10)", "datetime(6)"
    codecs.create(
        raw(database),
        "t",
        f"n int, d decimal(10,2), t varchar(10), m {moment}, f double precision, b {blob}, "
        "c char(5)",
    )
    raw(database).execute(
        "INSERT INTO t VALUES (1, 2.5, 'x', '2024-01-01 10:00:00.5', 1, 'ab', 'c')"
    )
    table = side.session.engine.catalog(side.session).table("t")
    side.session.rollback()

    column = side.codec.described(table, expression)

    assert not side.session.in_transaction
    form = side.codec.form(table, column)
    if expression != "NULL" or database.kind == "postgresql":  # elsewhere it is binary
        assert form.family is family
    assert column.null and column.name == expression
    sql = side.session.engine.beside_parameters(f"({expression})")
    scan = codec.Scan(table="t", values=(codec.Value(sql=sql, column=column, form=form),))
    assert side.codec.total(scan) == codec.summed(
        [codec.hashed([(form, texts[0])]) for texts in side.codec.rows(scan)]
    )


@codecs.SERVERS
@pytest.mark.parametrize(
    "expression", ["nothing", "1 +", "n) AS a, (n", "1) FROM t; DELETE FROM t; ("]
)
def test_an_expression_that_is_wrong_is_refused_by_its_name(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, expression: str
) -> None:
    codecs.create(raw(database), "t", "n int")
    raw(database).execute("INSERT INTO t VALUES (1)")
    table = side.session.engine.catalog(side.session).table("t")

    with pytest.raises(errors.RefusedError) as refused:
        side.codec.described(table, expression)

    assert expression in str(refused.value)
    assert side.session.fetch("SELECT n FROM t") == [(1,)]
