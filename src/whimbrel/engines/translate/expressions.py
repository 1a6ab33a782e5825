"""Write expressions: operators, literals, names, CASE, casts; functions go by their rules.

A node of sqlglot's tree that has no method here, or an argument of it that its method does not
name, is refused: only what is known to mean the same is ever written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from sqlglot import exp

from whimbrel.engines.translate import calls, casts, comparing, kinds, patterns, reading, scope
from whimbrel.engines.translate import functions as functions
from whimbrel.engines.translate.kinds import Kind

PREDICATES: Final = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.And, exp.Or, exp.Not, exp.Xor, exp.Is, exp.In, exp.Between, exp.Exists),
    *(exp.Like, exp.ILike, exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.Glob),
)
# Functions that sqlglot reads without parentheses or with a grammar of their own.
_PLAIN_WORDS: Final[Mapping[type[exp.Expr], str]] = {
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTime: "CURRENT_TIME",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.Localtime: "LOCALTIME",
    exp.Localtimestamp: "LOCALTIMESTAMP",
    exp.CurrentUser: "CURRENT_USER",
}
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg)
# Words that sqlglot takes for columns, and that are something else in their dialect.
_PSEUDO: Final = frozenset(
    {"DEFAULT", "ROWID", "_ROWID_", "OID", "CTID", "XMIN", "XMAX", "TABLEOID", "MAXVALUE"}
)


class Expressions:
    """Writes the expressions of one statement, and collects what has to be said about it."""

    def __init__(
        self,
        source: reading.Source,
        where: scope.Scope,
        *,
        changes: bool,
        write_query: Callable[[Expressions, exp.Expr], str],
    ) -> None:
        self.source = source
        self.scope = where
        self.changes = changes
        # Expressions hold queries, and queries hold expressions.
        self._write_query = write_query
        # What VALUES(column) of ON DUPLICATE KEY UPDATE is called here.
        self.new_row: str | None = None
        self.notes: dict[str, None] = {}
        self.functions: set[str] = set()

    @property
    def read(self) -> str:
        """Return the dialect that is read."""
        return self.source.read

    @property
    def target(self) -> str:
        """Return the dialect that is written."""
        return self.source.write

    def query(self, node: exp.Expr) -> str:
        """Write a query inside of an expression."""
        return self._write_query(self, node)

    def note(self, text: str) -> None:
        """Remember something that the reader of the plan should know."""
        self.notes[text] = None

    def need(self, function: str) -> str:
        """Remember that a function of ours has to be registered; return its name."""
        self.functions.add(function)
        return function

    def refuse(self, node: exp.Expr, why: str = "") -> NoReturn:
        """Raise SqlNotTranslatable for a node."""
        self.source.refuse(describe(node), why or "no rule says what it means on the other engine")

    def only(self, node: exp.Expr, *known: str) -> None:
        """Refuse a node that says more than `known`, the parts that are written."""
        for name, part in node.args.items():
            if part not in (None, False, [], "") and name not in known:
                self.source.refuse(
                    f"{name.strip('_').replace('_', ' ').upper()} of {describe(node)}",
                    "no rule says what it means on the other engine",
                )

    def name(self, text: str) -> str:
        """Quote a name. On SQLite not by `"`, which it reads as a text if there is no such name."""
        mark = '"' if self.target == "postgres" else "`"
        return mark + text.replace(mark, mark * 2) + mark

    # --- values and conditions -------------------------------------------------------------------

    def condition(self, node: exp.Expr) -> str:
        """Write an expression that is true or false."""
        inner = calls.plain(node)
        if isinstance(inner, exp.Boolean) or is_predicate(inner) or self.target != "postgres":
            return self._write(node)
        kind = self.kind(inner)
        if kind in kinds.NUMBERS:
            return f"{self.operand(inner)} <> 0"
        if kind not in (None, Kind.BOOLEAN):
            self.refuse(node, "write a comparison where a condition is asked for")
        return self._write(node)

    def value(self, node: exp.Expr) -> str:
        """Write an expression whose value is used: conditions give 1 and 0, as in MySQL."""
        inner = calls.plain(node)
        if is_predicate(inner) and self.target == "postgres" and self.read != "postgres":
            return f"CAST({self._write(inner)} AS INTEGER)"
        return self._write(node)

    def value_for(self, node: exp.Expr, kind: Kind | None) -> str:
        """Write a value that goes into a column of this kind."""
        inner = calls.plain(node)
        if self.target == "postgres" and kind in (Kind.BOOLEAN, None) and is_predicate(inner):
            return self._write(inner)
        if self.target == "postgres" and kind is Kind.BOOLEAN:
            if calls.whole(inner) in (0, 1):
                return "TRUE" if calls.whole(inner) else "FALSE"
            if isinstance(inner, (exp.Case, exp.If)):
                return self._case(inner, kind)
        if isinstance(inner, exp.HexString):
            return self._bytes(inner, kind)
        return self._write(node)

    def operand(self, node: exp.Expr) -> str:
        """Write a value so that no operator beside it can tear it apart."""
        return calls.atom(self.value(node), self.target)

    def projected(self, node: exp.Expr) -> str:
        """Write what a query returns: there MySQL rounds quotients and averages."""
        inner = calls.plain(node)
        if self.read == "mysql" and not self.changes:
            average = isinstance(inner, exp.Anonymous) and str(inner.this).upper() == "AVG"
            if isinstance(inner, exp.Div) and self._whole_division(inner):
                return f"ROUND({functions.numbers.mysql_quotient(self, inner, exact=True)}, 4)"
            if average and self.kind(inner.expressions[0]) is Kind.INTEGER:
                return f"ROUND({self._write(inner)}, 4)"
        return self.value(node)

    def ordered(self, nodes: Sequence[exp.Expr]) -> str:
        """Write the list behind ORDER BY; NULLs stand where the dialect puts them."""
        return ", ".join(self._ordered(node) for node in nodes)

    def _ordered(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Ordered):
            self.refuse(node)
        self.only(node, "this", "desc", "nulls_first")
        descending = bool(node.args.get("desc"))
        nulls_first = bool(node.args.get("nulls_first"))
        kind = self.kind(node.this)
        if kind in (None, Kind.TEXT) and not isinstance(calls.plain(node.this), exp.Literal):
            self.note_collation()
        text = self.operand(node.this) + (" DESC" if descending else "")
        # NULL is the smallest value for MySQL and SQLite, the largest for PostgreSQL.
        usual = descending if self.target == "postgres" else not descending
        inner = calls.plain(node.this)
        never = isinstance(inner, exp.Column) and not self.scope.nullable(inner)
        if nulls_first == usual or never:
            return text
        if self.target == "mysql":
            if calls.whole(node.this) is not None:
                self.note("NULLs stand at the other end where ORDER BY names a position")
                return text
            return f"{self.operand(node.this)} IS{' NOT' * nulls_first} NULL, {text}"
        return text + (" NULLS FIRST" if nulls_first else " NULLS LAST")

    def note_collation(self) -> None:
        """Say that texts are compared by other rules here."""
        if self.read == "mysql":
            self.note(
                "texts are compared and sorted exactly here; MySQL's usual collations ignore "
                "case, accents and blanks at the end"
            )
        elif self.target == "mysql":
            self.note(
                "MySQL's usual collations ignore case, accents and blanks at the end when texts "
                "are compared and sorted"
            )

    # --- kinds -----------------------------------------------------------------------------------

    def kind(self, node: exp.Expr) -> Kind | None:
        """Return what sort of value an expression gives, or None if that is not known."""
        node = calls.plain(node)
        if isinstance(node, (exp.Alias, exp.Window, exp.Filter, exp.Ordered, exp.Neg)):
            return self.kind(node.this)
        if isinstance(node, exp.Column):
            return self.scope.kind(node) if isinstance(node.this, exp.Identifier) else None
        if isinstance(node, exp.Literal):
            return _literal_kind(node, self.read)
        if isinstance(node, exp.Boolean) or is_predicate(node):
            return Kind.BOOLEAN
        if isinstance(node, (exp.DPipe, exp.Concat)):
            return Kind.TEXT
        if isinstance(node, exp.IntDiv):
            return Kind.INTEGER
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Div)):
            return self._number_kind(node)
        if isinstance(node, exp.Cast):
            return casts.kind(node)
        if isinstance(node, (exp.Case, exp.If)):
            return self.common_kind(_branches(node))
        call = self.call(node)
        return None if call is None else calls.gives(call)

    def common_kind(self, nodes: Sequence[exp.Expr]) -> Kind | None:
        """Return the kind that several alternatives share; NULLs do not count."""
        found = {self.kind(n) for n in nodes if not isinstance(calls.plain(n), exp.Null)}
        if len(found) == 1:
            return found.pop()
        return self._widest(found)

    def _number_kind(self, node: exp.Expr) -> Kind | None:
        leaves, found = [node.this, node.expression], set()
        while leaves:
            leaf = calls.plain(leaves.pop())
            if isinstance(leaf, (exp.Add, exp.Sub, exp.Mul)):
                leaves += [leaf.this, leaf.expression]
            else:
                found.add(self.kind(leaf))
        widest = self._widest(found)
        if isinstance(node, exp.Div) and widest is Kind.INTEGER and self.read == "mysql":
            return Kind.DECIMAL
        return widest

    def _widest(self, found: set[Kind | None]) -> Kind | None:
        if not found <= kinds.NUMBERS:
            return None
        for kind in (Kind.DOUBLE, Kind.DECIMAL, Kind.INTEGER):
            if kind in found:
                return kind
        return None

    # --- nodes -----------------------------------------------------------------------------------

    def _write(self, node: exp.Expr) -> str:
        write = _NODES.get(type(node))
        if write is not None:
            return write(self, node)
        if self.new_row and isinstance(node, exp.Anonymous) and node.this in ("VALUES", "VALUE"):
            column = exp.Column(this=calls.plain(node.expressions[0]))
            return f"{self.name(self.new_row)}.{self.name(self.scope.column(column)[0])}"
        call = self.call(node)
        if call is None:
            self.refuse(node, _WHY.get(type(node), ""))
        return calls.apply(call)

    def call(self, node: exp.Expr) -> calls.Call | None:
        """Return a node that is a function call as one, whatever sqlglot made of it."""
        if isinstance(node, exp.Anonymous):
            return self._anonymous(node)
        if type(node) in _PLAIN_WORDS:
            self.only(node, "this")
            args = [node.this] if node.args.get("this") else []
            return calls.Call(_PLAIN_WORDS[type(node)], args, self)
        if isinstance(node, exp.Substring):
            self.only(node, "this", "start", "length")
            start = node.args.get("start") or exp.Literal.number(1)
            length = [node.args["length"]] if node.args.get("length") else []
            return calls.Call("SUBSTRING", [node.this, start, *length], self)
        if isinstance(node, exp.StrPosition):
            self.only(node, "this", "substr")
            return calls.Call("POSITION", [node.args["substr"], node.this], self)
        if isinstance(node, exp.Trim):
            self.only(node, "this", "expression", "position")
            position = str(node.args.get("position") or "").upper()
            name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(position, "TRIM")
            what = [node.args["expression"]] if node.args.get("expression") else []
            return calls.Call(name, [node.this, *what], self)
        if isinstance(node, exp.Extract):
            self.only(node, "this", "expression")
            return calls.Call(f"EXTRACT_{str(node.this).upper()}", [node.expression], self)
        if isinstance(node, exp.GroupConcat):
            return self._group_concat(node)
        return None

    def _anonymous(self, node: exp.Anonymous) -> calls.Call:
        self.only(node, "this", "expressions")
        if not isinstance(node.this, str):
            self.source.refuse(f"the function {node.this}", "it is not one of the engine's own")
        args, order, distinct = list(node.expressions), [], False
        if len(args) == 1 and isinstance(args[0], exp.Order):
            self.only(args[0], "this", "expressions")
            order, args = args[0].expressions, [args[0].this]
        if len(args) == 1 and isinstance(args[0], exp.Distinct):
            self.only(args[0], "expressions")
            args, distinct = args[0].expressions, True
        return calls.Call(node.this.upper(), args, self, distinct, order)

    def _group_concat(self, node: exp.GroupConcat) -> calls.Call:
        self.only(node, "this", "separator")
        name = "STRING_AGG" if self.read == "postgres" else "GROUP_CONCAT"
        inner, order, distinct = node.this, [], False
        if isinstance(inner, exp.Order):
            self.only(inner, "this", "expressions")
            inner, order = inner.this, inner.expressions
        if isinstance(inner, exp.Distinct):
            self.only(inner, "expressions")
            distinct = True
            if len(inner.expressions) != 1:
                self.source.refuse(f"{name}(DISTINCT a, b)", "join the values with CONCAT() first")
            inner = inner.expressions[0]
        if isinstance(inner, exp.Limit):
            self.source.refuse(f"LIMIT in {name}()", "choose the rows in a subquery")
        separator = node.args.get("separator") or exp.Literal.string(",")
        return calls.Call(name, [inner, separator], self, distinct, order)

    def _paren(self, node: exp.Expr) -> str:
        return f"({self._write(node.this)})"

    def _literal(self, node: exp.Expr) -> str:
        text = str(node.this)
        if not node.is_string:
            return text
        if "\0" in text and self.target != "mysql":
            self.source.refuse("a text with a NUL", "no text of the other engine can hold it")
        return calls.quoted(text, self.target)

    def _bytes(self, node: exp.Expr, kind: Kind | None) -> str:
        digits = str(node.this)
        digits = digits if len(digits) % 2 == 0 else "0" + digits
        if kind not in (None, Kind.BINARY):
            self.source.refuse("a hexadecimal literal", "write the text or the number itself")
        if self.target == "postgres":
            return f"CAST('\\x{digits}' AS BYTEA)"
        return f"X'{digits}'"

    def _hex(self, node: exp.Expr) -> str:
        self.source.refuse(
            "a hexadecimal literal outside of VALUES and SET", "write the text or the number itself"
        )

    def _concat(self, node: exp.Expr) -> str:
        """Write literals that stand side by side, which are one text."""
        parts = node.expressions
        if not all(isinstance(part, exp.Literal) and part.is_string for part in parts):
            self.refuse(node)
        return self._literal(exp.Literal.string("".join(str(part.this) for part in parts)))

    def _boolean(self, node: exp.Expr) -> str:
        return "TRUE" if node.this else "FALSE"

    def _placeholder(self, node: exp.Expr) -> str:
        self.only(node, "this")
        name = str(node.this)
        number = name.removeprefix(reading.NUMBERED)
        return f":{number}" if name != number and number.isdigit() else f":{name}"

    def _column(self, node: exp.Expr) -> str:
        self.only(node, "this", "table")
        qualifier = node.args.get("table")
        prefix = f"{self.name(self.scope.alias(qualifier))}." if qualifier is not None else ""
        if isinstance(node.this, exp.Star):
            self.only(node.this)
            return f"{prefix}*"
        if not isinstance(node, exp.Column):
            self.refuse(node)
        name, table = self.scope.column(node)
        if table is None and not node.this.quoted and name.upper() in _PSEUDO:
            self.source.refuse(name.upper(), "it is not a column that the other engine has")
        return prefix + self.name(name)

    def _star(self, node: exp.Expr) -> str:
        self.only(node)
        return "*"

    def _subquery(self, node: exp.Expr) -> str:
        self.only(node, "this")
        return f"({self.query(node.this)})"

    def _exists(self, node: exp.Expr) -> str:
        self.only(node, "this")
        inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
        return f"EXISTS ({self.query(inner)})"

    def _tuple(self, node: exp.Expr) -> str:
        return "(" + ", ".join(self.value(part) for part in node.expressions) + ")"

    # --- operators -------------------------------------------------------------------------------

    def _junction(self, node: exp.Expr) -> str:
        word = "AND" if isinstance(node, exp.And) else "OR"
        parts = [self._part(part, type(node)) for part in _chain(node, type(node))]
        return f" {word} ".join(parts)

    def _part(self, node: exp.Expr, around: type[exp.Expr]) -> str:
        text = self.condition(node)
        mixed = isinstance(node, (exp.And, exp.Or, exp.Xor)) and type(node) is not around
        return f"({text})" if mixed else text

    def _xor(self, node: exp.Expr) -> str:
        sides = (node.this, node.expression)
        if any(isinstance(side, (exp.And, exp.Or, exp.Xor)) for side in sides):
            self.source.refuse("XOR beside AND or OR", "write parentheses around its two sides")
        texts = (calls.atom(self.condition(side), self.target) for side in sides)
        return " <> ".join(f"(NOT {text})" for text in texts)

    def _not(self, node: exp.Expr) -> str:
        inner = node.this
        if isinstance(inner, (exp.Is, exp.In, exp.Exists)):
            return self._write_negated(inner)
        return f"NOT {calls.atom(self.condition(inner), self.target)}"

    def _write_negated(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Is):
            return comparing.is_(self, node, negated=True)
        if isinstance(node, exp.In):
            return comparing.in_(self, node, negated=True)
        return f"NOT {self._exists(node)}"

    def _arithmetic(self, node: exp.Expr) -> str:
        moment = functions.dates.sum_of_moment(self, node)
        if moment is not None:
            return moment
        # Chains go from left to right everywhere, so they need no parentheses.
        alike = (exp.Mul,) if isinstance(node, exp.Mul) else (exp.Add, exp.Sub)
        text = ""
        while isinstance(node, alike):
            if functions.dates.sum_of_moment(self, node) is not None:
                break
            text = f" {_WORDS[type(node)]} {self._number(node.expression)}{text}"
            node = node.this
        return self._number(node) + text

    def _number(self, node: exp.Expr) -> str:
        kind = self.kind(node)
        inner = calls.plain(node)
        moved = isinstance(inner, (exp.Add, exp.Sub)) and any(
            isinstance(side, exp.Interval) for side in (inner.this, inner.expression)
        )
        if moved or kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
            self.refuse(
                node.parent or node, "calculate with dates by DATE_ADD(), DATEDIFF() or INTERVAL"
            )
        if kind is Kind.TEXT and not isinstance(calls.plain(node), exp.Literal):
            self.source.refuse(
                "arithmetic with a text", "say what number it is:  CAST(x AS DECIMAL(20, 4))"
            )
        return self.operand(node)

    def _neg(self, node: exp.Expr) -> str:
        return f"-{self._number(node.this)}"

    def _div(self, node: exp.Expr) -> str:
        if self.read != "mysql":
            return functions.numbers.quotient(self, node)
        # Inside of a statement MySQL cuts the quotient of whole numbers after nine decimals.
        cut = self._whole_division(node) and self.target == "postgres"
        exact = cut and not isinstance(_around(node), _ARITHMETIC)
        text = functions.numbers.mysql_quotient(self, node, exact=exact)
        return f"TRUNC({text}, 9)" if exact else text

    def _whole_division(self, node: exp.Expr) -> bool:
        return {self.kind(node.this), self.kind(node.expression)} == {Kind.INTEGER}

    def _intdiv(self, node: exp.Expr) -> str:
        return functions.numbers.whole_quotient(self, node)

    def _mod(self, node: exp.Expr) -> str:
        return functions.numbers.remainder(self, node.this, node.expression)

    def _bits(self, node: exp.Expr) -> str:
        simple = (exp.Paren, exp.Column, exp.Literal, exp.Anonymous)
        beside = isinstance(node.parent, exp.Binary) and not isinstance(node.parent, PREDICATES)
        if beside or not all(isinstance(s, simple) for s in (node.this, node.expression)):
            self.source.refuse(
                f"{describe(node)} beside another operator",
                "engines bind it differently; write parentheses",
            )
        if isinstance(node, exp.BitwiseOr):
            self.note(
                "bits of negative numbers are a huge number in MySQL, a negative one elsewhere"
            )
        return f"{self.operand(node.this)} {_WORDS[type(node)]} {self.operand(node.expression)}"

    def _dpipe(self, node: exp.Expr) -> str:
        return functions.texts.joined(self, node)

    def _case(self, node: exp.Expr, kind: Kind | None = None) -> str:
        if isinstance(node, exp.If):
            self.only(node, "this", "true", "false")
            arms, otherwise, subject = [node], node.args.get("false"), None
        else:
            self.only(node, "this", "ifs", "default")
            arms, otherwise = node.args["ifs"], node.args.get("default")
            subject = node.args.get("this")

        def branch(value: exp.Expr) -> str:
            return self.value_for(value, kind) if kind else self.value(value)

        pieces = ["CASE"]
        for arm in arms:
            if subject is None:
                test = self.condition(arm.this)
            else:
                # Each pair is compared as `=` would, which is not the same with NULL; but then
                # CASE does not match either.
                test = comparing.compare(self, "=", subject, arm.this)
            pieces.append(f"WHEN {test} THEN {branch(arm.args['true'])}")
        if otherwise is not None:
            pieces.append(f"ELSE {branch(otherwise)}")
        return " ".join([*pieces, "END"])

    def _cast(self, node: exp.Expr) -> str:
        return casts.write(self, node)

    def _window(self, node: exp.Expr) -> str:
        return functions.groups.window(self, node)

    def _filter(self, node: exp.Expr) -> str:
        return functions.groups.filtered(self, node)

    def _interval(self, node: exp.Expr) -> str:
        self.source.refuse("INTERVAL by itself", "add it to a date or subtract it from one")


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Return the operands of `a OR b OR c`, which is a tree that leans to the left."""
    parts: list[exp.Expr] = []
    while isinstance(node, kind):
        parts.append(node.expression)
        node = node.this
    return [node, *reversed(parts)]


def is_predicate(node: exp.Expr) -> bool:
    """Whether an expression is true or false by what it is."""
    node = calls.plain(node)
    if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
        return node.this.upper() in ("ISNULL", "REGEXP_LIKE", "JSON_VALID")
    return isinstance(node, PREDICATES)


def describe(node: exp.Expr) -> str:
    """Name a node as its reader would."""
    if type(node) in _WORDS:
        return _WORDS[type(node)]
    if isinstance(node, exp.Anonymous):
        return f"{node.this}()".upper()
    return f"{node.sql_name()}()" if isinstance(node, exp.Func) else node.key.upper()


def _literal_kind(node: exp.Literal, read: str) -> Kind:
    if node.is_string:
        return Kind.TEXT
    text = str(node.this).lower()
    if text.isdigit():
        return Kind.INTEGER
    if read == "sqlite" or ("e" in text and read == "mysql"):
        return Kind.DOUBLE
    return Kind.DECIMAL


def _branches(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.If):
        found = [node.args["true"], node.args.get("false")]
    else:
        found = [*(arm.args["true"] for arm in node.args["ifs"]), node.args.get("default")]
    return [branch for branch in found if branch is not None]


def _around(node: exp.Expr, *, through_parens: bool = True) -> exp.Expr | None:
    around = node.parent
    while through_parens and isinstance(around, exp.Paren):
        around = around.parent
    return around


_WORDS: Final[Mapping[type[exp.Expr], str]] = {
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.BitwiseNot: "~",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.And: "AND",
    exp.Or: "OR",
    exp.Collate: "COLLATE",
    exp.AtTimeZone: "AT TIME ZONE",
    exp.Bracket: "an element of an array",
    exp.Dot: "a function of a schema",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.SimilarTo: "SIMILAR TO",
    exp.HexString: "a hexadecimal literal",
    exp.BitString: "a bit literal",
}
_WHY: Final[Mapping[type[exp.Expr], str]] = {
    exp.Collate: "collations have other names and rules on the other engine",
    exp.AtTimeZone: "time zones are not the same on all engines",
    exp.Any: "write IN (…) or EXISTS (…)",
    exp.All: "write NOT EXISTS (…) or compare with MAX() or MIN()",
    exp.BitwiseXor: "engines write and bind it differently",
}

_Write = Callable[[Expressions, exp.Expr], str]

_NODES: Final[Mapping[type[exp.Expr], _Write]] = {
    exp.Paren: Expressions._paren,
    exp.Literal: Expressions._literal,
    exp.National: Expressions._literal,
    exp.HexString: Expressions._hex,
    exp.Concat: Expressions._concat,
    exp.Boolean: Expressions._boolean,
    exp.Null: lambda writer, node: "NULL",
    exp.Placeholder: Expressions._placeholder,
    exp.Column: Expressions._column,
    exp.Star: Expressions._star,
    exp.Subquery: Expressions._subquery,
    exp.Exists: Expressions._exists,
    exp.Tuple: Expressions._tuple,
    exp.And: Expressions._junction,
    exp.Or: Expressions._junction,
    exp.Xor: Expressions._xor,
    exp.Not: Expressions._not,
    exp.Add: Expressions._arithmetic,
    exp.Sub: Expressions._arithmetic,
    exp.Mul: Expressions._arithmetic,
    exp.Neg: Expressions._neg,
    exp.Div: Expressions._div,
    exp.IntDiv: Expressions._intdiv,
    exp.Mod: Expressions._mod,
    exp.DPipe: Expressions._dpipe,
    exp.Case: Expressions._case,
    exp.If: Expressions._case,
    exp.Cast: Expressions._cast,
    exp.Window: Expressions._window,
    exp.Filter: Expressions._filter,
    exp.Interval: Expressions._interval,
    exp.BitwiseAnd: Expressions._bits,
    exp.BitwiseOr: Expressions._bits,
    **dict.fromkeys(comparing.SIGNS, comparing.comparison),
    exp.NullSafeEQ: comparing.null_safe,
    exp.NullSafeNEQ: comparing.null_safe,
    exp.Is: comparing.is_,
    exp.In: comparing.in_,
    exp.Between: comparing.between,
    exp.Like: patterns.like,
    exp.ILike: patterns.like,
    exp.Escape: patterns.escape,
    exp.Glob: patterns.glob,
    exp.RegexpLike: patterns.regexp,
    exp.RegexpILike: patterns.regexp,
}
