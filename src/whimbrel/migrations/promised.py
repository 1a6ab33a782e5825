"""The model calls that upstream documented and never shipped: `Model.find()` and `Model()`.

Plain models have them inside a migration only, because the documented migrations use them; code
outside is untouched. A model that wants them everywhere says `class User(PromisedApi,
ActiveRecord)`. Nothing here is imported or changed before upstream itself is.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

# Models and queries of upstream, which publishes no types.
Model = Any
Query = Any

_kept: Final = contextvars.ContextVar("whimbrel_promises_kept", default=False)


@contextmanager
def kept() -> Iterator[None]:
    """Give plain models the promised calls, in this thread, for the length of the block."""
    token = _kept.set(True)
    try:
        yield
    finally:
        _kept.reset(token)


def find(model: type[Model]) -> Query:
    """Return a new query of a model whose pages are stable."""
    return _stable(model.__query_class__)(model)


def order_pages(query: Query) -> None:
    """Order a page by the primary key, unless the query says by what.

    LIMIT and OFFSET without an order may skip rows and repeat others.
    """
    if query.limit_offset_clause is None or query.order_by_clause is not None:
        return
    if query.group_by_having_clause is None:
        from rhosocial.activerecord.backend.expression import Column

        model, dialect = query.model_class, query.backend().dialect
        table = model.table_name() if query.join_clause else None
        columns = model.primary_key_columns()
        query.order_by(*(Column(dialect, name, table=table) for name in columns))


class PromisedApi:
    """Mixin for models: `find()`, and a constructor that needs no values until `save()`."""

    @classmethod
    def find(cls) -> Query:
        """Return a new query, whose pages are stable."""
        return find(cls)

    def __init__(self, **data: Any) -> None:
        if data:
            super().__init__(**data)
        else:
            _blank(self)


def install() -> None:
    """Teach upstream's classes the promised calls, which work inside `kept()` alone. Once."""
    from rhosocial.activerecord.base import BaseActiveRecord
    from rhosocial.activerecord.interface.model import ActiveRecordBase

    construct = ActiveRecordBase.__init__
    if hasattr(construct, "whimbrel"):
        return

    @functools.wraps(construct)
    def init(self: Model, **data: Any) -> None:
        if data or not _kept.get():
            construct(self, **data)
        else:
            _blank(self)

    init.whimbrel = True  # type: ignore[attr-defined]
    ActiveRecordBase.__init__ = init
    if not hasattr(BaseActiveRecord, "find"):
        BaseActiveRecord.find = _Find()


class _Find:
    """The attribute `find` of plain models, which exists only inside `kept()`."""

    def __get__(self, model: Model | None, kind: type[Model]) -> Any:
        if not _kept.get():
            raise AttributeError(f"type object {kind.__name__!r} has no attribute 'find'")
        return functools.partial(find, kind)


class _StablePages:
    def all(self) -> Any:
        order_pages(self)
        return super().all()  # type: ignore[misc]


@functools.cache
def _stable(query_class: type[Query]) -> type[Query]:
    return type(f"Stable{query_class.__name__}", (_StablePages, query_class), {})


def _blank(self: Model) -> None:
    """Build a model without values for its required fields: reading one is an AttributeError.

    The first half is what pydantic's `model_construct()` does, the second what upstream's
    constructor adds. `save()` validates as always.
    """
    model = type(self)
    values: dict[str, object] = {}
    for name, field in model.model_fields.items():
        if not field.is_required():
            values[name] = field.get_default(call_default_factory=True, validated_data=values)
    extra: dict[str, object] | None = {} if model.model_config.get("extra") == "allow" else None
    object.__setattr__(self, "__dict__", values)
    object.__setattr__(self, "__pydantic_fields_set__", set())
    object.__setattr__(self, "__pydantic_extra__", extra)
    object.__setattr__(self, "__pydantic_private__", None)
    if model.__pydantic_post_init__:
        self.model_post_init(None)

    from rhosocial.activerecord.interface import ModelEvent

    self._dirty_fields = set()
    self._original_values = dict(values)
    self._is_from_db = False
    self._event_handlers = {event: [] for event in ModelEvent}
