"""The map of a database as text: everything is on it, circles are marked, odd names stay whole."""

from __future__ import annotations

from whimbrel import tables
from whimbrel.engines import inventory
from whimbrel.rehearsal import drawing
from whimbrel.schema import dependencies


def table(name: str, *needs: str, null: bool = True) -> tables.Table:
    return tables.Table(
        name=name,
        columns=tuple(tables.FoundColumn(name=one, type="int", null=null) for one in needs),
        foreign_keys=tuple(
            tables.ForeignKey(name=None, columns=(one,), ref_table=one, ref_columns=("id",))
            for one in needs
        ),
    )


SHOP = dependencies.graph(
    [table("team", "person"), table("person", "team", null=False), table('odd "name"', "person"),
     table("alone"), table("far", "elsewhere")],
    [inventory.Thing(kind=inventory.Kind.VIEW, name="who", needs=("person", "team"))],
)  # fmt: skip


def test_graphviz_is_told_of_every_table_reference_and_view():
    text = drawing.dot(SHOP)

    assert text.startswith("digraph database {")
    assert text.endswith("}\n")
    for name in ('"alone"', '"odd \\"name\\""', '"who" [style=rounded'):
        assert f"  {name}" in text
    assert '"team" -> "person" [label="person", color=red, style=dashed];' in text
    assert '"person" -> "team" [label="team", color=red];' in text
    assert '"odd \\"name\\"" -> "person" [label="person", style=dashed];' in text
    assert '"far" -> "elsewhere" [style=dotted];' in text
    assert '"who" -> "team"' in text


def test_mermaid_is_told_of_every_table_reference_and_view():
    text = drawing.mermaid(SHOP)

    lines = text.splitlines()
    assert "flowchart BT" == lines[0]
    ids = {line.strip().partition('"')[2].rpartition('"')[0]: line.strip().split("[")[0]
           for line in lines if '["' in line and '([' not in line}  # fmt: skip
    assert {"team", "person", "odd #34;name#34;", "alone", "far"} == ids.keys()
    assert f"  {ids['person']} --> {ids['team']}" in lines
    assert f"  {ids['team']} -.-> {ids['person']}" in lines
    marked = sorted([ids["person"], ids["team"]])
    assert f"  class {','.join(marked)} circle;" in lines


def test_a_database_without_tables_is_an_empty_map():
    empty = dependencies.graph([])

    assert "->" not in drawing.dot(empty)
    assert "flowchart BT\n" == drawing.mermaid(empty)
