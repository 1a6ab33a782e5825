"""The map of a database as text that other programs draw: Graphviz and Mermaid.

Which table needs which is said in `schema/dependencies`; the drawing of reports is their own.
"""

from __future__ import annotations

from whimbrel.schema import dependencies


def dot(graph: dependencies.Graph) -> str:
    """Return the map in the language of Graphviz; circles and what leads nowhere are marked."""
    circular = _circular(graph)
    lines = [
        "digraph database {",
        "  rankdir=BT;",
        '  node [shape=box, fontname="Helvetica"];',
    ]
    for name in graph.tables:
        style = " [color=red, penwidth=2]" if any(name in pair for pair in circular) else ""
        lines.append(f"  {_quoted(name)}{style};")
    for view in graph.views:
        lines.append(f"  {_quoted(view.name)} [style=rounded, color=gray40];")
    for one in graph.references:
        options = [f"label={_quoted(', '.join(one.columns))}"]
        if (one.table, one.ref_table) in circular:
            options.append("color=red")
        if one.optional:
            options.append("style=dashed")
        lines.append(f"  {_quoted(one.table)} -> {_quoted(one.ref_table)} [{', '.join(options)}];")
    for one in graph.outside:
        lines.append(f"  {_quoted(one.ref_table)} [style=dotted];")
        lines.append(f"  {_quoted(one.table)} -> {_quoted(one.ref_table)} [style=dotted];")
    for view in graph.views:
        for name in view.reads:
            lines.append(f"  {_quoted(view.name)} -> {_quoted(name)} [color=gray60];")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: dependencies.Graph) -> str:
    """Return the map in the language of Mermaid; tables of circles are of the class `circle`."""
    circular = _circular(graph)
    names = [*graph.tables, *(view.name for view in graph.views)]
    names += [one.ref_table for one in graph.outside]
    ids = {name: f"n{at}" for at, name in enumerate(dict.fromkeys(names))}
    lines = ["flowchart BT"]
    for name in graph.tables:
        lines.append(f"  {ids[name]}[{_escaped(name)}]")
    for view in graph.views:
        lines.append(f"  {ids[view.name]}([{_escaped(view.name)}])")
    for name in dict.fromkeys(one.ref_table for one in graph.outside):
        lines.append(f"  {ids[name]}>{_escaped(name)}]")
    for one in (*graph.references, *graph.outside):
        arrow = "-.->" if one.optional else "-->"
        lines.append(f"  {ids[one.table]} {arrow} {ids[one.ref_table]}")
    for view in graph.views:
        lines += [f"  {ids[view.name]} --- {ids[name]}" for name in view.reads if name in ids]
    marked = sorted({ids[name] for pair in circular for name in pair})
    if marked:
        lines.append("  classDef circle stroke:#c00,stroke-width:3px;")
        lines.append(f"  class {','.join(marked)} circle;")
    return "\n".join(lines) + "\n"


def _circular(graph: dependencies.Graph) -> set[tuple[str, str]]:
    """Return the pairs of tables that a reference leads from and to within a circle."""
    return {(one.table, one.ref_table) for cycle in graph.cycles for one in cycle.references}


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _escaped(name: str) -> str:
    """Return a name as a label of Mermaid, where only letters and digits are sure to be plain."""
    plain = "".join(
        letter if letter.isalnum() or letter in "_ .-" else f"#{ord(letter)};" for letter in name
    )
    return f'"{plain}"'
