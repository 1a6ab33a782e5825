"""Write to an old and a new place at once: what applications call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.online import function_pair, mappings, pair

if TYPE_CHECKING:
    from whimbrel.online import model_pair

Options = pair.Options
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@overload
def dual_write(
    old: type,
    new: type,
    mapping: Mapping[str, mappings.Source] | None = None,
    *,
    name: str,
    back: Mapping[str, mappings.Source] | None = None,
    key: Mapping[str, str] | None = None,
    deliver: str = pair.INLINE,
    options: pair.Options | None = None,
    prepare: bool = True,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> model_pair.ModelPair: ...


@overload
def dual_write(
    old: function_pair.Write,
    new: function_pair.Write,
    mapping: function_pair.Convert | None = None,
    *,
    name: str,
    key: Callable[[Any], object],
    databases: Sequence[sa.Engine],
    back: function_pair.Convert | None = None,
    deliver: str = pair.INLINE,
    options: pair.Options | None = None,
    prepare: bool = True,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> function_pair.FunctionPair: ...


def dual_write(
    old: Any,
    new: Any,
    mapping: Any = None,
    *,
    name: str,
    back: Any = None,
    key: Any = None,
    databases: Sequence[sa.Engine] = (),
    deliver: str = pair.INLINE,
    options: pair.Options | None = None,
    prepare: bool = True,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> pair.Pair:
    """Write what one side is told to the other one as well, from now on.

    For two ActiveRecord models `mapping` has the fields of the new one: each is a field of the old
    one, or a function of its row; those of the same name need not be said. `back` is the same for
    the other direction, where it does not follow, and `key` says which fields of the new model
    hold the key of the old one. For two functions `mapping` turns what the old one is given into
    what the new one is given.

    In one database both sides are written in one transaction. Otherwise an outbox in the leading
    database keeps what the other one needs until it has it.

    Raises BadMapping, DualWriteRefused, UsageError.
    """
    if not _NAME.fullmatch(name):
        raise errors.UsageError(
            f"{name!r} is no name of a dual write",
            remedy="letters, digits, points, dashes and underscores, 64 at most:  users",
        )
    chosen = options or pair.Options(deliver=deliver)
    made: pair.Pair
    if isinstance(old, type) and isinstance(new, type):
        from whimbrel.online import model_pair

        models = model_pair.ModelPair(
            old,
            new,
            mapping or {},
            name=name,
            back=back or {},
            key=key or {},
            options=chosen,
            tell=tell,
            clock=clock,
        )
        made = models
        if prepare:
            made.prepare()
        models.install()
        return made
    if key is None or not databases:
        raise errors.UsageError(
            "two functions need a key, and the databases they write to",
            remedy='dual_write(save_old, save_new, name="users",\n'
            '           key=lambda user: user["id"], databases=[engine])',
        )
    made = function_pair.FunctionPair(
        old,
        new,
        mapping,
        name=name,
        back=back,
        key=key,
        databases=databases,
        options=chosen,
        tell=tell,
        clock=clock,
    )
    if prepare:
        made.prepare()
    return made
