"""What a MySQL or MariaDB database contains beside its tables, and how far its keys have counted.

Texts are those of SHOW CREATE, without the name of the database (it may have another name where
they are used) and without the DEFINER: whoever makes an object again is its definer, and a line of
its own says who they were. Bodies of triggers, routines and events stay as their authors wrote
them, also where they name the database. They are made under the modes and the collation that they
were made under. Rights are named, never made again; other databases of the server are not looked
at. The texts have backslashes as they are meant without NO_BACKSLASH_ESCAPES.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from whimbrel import errors
from whimbrel.engines import base, inventory, sqltext
from whimbrel.engines.inventory import Kind
from whimbrel.engines.mysql import catalog, columns
from whimbrel.engines.mysql import session as sessions

_TABLES = """
SELECT table_name, table_type FROM information_schema.tables
 WHERE table_schema = DATABASE() ORDER BY table_name
"""
_ROUTINES = """
SELECT routine_name, routine_type, COALESCE(routine_comment, '')
  FROM information_schema.routines WHERE routine_schema = DATABASE()
 ORDER BY routine_type LIKE '%BODY', routine_type, routine_name
"""
# Of one table in the order in which they act: that is the order they have to be made in.
_TRIGGERS = """
SELECT trigger_name, event_object_table FROM information_schema.triggers
 WHERE trigger_schema = DATABASE()
 ORDER BY event_object_table, event_manipulation, action_timing, action_order
"""
_EVENTS = """
SELECT event_name, COALESCE(event_comment, '') FROM information_schema.events
 WHERE event_schema = DATABASE() ORDER BY event_name
"""
_DEFINERS = """
SELECT DISTINCT definer FROM (
    SELECT definer FROM information_schema.views WHERE table_schema = DATABASE()
    UNION ALL SELECT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE()
    UNION ALL SELECT definer FROM information_schema.routines WHERE routine_schema = DATABASE()
    UNION ALL SELECT definer FROM information_schema.events WHERE event_schema = DATABASE()
) AS d WHERE definer <> CURRENT_USER() ORDER BY definer
"""
# Rights may be given on all databases of a pattern; `_` is one, and is meant as `_` by most.
_GRANTEES = """
SELECT grantee, MIN(spans) FROM (
    SELECT grantee, REPLACE(table_schema, '\\\\_', '_') <> DATABASE() AS spans
      FROM information_schema.schema_privileges WHERE DATABASE() LIKE table_schema
    UNION ALL
    SELECT grantee, 0 FROM information_schema.table_privileges WHERE table_schema = DATABASE()
    UNION ALL
    SELECT grantee, 0 FROM information_schema.column_privileges WHERE table_schema = DATABASE()
) AS g GROUP BY grantee ORDER BY grantee
"""
_NAME: Final = r"`(?:[^`]|``)*`"
# In double quotes for what was made under ANSI_QUOTES.
_ACCOUNT: Final = rf"""(?:{_NAME}|"(?:[^"]|"")*")"""
_DEFINER = re.compile(rf"^(CREATE (?:ALGORITHM=\w+ )?)DEFINER={_ACCOUNT}(?:@{_ACCOUNT})? ")
_VIEW = re.compile(
    rf"\bVIEW {_NAME}(?: \((?P<columns>[^)]*)\))? AS (?P<body>.*?)"
    r"(?: WITH (?:CASCADED|LOCAL) CHECK OPTION)?\Z",
    re.DOTALL,
)
_DROPPED: Final = {Kind.VIEW: "VIEW", Kind.SEQUENCE: "SEQUENCE", Kind.EVENT: "EVENT"}
_SORT_OF_ROUTINE: Final = re.compile(r"^CREATE (?:AGGREGATE )?(FUNCTION|PROCEDURE) ", re.MULTILINE)
_MADE_UNDER: Final = "SET @whimbrel_mode = @@sql_mode, @whimbrel_collation = @@collation_connection"
_PUT_BACK: Final = "SET sql_mode = @whimbrel_mode, collation_connection = @whimbrel_collation"
# Gone from later versions; it never meant anything to what is made here.
_GONE_MODES: Final = frozenset({"NO_AUTO_CREATE_USER"})
# What stands before the name of a table in the text of a view.
_BEFORE_TABLES: Final = frozenset({"FROM", "JOIN", "STRAIGHT_JOIN", "(", ","})
# What every table has, or what tables.Table says; anything else is an option worth a line.
_USUAL_OPTIONS: Final = frozenset(
    {"ENGINE=InnoDB", "DEFAULT", "CHARSET", "COLLATE", "AUTO_INCREMENT", "COMMENT"}
)
_PARTITION = re.compile(r"\n ?(?:/\*!\d+ )?PARTITION BY\b")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`", re.DOTALL)
_COUNTS = re.compile(r" AUTO_INCREMENT=(\d+)")
_VERSIONED: Final = "WITH SYSTEM VERSIONING"
_HISTORY: Final = "rows that {} had in the past are not moved; what it has now begins a new history"
_BEHIND_COLUMN: Final = frozenset({"INVISIBLE", "COMPRESSED"})


class MysqlInventory(inventory.Inventory):
    """Reads information_schema for names, and SHOW CREATE for texts."""

    # How names of tables begin that are ours; a backup has those as well.
    hidden = base.OUR_PREFIX

    def __init__(self, session: base.Session) -> None:
        self._session = session

    # --- the contract -----------------------------------------------------------------------

    def things(self) -> list[inventory.Thing]:
        found = [*self._sequences(), *self._routines(), *self._views()]
        names = self._names("BASE TABLE", "SYSTEM VERSIONED")
        for table in names:
            found += self._of_table(table)
        found += self._triggers()
        found += self._events()
        found += self._rights()
        return inventory.arranged((one.name, one.needs, one) for one in found)

    def counters(self) -> list[inventory.Counter]:
        found = []
        for table in self._names("BASE TABLE", "SYSTEM VERSIONED"):
            shown = self._show("TABLE", table)
            column = next(
                (name for name, words in _columns(shown) if "AUTO_INCREMENT" in words), None
            )
            if column is None:
                continue
            # Read from the table itself: information_schema may be a day old.
            said = _COUNTS.search(_outside_texts(_tail(shown)))
            following = int(said[1]) if said else 1
            found.append(inventory.Counter(table=table, column=column, next=following))
        for name in self._names("SEQUENCE"):
            row = self._session.fetch(
                f"SELECT next_not_cached_value, increment FROM {self._quote(name)}"
            )[0]
            # Numbers that some session has put aside already are not given out again.
            found.append(
                inventory.Counter(
                    table=None,
                    column=None,
                    next=int(str(row[0])),
                    sequence=name,
                    increment=int(str(row[1])),
                    own=False,
                )
            )
        return found

    def drop(self, thing: inventory.Thing) -> str:
        word = _DROPPED.get(thing.kind)
        if thing.kind is Kind.ROUTINE:
            found = _SORT_OF_ROUTINE.search(thing.sql)
            word = found[1] if found else None
        if word is None or thing.table is not None:
            return ""
        return f"DROP {word} IF EXISTS {self._quote(thing.name)}"

    def set_counter(self, counter: inventory.Counter) -> str:
        """Return ALTER TABLE or ALTER SEQUENCE, which commit by themselves.

        A table never counts from less than 1, nor from less than what is in it.
        """
        if counter.table is not None and (counter.own or counter.sequence is None):
            following = max(counter.next, 1)
            return f"ALTER TABLE {self._quote(counter.table)} AUTO_INCREMENT = {following}"
        if counter.sequence is None:
            raise errors.RefusedError("a counter of neither a table nor a sequence cannot be set")
        return f"ALTER SEQUENCE {self._quote(counter.sequence)} RESTART WITH {counter.next}"

    def text(self, table: str) -> inventory.TableText:
        if table not in self._names("BASE TABLE", "SYSTEM VERSIONED"):
            known = self._session.engine.catalog(self._session).tables()
            raise errors.TableNotFound(table, known=known)
        shown = self._without_database(self._show("TABLE", table))
        start, end = catalog.ends(shown)
        body = catalog.lines(shown[start:end])
        early, keys, foreign = _sorted(body, _counting(shown))
        create = shown[:start] + ",".join(f"\n  {line}" for line in early) + _uncounted(shown[end:])
        alter = f"ALTER TABLE {self._quote(table)} ADD "
        return inventory.TableText(
            create=tuple(_under_old_dates(create)),
            after=tuple((_name(line), alter + line) for line in keys),
            foreign_keys=tuple((_name(line), alter + line) for line in foreign),
            last=tuple(
                (one.name, statement)
                for one in self._triggers(table)
                for statement in one.statements
            ),
            needs=tuple(self._sequences_in(shown)),
        )

    # --- reading ----------------------------------------------------------------------------

    def _quote(self, name: str) -> str:
        return self._session.engine.quote(name)

    def _show(self, kind: str, name: str, column: int = 1) -> str:
        row = sessions.shown(self._session, f"SHOW CREATE {kind} {self._quote(name)}")
        return "" if row[column] is None else str(row[column])

    def _names(self, *types: str) -> list[str]:
        return [
            str(name)
            for name, type_ in self._session.fetch(_TABLES)
            if type_ in types and not str(name).startswith(self.hidden)
        ]

    def _database(self) -> str:
        return str(self._session.fetch("SELECT DATABASE()")[0][0])

    def _without_database(self, text: str) -> str:
        """Return a text of the server's own without the name of this database.

        It stands before routines and sequences, and before tables where others are of another
        database. A table or view of the same name makes that ambiguous: then only what is called
        is looked at.
        """
        database = self._database()
        every = [str(row[0]) for row in self._session.fetch(_TABLES)]
        tables = set() if database in every else set(every)
        sequences = set(self._names("SEQUENCE"))
        tokens = list(sqltext.tokens(text, self._session.engine.dialect))
        parts: list[str] = []
        before, at = "", 0
        while at < len(tokens):
            token = tokens[at]
            rest = [one.text for one in tokens[at + 1 : at + 4]] + ["", "", ""]
            if token.text == self._quote(database) and rest[0] == ".":
                called = rest[2] == "(" or catalog.unquoted(rest[1]) in sequences
                if called or (before in _BEFORE_TABLES and catalog.unquoted(rest[1]) in tables):
                    at += 2
                    continue
            if token.text.strip():
                before = token.text.upper()
            parts.append(token.text)
            at += 1
        return "".join(parts)

    # --- objects ----------------------------------------------------------------------------

    def _sequences(self) -> Iterator[inventory.Thing]:
        for name in self._names("SEQUENCE"):
            yield inventory.Thing(kind=Kind.SEQUENCE, name=name, sql=self._show("SEQUENCE", name))

    def _sequences_in(self, text: str) -> list[str]:
        there = set(self._names("SEQUENCE"))
        words = (
            token.text
            for token in sqltext.tokens(text, self._session.engine.dialect)
            if token.sort is sqltext.Sort.NAME
        )
        return sorted(there.intersection(map(catalog.unquoted, words)))

    def _routines(self) -> Iterator[inventory.Thing]:
        for name, kind, comment in self._session.fetch(_ROUTINES):
            if str(name).startswith(base.OUR_PREFIX):
                continue
            row = self._session.fetch(f"SHOW CREATE {kind} {self._quote(str(name))}")[0]
            # Its text is only for those who may see it.
            sql = "" if row[2] is None else _DEFINER.sub(r"\1", str(row[2]))
            first = _settings(row[1], row[4])
            yield inventory.Thing(
                kind=Kind.ROUTINE,
                name=str(name) if kind in ("FUNCTION", "PROCEDURE") else f"{name} ({kind})",
                sql=sql,
                comment=str(comment) or None,
                first=first,
                then=(_PUT_BACK,),
            )

    def _views(self) -> Iterator[inventory.Thing]:
        names = self._names("VIEW")
        routines = {str(row[0]) for row in self._session.fetch(_ROUTINES)}
        tables = {str(row[0]) for row in self._session.fetch(_TABLES)}
        for name in names:
            row = self._session.fetch(f"SHOW CREATE VIEW {self._quote(name)}")[0]
            sql = self._without_database(_DEFINER.sub(r"\1", str(row[1])))
            found = _VIEW.search(sql)
            body = found["body"] if found else ""
            needs = _named(body, self._session.engine.dialect, tables, routines) - {name}
            yield inventory.Thing(
                kind=Kind.VIEW,
                name=name,
                sql=sql,
                body=body,
                needs=tuple(sorted(needs)),
                columns=_listed(found["columns"]) if found and found["columns"] else (),
                first=_settings(None, row[3]),
                then=(_PUT_BACK,),
            )

    def _triggers(self, table: str | None = None) -> Iterator[inventory.Thing]:
        for name, on in self._session.fetch(_TRIGGERS):
            if str(name).startswith(base.OUR_PREFIX) or table not in (None, on):
                continue
            row = self._session.fetch(f"SHOW CREATE TRIGGER {self._quote(str(name))}")[0]
            yield inventory.Thing(
                kind=Kind.TRIGGER,
                name=str(name),
                sql=self._head_of_trigger(_DEFINER.sub(r"\1", str(row[2]))),
                table=str(on),
                needs=(str(on),),
                first=_settings(row[1], row[4]),
                then=(_PUT_BACK,),
            )

    def _head_of_trigger(self, sql: str) -> str:
        """Return a trigger without the database before its own name and that of its table."""
        mine = {self._database(), self._quote(self._database())}
        tokens = list(sqltext.tokens(sql, self._session.engine.dialect))
        parts: list[str] = []
        at = 0
        while at < len(tokens) and tokens[at].word != "EACH":
            if tokens[at].text in mine and tokens[at + 1].text == ".":
                at += 2
                continue
            parts.append(tokens[at].text)
            at += 1
        return "".join(parts) + "".join(token.text for token in tokens[at:])

    def _events(self) -> Iterator[inventory.Thing]:
        for name, comment in self._session.fetch(_EVENTS):
            row = self._session.fetch(f"SHOW CREATE EVENT {self._quote(str(name))}")[0]
            zone = "SET @whimbrel_zone = @@time_zone, time_zone = " + _literal(str(row[2]))
            sql = _DEFINER.sub(r"\1", str(row[3]))
            asleep = self._asleep(sql)
            wake = f"ALTER EVENT {self._quote(str(name))} ENABLE"
            yield inventory.Thing(
                kind=Kind.EVENT,
                name=str(name),
                sql=asleep,
                comment=str(comment) or None,
                first=(*_settings(row[1], row[5]), zone),
                then=("SET time_zone = @whimbrel_zone", _PUT_BACK),
                note=f"made disabled; let it run with {wake}" if asleep != sql else "",
            )

    def _asleep(self, sql: str) -> str:
        """Return a CREATE EVENT that does not begin to run: two of it would do its work twice."""
        parts: list[str] = []
        tokens = list(sqltext.tokens(sql, self._session.engine.dialect))
        at = 0
        while at < len(tokens) and tokens[at].word not in ("ENABLE", "DO"):
            parts.append(tokens[at].text)
            at += 1
        if at < len(tokens) and tokens[at].word == "ENABLE":
            parts.append("DISABLE")
            at += 1
        return "".join(parts) + "".join(token.text for token in tokens[at:])

    def _rights(self) -> Iterator[inventory.Thing]:
        definers = [str(row[0]) for row in self._session.fetch(_DEFINERS)]
        if definers:
            name = "definers other than the current user: " + ", ".join(definers)
            yield inventory.Thing(kind=Kind.PRIVILEGE, name=name)
        account = str(self._session.fetch("SELECT CURRENT_USER()")[0][0])
        user, _, host = account.rpartition("@")
        found = [(str(one), bool(spans)) for one, spans in self._session.fetch(_GRANTEES)]
        for beyond in (False, True):
            others = [o for o, spans in found if o != f"'{user}'@'{host}'" and spans is beyond]
            if others:
                where = " on databases by a pattern" if beyond else ""
                name = f"rights of {', '.join(others)}{where}"
                yield inventory.Thing(kind=Kind.PRIVILEGE, name=name, spans=beyond)

    # --- what belongs to one table ----------------------------------------------------------

    def _of_table(self, table: str) -> Iterator[inventory.Thing]:
        shown = self._show("TABLE", table)
        for kind, name, sql in _peculiar(shown, f"ALTER TABLE {self._quote(table)} "):
            note = _HISTORY.format(self._quote(table)) if name == _VERSIONED else ""
            yield inventory.Thing(
                kind=kind, name=name, sql=sql, table=table, needs=(table,), note=note
            )


# --- texts of SHOW CREATE TABLE ------------------------------------------------------------------


def _body(shown: str) -> list[str]:
    start, end = catalog.ends(shown)
    return catalog.lines(shown[start:end])


def _tail(shown: str) -> str:
    return shown[catalog.ends(shown)[1] :]


def _uncounted(tail: str) -> str:
    """Return what stands behind the columns without the counter."""
    said = _COUNTS.search(_outside_texts(tail))
    return tail[: said.start()] + tail[said.end() :] if said else tail


def _outside_texts(text: str) -> str:
    """Return a text of the same length in which what stands in quotes is blank."""
    return _QUOTED.sub(lambda match: " " * len(match.group()), text)


def _columns(shown: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each column's name and the words behind it."""
    for line in _body(shown):
        if line.startswith("`"):
            words = columns.tokens(line)
            yield catalog.unquoted(words[0]), words[1:]


def _counting(shown: str) -> str | None:
    """Return the column with AUTO_INCREMENT unless it begins the primary key."""
    column = next((name for name, words in _columns(shown) if "AUTO_INCREMENT" in words), None)
    begins = [_key_columns(line)[0] for line in _primary(_body(shown))]
    return None if column in begins else column


def _key_columns(line: str) -> list[str]:
    words = columns.tokens(next(w for w in columns.tokens(line) if w.startswith("("))[1:-1])
    return [catalog.unquoted(word) for word in words if word.startswith("`")]


def _primary(body: Sequence[str]) -> list[str]:
    return [line for line in body if line.startswith("PRIMARY KEY ")]


def _is_key(line: str) -> bool:
    words = columns.tokens(line)
    return not line.startswith(("`", "CONSTRAINT ", "PRIMARY ", "PERIOD ")) and any(
        word in ("KEY", "INDEX") for word in words[:2]
    )


def _sorted(body: Sequence[str], counting: str | None) -> tuple[list[str], list[str], list[str]]:
    """Return what has to be there from the start, keys for later, and foreign keys."""
    keys = [line for line in body if _is_key(line)]
    if counting is not None:
        keyed = [line for line in [*_primary(body), *keys] if counting in _key_columns(line)]
        # A column that counts needs a key from the start, at best one that it begins.
        keyed.sort(key=lambda line: _key_columns(line)[0] != counting)
        keys = [line for line in keys if line not in keyed[:1]]
    foreign = [
        line
        for line in body
        if line.startswith("CONSTRAINT ") and columns.tokens(line)[2] == "FOREIGN"
    ]
    late = {*keys, *foreign}
    return [line for line in body if line not in late], keys, foreign


def _name(line: str) -> str:
    """Return the name of a key or constraint."""
    return next(catalog.unquoted(w) for w in columns.tokens(line) if w.startswith("`"))


def _under_old_dates(create: str) -> Iterator[str]:
    """Yield a CREATE TABLE; defaults that are no dates were allowed when they were written."""
    if "'0000-00-00" not in create:
        yield create
        return
    yield "SET @whimbrel_mode = @@sql_mode, sql_mode = 'NO_ENGINE_SUBSTITUTION'"
    yield create
    yield "SET sql_mode = @whimbrel_mode"


def _peculiar(shown: str, alter: str) -> Iterator[tuple[Kind, str, str]]:
    """Yield (kind, name, statement) of what tables.Table does not say of a table."""
    tail = _uncounted(_tail(shown)).removeprefix("\n)")
    partition = _PARTITION.search(_outside_texts(tail))
    if partition:
        said = " ".join(tail[partition.start() :].split())
        yield Kind.PARTITION, said.removeprefix("/*!50100 ").removesuffix(" */"), ""
        tail = tail[: partition.start()]
    for option in _options(tail):
        yield Kind.TABLE_OPTION, option, "" if option.startswith("WITH ") else alter + option
    for line in _body(shown):
        words = columns.tokens(line)
        if line.startswith("PERIOD "):
            yield Kind.TABLE_OPTION, line, f"{alter}ADD {line}"
        elif _is_key(line) and (
            words[0] in ("FULLTEXT", "SPATIAL", "VECTOR") or "WITHOUT" in line or "((" in line
        ):
            kind = Kind.CONSTRAINT if "WITHOUT OVERLAPS" in line else Kind.INDEX
            yield kind, _name(line), f"{alter}ADD {line}"
        elif line.startswith("CONSTRAINT ") and "NOT ENFORCED" in line:
            yield Kind.CONSTRAINT, _name(line), f"{alter}ADD {line}"
    for name, words in _columns(shown):
        definition = columns.parse(" ".join(words))
        if definition.on_update:
            yield Kind.TABLE_OPTION, f"ON UPDATE {definition.on_update} of {name}", ""
        for word in _BEHIND_COLUMN:
            if any(word in one for one in definition.rest):
                yield Kind.TABLE_OPTION, f"{word} {name}", ""


def _options(tail: str) -> Iterator[str]:
    """Yield the options of a table that not every table has."""
    parts: list[str] = []
    for word in columns.tokens(tail):
        if word.startswith(("'", "`", "(")) and parts:
            parts[-1] += word
        elif word == "SYSTEM" or (parts and parts[-1] in ("WITH", "WITH SYSTEM")):
            parts[-1] += f" {word}"
        elif word != ",":
            parts.append(word)
    for part in parts:
        if part not in _USUAL_OPTIONS and part.partition("=")[0] not in _USUAL_OPTIONS:
            yield part


# --- texts of other objects ----------------------------------------------------------------------


def _settings(modes: object, collation: object) -> tuple[str, ...]:
    """Return the statement that sets what an object was made under."""
    parts = [_MADE_UNDER]
    if modes is not None:
        kept = [mode for mode in str(modes).split(",") if mode not in _GONE_MODES]
        parts.append(f"sql_mode = {_literal(','.join(kept))}")
    parts.append(f"collation_connection = {_literal(str(collation))}")
    return (", ".join(parts),)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _listed(names: str) -> tuple[str, ...]:
    return tuple(catalog.unquoted(word) for word in columns.tokens(names) if word.startswith("`"))


def _named(body: str, dialect: str, tables: set[str], routines: set[str]) -> set[str]:
    """Return the tables and routines that the text of a view names."""
    found = set()
    tokens = [token for token in sqltext.tokens(body, dialect) if token.text.strip()]
    for at, token in enumerate(tokens):
        if token.sort is not sqltext.Sort.NAME:
            continue
        name = catalog.unquoted(token.text)
        following = tokens[at + 1].text if at + 1 < len(tokens) else ""
        before = tokens[at - 1].text.upper() if at else ""
        is_call = following == "(" and name in routines
        is_table = before in _BEFORE_TABLES and following != "." and name in tables
        if is_call or is_table:
            found.add(name)
    return found
