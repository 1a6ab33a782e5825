"""What a mirror on MySQL sends, of which no server is here; the contract's tests ask MariaDB."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from whimbrel import tables
from whimbrel.engines import mirrors
from whimbrel.engines.mysql import engine, mirrored


def _column(name: str, type_: str, *, null: bool = True) -> tables.FoundColumn:
    collation = "utf8mb4_0900_ai_ci" if type_.startswith("varchar") else None
    return tables.FoundColumn(name=name, type=type_, null=null, collation=collation)


def _shape(mode: mirrors.Mode) -> mirrors.Shape:
    key = _column("id", "int", null=False)
    old = tables.Table(
        name="people",
        columns=(key, _column("name", "varchar(40)"), _column("amount", "int")),
        primary_key=("id",),
    )
    if mode is mirrors.Mode.COLUMNS:
        required = _column("name", "varchar(40)", null=False)
        both = old.replace(columns=(key, required, _column("full_name", "varchar(40)")))
        return mirrors.Shape(
            mode=mode,
            old=both,
            new=both,
            key=(("id", "id"),),
            up={"full_name": "name"},
            down={"name": "full_name"},
        )
    text = _column("amount", "varchar(40)")
    columns = (key, old.column("name"), text) if mode is mirrors.Mode.TABLE else (key, text)
    new = old.replace(name="people_new", columns=columns)
    up = {"id": "id", "amount": "CAST(amount AS CHAR)"}
    down = {"amount": "CAST(amount AS SIGNED)"}
    if mode is mirrors.Mode.TABLE:
        up, down = up | {"name": "name"}, down | {"id": "id", "name": "name"}
    return mirrors.Shape(
        mode=mode, old=old, new=new, key=(("id", "id"),), up=up, down=down, parked="people_old"
    )


@pytest.mark.parametrize("mode", list(mirrors.Mode))
def test_the_sql_of_a_mirror(mode: mirrors.Mode, golden: Callable[[str, str], None]) -> None:
    texts = mirrored.Texts(
        _shape(mode), engine.ENGINE.quote, "mysql", skips=" SKIP LOCKED", share="FOR SHARE"
    )

    said = [
        f"CREATE TRIGGER {trigger.name} {trigger.when} ON {trigger.table} FOR EACH ROW\n"
        f"{trigger.body}"
        for trigger in texts.triggers()
    ]
    said += [texts.fill("id < 10"), texts.astray("id < 10"), texts.lossy()]

    golden(f"sql/mirror/{mode.value}.mysql.sql", ";\n\n".join(said) + ";\n")


def test_a_table_to_which_others_refer_loses_no_row_by_a_mirror() -> None:
    shape = _shape(mirrors.Mode.TABLE)
    texts = mirrored.Texts(shape, engine.ENGINE.quote, "mysql", referred=True)

    (written,) = [trigger for trigger in texts.triggers() if trigger.when == "AFTER INSERT"][:1]

    assert "DELETE" not in written.body
    assert "REPLACE" not in written.body
    assert "1451" not in written.body
