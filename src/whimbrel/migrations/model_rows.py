"""Rows as ActiveRecord models: built as the model's own query would, written as save() would.

The model's own code reads a row, validates it and says what is to be stored; only the statement
is ours, for many rows at once. What save() does beyond that is done too, or refused by name.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NoReturn

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines import models as engine_models
from whimbrel.migrations import answers, guest_backend, guests, patches
from whimbrel.rows import shaping

# A class or an object of upstream, which publishes no types.
Upstream = Any

# What a model may write anew, and what is then no longer what save() does.
_SAVING: Final = ("save", "_save_internal", "_insert_internal", "_update_internal")
_AFTERWARDS: Final = ("_after_save", "after_save")


def of(source: object) -> Upstream | None:
    """Return a model class if this is one; raise UsageError for what is no table either."""
    if isinstance(source, str):
        return None
    if isinstance(source, type) and patches.is_there():
        from rhosocial.activerecord.base import AsyncBaseActiveRecord, BaseActiveRecord

        if issubclass(source, AsyncBaseActiveRecord):
            raise errors.RefusedError(
                f"{source.__name__} is an asynchronous model, and rows are put through in order",
                remedy="use a synchronous model of the same table, or the table's name",
            )
        if issubclass(source, BaseActiveRecord):
            return source
    raise errors.UsageError(
        f"transform() takes tables or ActiveRecord models, not {source!r}",
        remedy='name the table:  self.transform("old", "new", function)',
    )


def table_of(model: Upstream) -> str:
    """Return the name of a model's table; raise RefusedError for one of another schema."""
    if model.schema_name() is not None:
        raise errors.RefusedError(
            f"the model {model.__name__} is of schema {model.schema_name()!r}, and rows are put "
            "through in the schema of the migration alone",
            remedy="set the schema for the session, and leave __schema_name__ out",
        )
    return str(model.table_name())


def where_of(model: Upstream) -> str | None:
    """Return what the model's own query() leaves out (soft-deleted rows, say) as SQL."""
    query = model.query()
    where = query.where_clause
    sql, params = ("", ()) if where is None else where.condition.to_sql()
    if params or query.join_clause or query.group_by_having_clause or query.limit_offset_clause:
        raise errors.RefusedError(
            f"{model.__name__}.query() chooses rows in a way that cannot be cut in batches",
            object="it joins, groups, limits, or has values in its condition",
            remedy="use the table's name, and say which rows:  where=…",
        )
    return sql or None


# --- rows ---------------------------------------------------------------------------------------


class Models(shaping.Form):
    """Rows as instances of a model, whose table is `table`."""

    def __init__(self, model: Upstream, table: tables.Table, engine: base.Engine) -> None:
        backend = model.backend()
        if not guests.hosts(backend):
            raise errors.UsageError(
                f"the model {model.__name__} is of another database than the one that is migrated",
                remedy="configure it for this one, or use the table's name",
            )
        self.wanted = f"an instance of {model.__name__}"
        self._model = model
        self._backend = backend
        self._adapters = model.get_column_adapters()
        self._suggestions = backend.get_default_adapter_suggestions()
        read = engine_models.of(engine).documents
        self._documents = [c.name for c in table.columns if c.type.lower() in read]
        self._keys = tuple(model.primary_key_fields())

    # --- reading --------------------------------------------------------------------------------

    def reader(self, columns: tuple[str, ...]) -> Callable[[base.Row], object]:
        model, backend, adapters = self._model, self._backend, self._adapters
        documents = [name for name in self._documents if name in columns]

        def read(row: base.Row) -> object:
            values = dict(zip(columns, row, strict=True))
            for name in documents:
                text = values[name]
                values[name] = json.loads(text) if isinstance(text, str) else text
            adapted = backend._adapt_row_types(values, adapters)
            return model.create_from_database(model._map_columns_to_fields(adapted))

        return read

    def is_row(self, made: object) -> bool:
        return isinstance(made, self._model)

    # --- writing: the steps of save(), in its order ---------------------------------------------

    def refuse_unusual(self) -> None:
        """Raise RefusedError if the model's save() does what is not done for many rows."""
        for name in (*_SAVING, "_trigger_event"):
            owner = next(kind for kind in self._model.__mro__ if name in vars(kind))
            if not owner.__module__.startswith("rhosocial.activerecord."):
                self._refuse(f"{owner.__name__}.{name}() is its own, and would not be called")
        for name in _AFTERWARDS:
            for kind in self._model.__mro__:
                if name in vars(kind) and not kind.__module__.startswith("rhosocial.activerecord."):
                    self._refuse(f"{kind.__name__}.{name}() would not be called")

    def new(self, made: Upstream) -> Mapping[str, object]:
        from rhosocial.activerecord.interface import ModelEvent

        if not made.is_new_record:
            raise errors.UsageError(
                f"the function returned a {self._model.__name__} that is in the database already",
                remedy=f"return a new one:  {self._model.__name__}(…); to change rows, name the "
                "same model as source and target",
            )
        made.validate_fields()
        data = made._prepare_save_data()
        made._trigger_event(ModelEvent.BEFORE_INSERT, data=data)
        self._refuse_handlers(made, ModelEvent.AFTER_INSERT)
        return self._stored(data)

    def changed(self, given: Upstream, made: Upstream) -> Mapping[str, object]:
        from rhosocial.activerecord.interface import ModelEvent

        if made is not given:
            raise errors.UsageError(
                f"the function that changes {self._model.__name__} in place returned another "
                "instance than it was given",
                remedy="change the one it is given and return it, or None to leave it as it is",
            )
        made.validate_fields()
        for name in self._keys:
            if shaping.differs(getattr(made, name, None), made._original_values.get(name)):
                self._refuse_key(name)
        self._refuse_unset(made)
        if not made.is_dirty:
            return {}
        data = made._prepare_save_data()
        made._trigger_event(
            ModelEvent.BEFORE_UPDATE, data=data, dirty_fields=made.dirty_fields.copy()
        )
        self._refuse_handlers(made, ModelEvent.AFTER_UPDATE)
        data |= self._behaviours(made)
        for name in self._keys:
            if name in data and not shaping.differs(data[name], made._original_values.get(name)):
                del data[name]
            elif name in data:
                self._refuse_key(name)
        return self._stored(data)

    def _behaviours(self, made: Upstream) -> dict[str, object]:
        """Return what mixins add to an update (IUpdateBehavior), as values."""
        from rhosocial.activerecord.field import OptimisticLockMixin
        from rhosocial.activerecord.interface.update import IUpdateBehavior

        added: dict[str, object] = {}
        for kind in self._model.__mro__:
            if not issubclass(kind, IUpdateBehavior) or kind is IUpdateBehavior:
                continue
            if kind is OptimisticLockMixin:
                # Nobody else can have changed the row: it was locked when it was read.
                version = made._version
                added[version.db_column] = version.value + version.increment_by
                continue
            if "get_update_conditions" in vars(kind) and kind.get_update_conditions(made):
                self._refuse(f"{kind.__name__}.get_update_conditions() adds a condition")
            if "get_update_expressions" in vars(kind):
                added |= kind.get_update_expressions(made) or {}
        return added

    def _stored(self, data: dict[str, object]) -> dict[str, object]:
        """Return fields as columns, with values as the model's backend gives them to its driver."""
        columns = self._model._map_fields_to_columns(data)
        for name, value in columns.items():
            if hasattr(value, "to_sql") and hasattr(value, "dialect"):
                self._refuse(f"column {name} is given SQL ({type(value).__name__})")
        values = tuple(columns.values())
        adapters = [self._suggestions.get(type(value)) for value in values]
        adapted = self._backend.prepare_parameters(values, adapters)
        return dict(zip(columns, adapted, strict=True))

    # --- what cannot be done --------------------------------------------------------------------

    def _refuse_handlers(self, made: Upstream, event: Upstream) -> None:
        """Refuse handlers that would be called for each row after it was written."""
        for handler in made._event_handlers[event]:
            if getattr(handler, "__func__", None) not in _harmless():
                self._refuse(f"{shaping.name_of(handler)}() waits for {event.name}")

    def _refuse_unset(self, made: Upstream) -> None:
        """Refuse a value that was changed inside: save() would not see that, and lose it."""
        for name, value in made.__dict__.items():
            if type(value) not in (dict, list, set, bytearray) or name in made._dirty_fields:
                continue
            if name not in made._original_values:
                continue
            if made.model_dump(include={name})[name] != made._original_values[name]:
                raise errors.UsageError(
                    f"the function changed {self._model.__name__}.{name} inside, which save() "
                    "would not write",
                    remedy=f"set it:  record.{name} = {{**record.{name}, …}}",
                )

    def _refuse_key(self, name: str) -> NoReturn:
        raise errors.RefusedError(
            f"the function changes {self._model.__name__}.{name}, the key of the row",
            remedy="leave the key as it is; change it by self.execute(…)",
        )

    def _refuse(self, why: str) -> NoReturn:
        raise errors.RefusedError(
            f"what {self._model.__name__}.save() does cannot be done for many rows at once: {why}",
            remedy="save the instances one by one in a loop over self.batches(…), or return\n"
            "dicts and name the table as the target",
        )


@functools.cache
def _harmless() -> frozenset[object]:
    """Return handlers of upstream's that only bring the instance up to date."""
    from rhosocial.activerecord.field import OptimisticLockMixin

    return frozenset(
        {
            OptimisticLockMixin._handle_version_after_insert,
            OptimisticLockMixin._handle_version_after_update,
        }
    )


# --- while the function may be called -----------------------------------------------------------


def without_statements() -> AbstractContextManager[None]:
    """Refuse every statement of a model, in this context, for the block.

    The function may be called again for the same row, in another process or thread: what it did
    to a database would be done twice, or by a connection that is not its own.
    """
    return patches.hosting(_Nobody())


_REFUSED: Final = (
    "the function may be called again for a row whose batch failed, and in another process",
    "read before the step what it needs, and let it return what is to be written",
)


class _Nobody:
    """Hosts models that may not send anything (patches.Host)."""

    def __init__(self) -> None:
        self._backends: dict[int, tuple[Upstream, Upstream]] = {}

    def backend_of(self, owner: Upstream) -> Upstream:
        if isinstance(getattr(owner, "_line", None), _Silent):
            return owner
        if id(owner) not in self._backends:
            self._backends[id(owner)] = (owner, _silent(owner))
        return self._backends[id(owner)][1]

    def refuse_async(self, owner: Upstream, model: Upstream) -> None:
        guest_backend.refuse(f"a statement of {model.__name__} inside the function", _REFUSED)

    def save_data(self, record: Upstream, data: dict[str, Any]) -> dict[str, Any]:
        for name in type(record).primary_key_fields():
            value = getattr(record, name, None)
            if value is not None:
                data.setdefault(name, value)
        return data

    def bulk_create(
        self,
        create: Callable[..., Any],
        model: Upstream,
        records: list[Upstream],
        batch_size: int | None,
    ) -> None:
        guest_backend.refuse(f"{model.__name__}.bulk_create() inside the function", _REFUSED)


class _Silent:
    """The line of a backend that may not send anything."""

    def answer(self, sql: str, params: answers.Params) -> NoReturn:
        guest_backend.refuse("a statement of a model inside the function", _REFUSED)

    def savepoint(self, verb: str, name: str, *, release: bool = False) -> NoReturn:
        guest_backend.refuse("a transaction of a model inside the function", _REFUSED)

    def catch_up(self, schema: str | None, table: str, columns: Sequence[str]) -> None:
        """Nothing is inserted."""


def _silent(owner: Upstream) -> Upstream:
    line = _Silent()
    if isinstance(owner, guest_backend.Guest):
        # Somebody has kept it in a variable.
        guest: Upstream = copy.copy(owner)
        guest._line, guest._connection = line, guest_backend.Connection(line)
    else:
        guest = guest_backend.make(owner, line)
    return guest
