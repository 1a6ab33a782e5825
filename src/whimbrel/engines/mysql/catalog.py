"""What MySQL's catalog says: SHOW CREATE TABLE and information_schema."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from whimbrel import tables as shapes
from whimbrel.engines import base
from whimbrel.engines.mysql import columns
from whimbrel.engines.mysql import session as sessions

_TABLES = """
SELECT table_name FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
   AND LEFT(table_name, CHAR_LENGTH(%s)) <> %s
 ORDER BY table_name
"""
# Of one table, or of all: a query of information_schema takes as long for either.
_OF = " AND table_name = %s"
_COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable = 'YES', extra, column_comment,
       collation_name
  FROM information_schema.columns
 WHERE table_schema = DATABASE(){of}
 ORDER BY table_name, ordinal_position
"""
_INDEXES = """
SELECT table_name, index_name, non_unique, seq_in_index, column_name, sub_part, collation,
       lower(index_type)
  FROM information_schema.statistics
 WHERE table_schema = DATABASE(){of}
 ORDER BY table_name, index_name, seq_in_index
"""
_UNIQUES = """
SELECT table_name, constraint_name FROM information_schema.table_constraints
 WHERE table_schema = DATABASE(){of} AND constraint_type = 'UNIQUE'
"""
_COMMENT = """
SELECT table_name, table_comment FROM information_schema.tables
 WHERE table_schema = DATABASE(){of}
"""
_TRIGGERS = """
SELECT trigger_name, CONCAT_WS(' ', action_timing, event_manipulation, event_object_table,
                               action_statement)
  FROM information_schema.triggers WHERE trigger_schema = DATABASE()
"""
_TRIGGERS_OF = """
SELECT trigger_name FROM information_schema.triggers
 WHERE trigger_schema = DATABASE() AND event_object_schema = DATABASE()
   AND event_object_table = %s
 ORDER BY trigger_name
"""
_ROUTINES = """
SELECT routine_name, COALESCE(MD5(routine_definition), '')
  FROM information_schema.routines WHERE routine_schema = DATABASE()
"""
_EVENTS = """
SELECT event_name, CONCAT_WS(' ', status, event_type, interval_value, interval_field,
                             event_definition)
  FROM information_schema.events WHERE event_schema = DATABASE()
"""
_SEQUENCES = """
SELECT table_name FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'
"""
# An index that its columns say all about, as SHOW CREATE TABLE writes it.
_PLAIN_INDEX = re.compile(
    r"(UNIQUE )?KEY `(?:[^`]|``)+` \((`(?:[^`]|``)+`(\(\d+\))?( DESC)?,?)+\)( USING BTREE)?"
)
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What information_schema says, by table."""

    columns: dict[str, list[base.Row]]
    indexes: dict[str, list[base.Row]]
    uniques: dict[str, list[base.Row]]
    comments: dict[str, list[base.Row]]


class MysqlCatalog(base.Catalog):
    """Definitions verbatim from SHOW CREATE TABLE; keys from information_schema."""

    # How names of tables begin that are ours; a backup has those as well.
    hidden = base.OUR_PREFIX

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def tables(self) -> list[str]:
        rows = self._session.fetch(_TABLES, [self.hidden, self.hidden])
        return sorted(str(row[0]) for row in rows)

    def find(self, name: str) -> shapes.Table | None:
        if name not in self.tables():
            return None
        return self._table(name, self._parts(name))

    def every(self) -> dict[str, shapes.Table]:
        parts = self._parts(None)
        return {name: self._table(name, parts) for name in self.tables()}

    def _parts(self, table: str | None) -> _Parts:
        """Return what information_schema says of a table, or of all."""
        of, params = (_OF, [table]) if table is not None else ("", [])
        found = []
        for query in (_COLUMNS, _INDEXES, _UNIQUES, _COMMENT):
            rows: dict[str, list[base.Row]] = {}
            for name, *row in self._session.fetch(query.format(of=of), params):
                rows.setdefault(str(name), []).append(tuple(row))
            found.append(rows)
        columns_, indexes, uniques, comments = found
        return _Parts(columns=columns_, indexes=indexes, uniques=uniques, comments=comments)

    def _table(self, name: str, parts: _Parts) -> shapes.Table:
        shown = self._show("TABLE", name)
        definitions = _definitions(shown)
        constraints = [_constraint(line) for line in _body(shown) if line.startswith("CONSTRAINT ")]
        primary: list[str] = []
        uniques, indexes = _indexes(parts.indexes.get(name, []), parts.uniques.get(name, []))
        texts = _special_indexes(shown)
        indexes = {
            key: dataclasses.replace(index, sql=texts.get(key)) for key, index in indexes.items()
        }
        key = indexes.pop("PRIMARY", None)
        if key is not None:
            primary = [str(column) for column in key.columns]
        return shapes.Table(
            name=name,
            columns=tuple(
                _column(row, definitions[str(row[0])]) for row in parts.columns.get(name, [])
            ),
            primary_key=tuple(primary),
            uniques=tuple(uniques),
            indexes=tuple(indexes.values()),
            foreign_keys=tuple(c for c in constraints if isinstance(c, shapes.ForeignKey)),
            checks=tuple(c for c in constraints if isinstance(c, shapes.Check)),
            comment=str(parts.comments[name][0][0]) or None,
            sql=shown,
        )

    def _show(self, kind: str, name: str) -> str:
        quoted = self._session.engine.quote(name)
        return str(sessions.shown(self._session, f"SHOW CREATE {kind} {quoted}")[1])

    def triggers(self, table: str) -> list[str]:
        rows = self._session.fetch(_TRIGGERS_OF, [table])
        return [str(row[0]) for row in rows]

    def texts(self) -> dict[str, str]:
        texts = {f"table {name}": _plain(self._show("TABLE", name)) for name in self.tables()}
        views = self._session.fetch(
            "SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE()"
        )
        texts |= {f"view {row[0]}": self._show("VIEW", str(row[0])) for row in views}
        texts |= {f"trigger {row[0]}": str(row[1]) for row in self._session.fetch(_TRIGGERS)}
        texts |= {f"routine {row[0]}": str(row[1]) for row in self._session.fetch(_ROUTINES)}
        texts |= {f"event {row[0]}": str(row[1]) for row in self._session.fetch(_EVENTS)}
        for (name,) in self._session.fetch(_SEQUENCES):
            texts[f"sequence {name}"] = self._show("SEQUENCE", str(name))
        return texts


def _indexes(
    rows: Sequence[base.Row], unique_constraints: Sequence[base.Row]
) -> tuple[list[shapes.Unique], dict[str, shapes.Index]]:
    """Return plain unique keys as constraints (to the server both are one), and the rest."""
    grouped: dict[str, list[base.Row]] = {}
    for row in rows:
        grouped.setdefault(str(row[0]), []).append(row)
    unique_names = {str(row[0]) for row in unique_constraints}
    uniques: list[shapes.Unique] = []
    indexes: dict[str, shapes.Index] = {}
    for name, parts in grouped.items():
        parts_columns = tuple(
            shapes.Sql("expression") if part[3] is None else str(part[3]) for part in parts
        )
        lengths = tuple(None if part[4] is None else int(str(part[4])) for part in parts)
        named = tuple(column for column in parts_columns if isinstance(column, str))
        # Its own verb gives a unique constraint our prefix; an index keeps being one.
        whole = len(named) == len(parts) and not any(lengths)
        if name in unique_names and whole and name.startswith("uq_"):
            uniques.append(shapes.Unique(name=name, columns=named))
            continue
        indexes[name] = shapes.Index(
            name=name,
            columns=parts_columns,
            unique=not int(str(parts[0][1])),
            lengths=lengths if any(lengths) else (),
            descending=tuple(part[5] == "D" for part in parts),
            method="" if parts[0][6] == "btree" else str(parts[0][6]),
        )
    return uniques, indexes


def _plain(shown: str) -> str:
    """Return SHOW CREATE TABLE without its counter, its keys in an order of their own.

    A key that was dropped and made again stands at another place, and means the same.
    """
    start, end = ends(shown)
    parts = lines(shown[start:end])
    columns_ = [part for part in parts if part.startswith("`")]
    keys = sorted(part for part in parts if not part.startswith("`"))
    return shown[:start] + ",\n".join(columns_ + keys) + _COUNTER.sub("", shown[end:])


def _definitions(shown: str) -> dict[str, str]:
    """Return what follows each column's name in SHOW CREATE TABLE."""
    found = {}
    for line in _body(shown):
        if line.startswith("`"):
            end = _name_end(line)
            found[line[1:end].replace("``", "`")] = line[end + 1 :].strip()
    return found


def _special_indexes(shown: str) -> dict[str, str]:
    """Return the texts of indexes that are more than their columns: FULLTEXT, a comment, …"""
    found = {}
    for line in _body(shown):
        words = columns.tokens(line)
        at = next((i for i, w in enumerate(words) if w in {"KEY", "INDEX"}), None)
        if line.startswith(("`", "CONSTRAINT ", "PRIMARY ")) or at is None:
            continue
        if not _PLAIN_INDEX.fullmatch(line):
            found[unquoted(words[at + 1])] = line
    return found


def ends(shown: str) -> tuple[int, int]:
    """Return where the definitions begin and end; the table's name may hold parentheses."""
    return shown.index("(", _text_end(shown, shown.index("`"))) + 1, shown.rindex("\n)")


def _body(shown: str) -> list[str]:
    start, end = ends(shown)
    return lines(shown[start:end])


def _constraint(line: str) -> shapes.ForeignKey | shapes.Check | None:
    """Read CONSTRAINT `name` CHECK (…) or FOREIGN KEY (…) REFERENCES `table` (…) ON …"""
    words = columns.tokens(line)
    name = unquoted(words[1])
    if words[2] == "CHECK":
        return shapes.Check(name=name, sql=words[3][1:-1])
    if words[2] != "FOREIGN":
        return None
    there = next(at for at in range(6, len(words)) if words[at].startswith("("))
    actions = " ".join(words[there + 1 :])
    return shapes.ForeignKey(
        name=name,
        columns=_names(words[4]),
        ref_table=unquoted(words[there - 1]),
        ref_columns=_names(words[there]),
        on_delete=_action(actions, "DELETE"),
        on_update=_action(actions, "UPDATE"),
    )


def unquoted(name: str) -> str:
    """Return the name that stands in backticks."""
    return name[1:-1].replace("``", "`")


def _names(parentheses: str) -> tuple[str, ...]:
    words = columns.tokens(parentheses[1:-1])
    return tuple(unquoted(word) for word in words if word.startswith("`"))


def _action(text: str, event: str) -> shapes.Action | None:
    """Return what ON DELETE or ON UPDATE says; NO ACTION is what happens unsaid."""
    _, said, rest = text.partition(f"ON {event} ")
    found = (action for action in shapes.ACTIONS if said and rest.startswith(action))
    return next((action for action in found if action != "NO ACTION"), None)


def lines(body: str) -> list[str]:
    """Split at the commas between definitions; texts may hold commas and line ends."""
    parts: list[str] = []
    start = position = depth = 0
    while position < len(body):
        character = body[position]
        if character in "'`":
            position = _text_end(body, position)
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(body[start:position].strip())
            start = position + 1
        position += 1
    parts.append(body[start:].strip())
    return parts


def _text_end(text: str, start: int) -> int:
    quote = text[start]
    position = start + 1
    while position < len(text):
        if text[position] == "\\" and quote == "'":
            position += 2
        elif text[position] == quote:
            if text[position + 1 : position + 2] != quote:
                return position + 1
            position += 2
        else:
            position += 1
    return position


def _name_end(line: str) -> int:
    return _text_end(line, 0) - 1


def _column(row: base.Row, definition: str) -> shapes.FoundColumn:
    name, type_, null, _extra, comment, collation = row
    parsed = columns.parse(definition)
    default = parsed.default
    return shapes.FoundColumn(
        name=str(name),
        type=str(type_),
        null=bool(null),
        default=None if default is None or default.upper() == "NULL" else default,
        auto_increment=parsed.auto_increment,
        comment=str(comment) or None,
        collation=None if collation is None else str(collation),
        generated=parsed.generated,
        stored=parsed.stored,
        definition=definition,
    )
