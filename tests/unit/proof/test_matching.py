from __future__ import annotations

from whimbrel import tables
from whimbrel.engines import codec
from whimbrel.engines.forms import Family, Form
from whimbrel.proof import findings, matching
from whimbrel.proof.findings import Difference, Kind


def _pair(*families: Family, key: tuple[int, ...] = (0,)) -> findings.TablePair:
    columns = []
    for at, family in enumerate(families):
        found = tables.FoundColumn(name=f"c{at}", type="?", null=True)
        value = codec.Value(sql=f"c{at}", column=found, form=Form(family=family))
        columns.append(
            findings.ColumnPair(
                source=value,
                target=value,
                source_name=f"c{at}",
                target_name=f"c{at}",
                form=value.form,
            )
        )
    table = tables.Table(name="t", columns=tuple(one.source.column for one in columns))
    return findings.TablePair(source=table, target=table, columns=tuple(columns), key=key)


KEYED = _pair(Family.INTEGER, Family.TEXT, Family.TEXT)
LOOSE = _pair(Family.INTEGER, Family.TEXT, key=())


def test_equal_rows_are_no_difference() -> None:
    rows = [(b"1", b"a", None), (b"2", b"b", b"")]

    assert [] == list(matching.compare(KEYED, rows, reversed(rows)))


def test_a_changed_row_names_its_columns() -> None:
    before, after = (b"1", b"a", None), (b"1", b"A", b"")

    found = list(matching.compare(KEYED, [before], [after]))

    expected = Difference(
        kind=Kind.CHANGED, key=(b"1",), source=before, target=after, columns=(1, 2)
    )
    assert [expected] == found


def test_a_row_on_one_side_is_alone() -> None:
    one, other = (b"1", b"a", None), (b"2", b"a", None)

    found = list(matching.compare(KEYED, [one], [other]))

    kinds = {(difference.kind, difference.key) for difference in found}  # type: ignore[union-attr]
    assert {(Kind.ONLY_SOURCE, (b"1",)), (Kind.ONLY_TARGET, (b"2",))} == kinds


def test_a_key_that_comes_twice_is_counted_twice() -> None:
    row = (b"1", b"a", None)

    found = list(matching.compare(KEYED, [row], [row, row]))

    assert [Difference(kind=Kind.ONLY_TARGET, key=(b"1",), target=row)] == found


def test_rows_without_a_key_are_a_multiset() -> None:
    one, other = (b"1", b"a"), (b"1", b"b")

    found = list(matching.compare(LOOSE, [one, one, other], [one, other, other]))

    assert [
        Difference(kind=Kind.ONLY_SOURCE, key=(), source=one),
        Difference(kind=Kind.ONLY_TARGET, key=(), target=other),
    ] == sorted(found, key=lambda difference: difference.kind.value)  # type: ignore[union-attr]


def test_rows_equal_by_value_alone_are_only_counted() -> None:
    pair = _pair(Family.INTEGER, Family.JSON)

    found = list(matching.compare(pair, [(b"1", b'{"a":1}')], [(b"1", b'{ "a": 1.0 }')]))

    assert 1 == sum(found)  # type: ignore[arg-type]


def test_without_a_key_documents_do_not_tell_rows_apart() -> None:
    pair = _pair(Family.INTEGER, Family.JSON, key=())

    found = list(
        matching.compare(
            pair,
            [(b"1", b"[1]"), (b"1", b"[2]")],
            [(b"1", b"[ 2 ]"), (b"1", b"[ 1 ]")],
        )
    )

    assert 2 == sum(found)  # type: ignore[arg-type]


def test_the_spool_gives_back_what_it_took() -> None:
    found = [
        Difference(kind=Kind.CHANGED, key=(b"1",), source=(b"\xff|", None), target=(b"", b"-")),
        Difference(kind=Kind.ONLY_TARGET, key=(), target=(b"12:", None), columns=(3, 14)),
    ]
    spool = findings.Spool()

    spool.add(2, found)

    assert found == list(spool.read(2))
    assert [found[1]] == list(spool.read(2, kind=Kind.ONLY_TARGET))
    assert [] == list(spool.read(1))
    spool.clear(2)
    assert 0 == spool.count(2)
    spool.close()
