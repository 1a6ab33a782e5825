"""Find rows by the texts of their keys, exactly: nothing but the rows themselves is believed."""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel.engines import codec
from whimbrel.proof import findings, sides


def possible(pair: findings.TablePair, keys: Sequence[codec.Texts]) -> bool:
    """Whether rows can be found by these keys."""
    return bool(pair.key) and all(
        text is None or b"\xff" not in text for key in keys for text in key
    )


def rows(
    pair: findings.TablePair, which: int, seat: sides.Seat, keys: Sequence[codec.Texts]
) -> list[codec.Texts]:
    """Return the rows of one side (0 source, 1 target) with these keys.

    Whole numbers with an index are compared as numbers; everything else by the text that was
    compared before, so that a row that is there is never missed. The database may give more,
    where its collation calls other texts equal: they are left out here.
    """
    values = tuple(one.target if which else one.source for one in pair.columns)
    where = pair.where_target if which else pair.where_source
    condition, params = _condition(pair, which, seat, keys)
    if where:
        condition = f"({seat.engine.beside_parameters(where)}\n) AND ({condition})"
    table = pair.target.name if which else pair.source.name
    scan = codec.Scan(table=table, values=values, key=pair.key, where=condition, params=params)
    wanted = set(keys)
    return [
        row for row in seat.codec.rows(scan) if tuple(row[place] for place in pair.key) in wanted
    ]


def _condition(
    pair: findings.TablePair, which: int, seat: sides.Seat, keys: Sequence[codec.Texts]
) -> tuple[str, tuple[object, ...]]:
    walk = pair.walk_target if which else pair.walk_source
    # An odd value ("!…") is no number to compare with.
    numbers = bool(walk) and all(_number(text) is not None for key in keys for text in key)
    if numbers:
        names = [seat.engine.beside_parameters(seat.engine.quote(name)) for name in walk]
    else:
        chosen = [pair.columns[place] for place in pair.key]
        names = [seat.codec.text(one.target if which else one.source) for one in chosen]
    params: list[object] = []
    if len(names) == 1 and all(key[0] is not None for key in keys):
        params = [_param(key[0], numbers) for key in keys]
        places = ", ".join([seat.engine.placeholder] * len(params))
        return f"{names[0]} IN ({places})", tuple(params)
    either = []
    for key in keys:
        both = []
        for name, text in zip(names, key, strict=True):
            if text is None:
                both.append(f"{name} IS NULL")
            else:
                both.append(f"{name} = {seat.engine.placeholder}")
                params.append(_param(text, numbers))
        either.append(f"({' AND '.join(both)})")
    return " OR ".join(either), tuple(params)


def _number(text: bytes | None) -> int | None:
    plain = (text or b"").removeprefix(b"i:")
    return int(plain) if plain.removeprefix(b"-").isdigit() else None


def _param(text: bytes | None, number: bool) -> object:
    if text is None:
        return None
    return _number(text) if number else text.decode("utf-8", "surrogatepass")
