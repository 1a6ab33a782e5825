"""The rules of functions: what each one means, and how every dialect says the same.

A rule is a Python function that takes a `Call` and returns the text in the dialect that is
written: either one text, or a template for each dialect (`{0}` is the first argument). Rules
stand in `functions/`; what has no rule has no translation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from sqlglot import exp

from whimbrel.engines import sqltext
from whimbrel.engines.translate import reading
from whimbrel.engines.translate.kinds import Kind

Templates = Mapping[str, str]
Written = str | Templates
GivesKind = Kind | None | Callable[["Call"], Kind | None]


class Writer(Protocol):
    """What rules may ask of the writer that called them."""

    source: reading.Source
    changes: bool

    @property
    def read(self) -> str:
        """Return the dialect that is read."""

    @property
    def target(self) -> str:
        """Return the dialect that is written."""

    def value(self, node: exp.Expr) -> str:
        """Write an expression whose value is used."""

    def operand(self, node: exp.Expr) -> str:
        """Write a value so that no operator beside it can tear it apart."""

    def condition(self, node: exp.Expr) -> str:
        """Write an expression that is true or false."""

    def query(self, node: exp.Expr) -> str:
        """Write a query inside of an expression."""

    def kind(self, node: exp.Expr) -> Kind | None:
        """Return what sort of value an expression gives, or None if that is not known."""

    def common_kind(self, nodes: Sequence[exp.Expr]) -> Kind | None:
        """Return the kind that several alternatives share."""

    def call(self, node: exp.Expr) -> Call | None:
        """Return a node that is a function call as one."""

    def ordered(self, nodes: Sequence[exp.Expr]) -> str:
        """Write the list behind ORDER BY."""

    def name(self, text: str) -> str:
        """Quote a name."""

    def note(self, text: str) -> None:
        """Remember something that the reader of the plan should know."""

    def note_collation(self) -> None:
        """Say that texts are compared by other rules here."""

    def need(self, function: str) -> str:
        """Remember that a function of ours has to be registered; return its name."""

    def only(self, node: exp.Expr, *known: str) -> None:
        """Refuse a node that says more than the parts that are written."""

    def refuse(self, node: exp.Expr, why: str = "") -> NoReturn:
        """Raise SqlNotTranslatable for a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is known of one function in one dialect."""

    write: Callable[[Call], Written]
    least: int
    most: int
    gives: GivesKind
    texts: frozenset[int]


@dataclass(frozen=True, slots=True)
class Call:
    """One function call, on its way into another dialect."""

    name: str
    args: Sequence[exp.Expr]
    writer: Writer
    distinct: bool = False
    order: Sequence[exp.Expr] = ()
    texts: frozenset[int] = frozenset()

    @property
    def read(self) -> str:
        """Return the dialect the call is written in."""
        return self.writer.source.read

    @property
    def target(self) -> str:
        """Return the dialect it is to be written in."""
        return self.writer.source.write

    def refuse(self, why: str, construct: str | None = None) -> NoReturn:
        """Raise SqlNotTranslatable naming this function."""
        self.writer.source.refuse(construct or f"{self.name}()", why)

    def kind(self, index: int) -> Kind | None:
        """Return what sort of value an argument is."""
        return self.writer.kind(self.args[index])

    def value(self, index: int) -> str:
        """Return an argument as it is written, in parentheses if it needs them."""
        if index in self.texts and self.kind(index) not in (None, Kind.TEXT, Kind.BINARY):
            return self.text(index)
        return atom(self.writer.value(self.args[index]), self.target)

    def text(self, index: int) -> str:
        """Return an argument as a text, even if it is a number."""
        return as_text(self.args[index], self.writer)

    def literal(self, index: int) -> str | None:
        """Return what a string literal says, or None if the argument is something else."""
        node = plain(self.args[index])
        return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None

    def integer(self, index: int) -> int | None:
        """Return a whole number written as such, or None if the argument is something else."""
        return whole(self.args[index])


RULES: Final[dict[str, dict[str, Rule]]] = {"mysql": {}, "postgres": {}, "sqlite": {}}


def rule(
    *,
    args: int | tuple[int, int],
    gives: GivesKind,
    texts: tuple[int, ...] = (),
    mysql: str = "",
    postgres: str = "",
    sqlite: str = "",
) -> Callable[[Callable[[Call], Written]], Callable[[Call], Written]]:
    """Declare what the functions of these names mean, in each dialect that has one.

    `texts` are the places of arguments that are texts: a number there is made one first.
    """
    least, most = args if isinstance(args, tuple) else (args, args)

    def declare(write: Callable[[Call], Written]) -> Callable[[Call], Written]:
        made = Rule(write=write, least=least, most=most, gives=gives, texts=frozenset(texts))
        for dialect, called in (("mysql", mysql), ("postgres", postgres), ("sqlite", sqlite)):
            for name in called.split():
                if name in RULES[dialect]:
                    raise ValueError(f"{dialect} {name} has two rules")
                RULES[dialect][name] = made
        return write

    return declare


MANY: Final = 1000


def apply(call: Call) -> str:
    """Write a call by its rule; refuse it if there is none for it."""
    found = RULES[call.read].get(call.name)
    if found is None:
        call.refuse(WHY_NOT.get(call.name, "no rule says what it means on the other engine"))
    if not found.least <= len(call.args) <= found.most:
        call.refuse(
            "it has a rule for other arguments only",
            f"{call.name}() with {len(call.args)} argument{'s' * (len(call.args) != 1)}",
        )
    call = dataclasses.replace(call, texts=found.texts)
    written = found.write(call)
    if isinstance(written, str):
        return written
    template = written.get(call.target)
    if template is None:
        call.refuse(WHY_NOT.get(call.name, "the other engine has nothing that is the same"))
    return template.format(*(call.value(i) for i in range(len(call.args))))


def gives(call: Call) -> Kind | None:
    """Return the kind of what a call gives, or None if that is not known."""
    found = RULES[call.read].get(call.name)
    if found is None or not found.least <= len(call.args) <= found.most:
        return None
    return found.gives if isinstance(found.gives, Kind) or not found.gives else found.gives(call)


# Why not, for functions that people will try.
WHY_NOT: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("RAND", "RANDOM"), "what it gives differs each time; choose the rows by a column instead"
    ),
    **dict.fromkeys(
        ("UUID", "GEN_RANDOM_UUID"),
        "make the values in Python and give them as parameters:  str(uuid.uuid4())",
    ),
    **dict.fromkeys(
        ("LAST_INSERT_ID", "LASTVAL", "CURRVAL", "LAST_INSERT_ROWID", "NEXTVAL", "SETVAL"),
        "read the key back by the columns that were just written:  SELECT id FROM … WHERE …",
    ),
    **dict.fromkeys(
        ("ROW_COUNT", "FOUND_ROWS", "CHANGES"), "execute() returns the number of changed rows"
    ),
    "WEEK": "its weeks are counted from Sundays; WEEK(d, 3) and WEEKOFYEAR(d) have a translation",
    "CONVERT_TZ": "convert in Python, or with each engine's own time zones",
    **dict.fromkeys(
        ("VERSION", "DATABASE", "SCHEMA", "USER", "CURRENT_USER"),
        "what it gives is about one server; ask self.engine instead",
    ),
}


# --- helpers of rules -------------------------------------------------------------------------


def plain(node: exp.Expr) -> exp.Expr:
    """Return the node without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def whole(node: exp.Expr) -> int | None:
    """Return a whole number written as such, also with a minus, or None."""
    node = plain(node)
    if isinstance(node, exp.Neg):
        inner = whole(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
        return int(node.this)
    return None


def as_text(node: exp.Expr, writer: Writer) -> str:
    """Write an expression as a text, the way that MySQL would turn it into one."""
    target = writer.source.write
    written = atom(writer.value(node), target)
    kind = writer.kind(node)
    if kind is Kind.DOUBLE:
        writer.note("numbers with a decimal point may be spelled differently as texts")
    if kind is None and isinstance(plain(node), exp.Column):
        writer.note(
            "a column whose type is not known becomes a text as its engine spells it: "
            "booleans and decimals may differ"
        )
    if kind is Kind.DECIMAL and target == "sqlite":
        writer.note("decimals lose the zeros at their end when they become texts")
    if kind is Kind.DATETIME and target == "sqlite":
        writer.note("a datetime becomes a text as it is stored, maybe with decimals of a second")
    if target != "postgres" or kind is Kind.TEXT:
        return written
    if kind is Kind.BOOLEAN:
        return f"CAST(CAST({written} AS INTEGER) AS TEXT)"
    return f"CAST({written} AS TEXT)"


def atom(sql: str, dialect: str) -> str:
    """Return the text, in parentheses unless nothing around it could tear it apart."""
    return sql if is_atom(sql, dialect) else f"({sql})"


def is_atom(sql: str, dialect: str) -> bool:
    """Whether the text is one value, one name, one call, one CASE or stands in parentheses."""
    found = sqltext.significant(sql, dialect)
    if len(found) == 1:
        return True
    if all(t.text == "." or t.sort is sqltext.Sort.NAME for t in found):
        return True
    first = found[0]
    if first.word == "CASE":
        return _closes_last(found, {"CASE"}, {"END"})
    if first.text == "(":
        return _closes_last(found, {"("}, {")"})
    return (
        first.sort is sqltext.Sort.WORD
        and found[1].text == "("
        and _closes_last(found[1:], {"("}, {")"})
    )


def _closes_last(found: Sequence[sqltext.Token], opening: set[str], closing: set[str]) -> bool:
    depth = 0
    for index, token in enumerate(found):
        depth += (token.word in opening) - (token.word in closing)
        if depth == 0:
            return index == len(found) - 1
    return False


def quoted(text: str, dialect: str) -> str:
    """Write a text as a literal."""
    if dialect == "mysql":
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def has_case(text: str) -> bool:
    """Whether a text has letters that an engine may compare without regard to case."""
    return any(letter.lower() != letter or letter.upper() != letter for letter in text)
