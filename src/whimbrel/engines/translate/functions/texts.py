"""Functions of texts."""

from __future__ import annotations

from sqlglot import exp

from whimbrel.engines.translate import calls, patterns
from whimbrel.engines.translate.calls import MANY, Call, Templates, Writer, Written, rule
from whimbrel.engines.translate.kinds import Kind

# --- length and case --------------------------------------------------------------------------


@rule(
    args=1,
    texts=(0,),
    gives=Kind.INTEGER,
    mysql="CHAR_LENGTH CHARACTER_LENGTH",
    postgres="LENGTH CHAR_LENGTH CHARACTER_LENGTH",
    sqlite="LENGTH",
)
def characters(call: Call) -> Templates:
    if call.kind(0) is Kind.BINARY:
        call.refuse("of bytes, engines count differently; use OCTET_LENGTH()")
    return {"mysql": "CHAR_LENGTH({0})", "postgres": "LENGTH({0})", "sqlite": "LENGTH({0})"}


@rule(
    args=1,
    texts=(0,),
    gives=Kind.INTEGER,
    mysql="LENGTH OCTET_LENGTH",
    postgres="OCTET_LENGTH",
    sqlite="OCTET_LENGTH",
)
def size(call: Call) -> Templates:
    return {
        "mysql": "LENGTH({0})",
        "postgres": "OCTET_LENGTH({0})",
        "sqlite": "LENGTH(CAST({0} AS BLOB))",
    }


@rule(args=1, texts=(0,), gives=Kind.TEXT, mysql="UPPER UCASE", postgres="UPPER")
def upper(call: Call) -> Templates:
    # SQLite's own function knows ASCII only; ours is hardly slower.
    if call.target == "sqlite":
        call.writer.need("whimbrel_upper")
    return {"mysql": "UPPER({0})", "postgres": "UPPER({0})", "sqlite": "whimbrel_upper({0})"}


@rule(args=1, texts=(0,), gives=Kind.TEXT, mysql="LOWER LCASE", postgres="LOWER")
def lower(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_lower")
    return {"mysql": "LOWER({0})", "postgres": "LOWER({0})", "sqlite": "whimbrel_lower({0})"}


@rule(args=1, gives=Kind.TEXT, sqlite="UPPER")
def upper_ascii(call: Call) -> Templates:
    if call.target == "mysql":
        call.writer.note("UPPER() changes letters beyond ASCII too, unlike SQLite's")
    return {"mysql": "UPPER({0})", "postgres": 'UPPER({0} COLLATE "C")'}


@rule(args=1, gives=Kind.TEXT, sqlite="LOWER")
def lower_ascii(call: Call) -> Templates:
    if call.target == "mysql":
        call.writer.note("LOWER() changes letters beyond ASCII too, unlike SQLite's")
    return {"mysql": "LOWER({0})", "postgres": 'LOWER({0} COLLATE "C")'}


# --- joining ----------------------------------------------------------------------------------


@rule(args=(1, MANY), gives=Kind.TEXT, mysql="CONCAT")
def concat(call: Call) -> Written:
    texts = [call.text(i) for i in range(len(call.args))]
    return " || ".join(texts) if len(texts) > 1 else f"{texts[0]} || ''"


@rule(args=(1, MANY), gives=Kind.TEXT, postgres="CONCAT")
def concat_known(call: Call) -> Written:
    """PostgreSQL's CONCAT() leaves NULLs out."""
    _no_booleans(call)
    values = [call.value(i) for i in range(len(call.args))]
    if call.target == "mysql":
        return f"CONCAT_WS('', {', '.join(values)})"
    return " || ".join(f"COALESCE({value}, '')" for value in values)


@rule(args=(2, MANY), gives=Kind.TEXT, mysql="CONCAT_WS", postgres="CONCAT_WS")
def concat_ws(call: Call) -> Written:
    if call.read == "postgres":
        _no_booleans(call)
    separator = call.text(0)
    texts = [call.text(i) for i in range(1, len(call.args))]
    if call.target != "sqlite":
        return f"CONCAT_WS({', '.join([separator, *texts])})"
    joined = " || ".join(f"COALESCE({separator} || {text}, '')" for text in texts)
    return f"SUBSTR({joined}, LENGTH({separator}) + 1)"


def _no_booleans(call: Call) -> None:
    if any(call.kind(i) is Kind.BOOLEAN for i in range(len(call.args))):
        call.refuse("a boolean is 't' in PostgreSQL's texts and 1 elsewhere")


def joined(writer: Writer, node: exp.Expr) -> str:
    """Write `a || b` of PostgreSQL and SQLite."""
    sides = _sides(node)
    found = [writer.kind(side) for side in sides]
    if writer.read == "postgres":
        known = [kind for kind in found if kind is not None]
        literals = [str(s.this) for s in sides if isinstance(s, exp.Literal) and s.is_string]
        if Kind.TEXT not in known or any(text[:1] in ("{", "[") for text in literals):
            writer.source.refuse(
                "|| of values that may be no texts", "say so:  a || CAST(b AS TEXT)"
            )
        if Kind.BOOLEAN in known:
            writer.source.refuse("|| of a boolean", "a boolean is spelled differently as a text")
    for side in sides:
        if isinstance(side, exp.Binary):
            writer.source.refuse("|| beside another operator", "write parentheses")
    texts = [calls.as_text(side, writer) for side in sides]
    return f"CONCAT({', '.join(texts)})" if writer.target == "mysql" else " || ".join(texts)


def _sides(node: exp.Expr) -> list[exp.Expr]:
    parts: list[exp.Expr] = []
    while isinstance(node, exp.DPipe):
        parts.append(node.expression)
        node = node.this
    return [node, *reversed(parts)]


# --- parts ------------------------------------------------------------------------------------


def counted(node: exp.Expr, writer: Writer) -> bool:
    """Whether a number is surely 0 or more: a literal, a length, a position, and sums of these."""
    node = calls.plain(node)
    if isinstance(node, exp.Add):
        return counted(node.this, writer) and counted(node.expression, writer)
    number = calls.whole(node)
    if number is not None:
        return number >= 0
    call = writer.call(node)
    return call is not None and call.name in _COUNTS


_COUNTS = frozenset(
    [
        "LENGTH",
        "CHAR_LENGTH",
        "CHARACTER_LENGTH",
        "OCTET_LENGTH",
        "INSTR",
        "LOCATE",
        "POSITION",
        "STRPOS",
    ]
)


def positive(node: exp.Expr, writer: Writer) -> bool:
    """Whether a number is surely 1 or more."""
    node = calls.plain(node)
    if isinstance(node, exp.Add):
        sides = (node.this, node.expression)
        return all(counted(s, writer) for s in sides) and any(positive(s, writer) for s in sides)
    number = calls.whole(node)
    return number is not None and number > 0


@rule(
    args=(2, 3),
    texts=(0,),
    gives=Kind.TEXT,
    mysql="SUBSTRING SUBSTR MID",
    postgres="SUBSTRING SUBSTR",
    sqlite="SUBSTRING SUBSTR",
)
def substring(call: Call) -> Written:
    if call.kind(0) is Kind.BINARY or call.kind(1) is Kind.TEXT:
        call.refuse("it has a rule for texts and numbers only")
    sure = positive(call.args[1], call.writer)
    length = _length(call)
    if sure:
        return f"SUBSTR({call.value(0)}, {call.value(1)}{length})"
    if call.read == "mysql":
        return _substring_from(call, length)
    call.refuse("engines differ for a start below 1; write one that is surely 1 or more")


def _length(call: Call) -> str:
    """Write the third argument; below 0 it means none in MySQL, an error in PostgreSQL."""
    if len(call.args) == 2:
        return ""
    value = call.value(2)
    if counted(call.args[2], call.writer):
        return f", {value}"
    if call.read == "sqlite" and call.integer(1) != 1:
        call.refuse("a negative length counts backwards in SQLite; write one that is surely not")
    if call.target == "mysql":
        return f", {value}"
    if call.target == "sqlite":
        return f", MAX({value}, 0)"
    return f", CASE WHEN {value} < 0 THEN 0 ELSE {value} END"


def _substring_from(call: Call, length: str) -> str:
    """Write MySQL's SUBSTRING() with a start that may be below 1: then it counts from the end."""
    text, start = call.value(0), call.value(1)
    known = call.integer(1)
    if known == 0:
        return f"CASE WHEN {text} IS NOT NULL THEN '' END"
    if known is not None:
        return (
            f"CASE WHEN LENGTH({text}) < {-known} THEN '' "
            f"ELSE SUBSTR({text}, LENGTH({text}) - {-known - 1}{length}) END"
        )
    none = " OR ".join(f"{call.value(i)} IS NULL" for i in range(len(call.args)))
    return (
        f"CASE WHEN {none} THEN NULL "
        f"WHEN {start} > 0 THEN SUBSTR({text}, {start}{length}) "
        f"WHEN {start} < 0 AND LENGTH({text}) + {start} >= 0 "
        f"THEN SUBSTR({text}, LENGTH({text}) + {start} + 1{length}) ELSE '' END"
    )


@rule(args=2, texts=(0,), gives=Kind.TEXT, mysql="LEFT", postgres="LEFT")
def left(call: Call) -> Templates:
    _not_negative(call)
    if counted(call.args[1], call.writer):
        return {
            "mysql": "LEFT({0}, {1})",
            "postgres": "LEFT({0}, {1})",
            "sqlite": "SUBSTR({0}, 1, {1})",
        }
    return {
        "postgres": "LEFT({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)",
        "sqlite": "SUBSTR({0}, 1, MAX({1}, 0))",
    }


@rule(args=2, texts=(0,), gives=Kind.TEXT, mysql="RIGHT", postgres="RIGHT")
def right(call: Call) -> Templates:
    _not_negative(call)
    if positive(call.args[1], call.writer):
        return {
            "mysql": "RIGHT({0}, {1})",
            "postgres": "RIGHT({0}, {1})",
            "sqlite": "SUBSTR({0}, -{1})",
        }
    return {
        "mysql": "RIGHT({0}, {1})",
        "postgres": "RIGHT({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)",
        "sqlite": "CASE WHEN {1} > 0 THEN SUBSTR({0}, -{1}) "
        "WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN '' END",
    }


def _not_negative(call: Call) -> None:
    if call.read == "postgres" and not counted(call.args[1], call.writer):
        call.refuse("a negative number means all but so many in PostgreSQL; write a positive one")


@rule(args=3, texts=(0, 1), gives=Kind.TEXT, mysql="SUBSTRING_INDEX")
def substring_index(call: Call) -> Written:
    if call.target == "sqlite":
        ours = call.writer.need("whimbrel_substring_index")
        return f"{ours}({call.value(0)}, {call.value(1)}, {call.value(2)})"
    text, mark, count = call.value(0), call.value(1), call.integer(2)
    parts = f"STRING_TO_ARRAY({text}, {mark})"
    if count is None or not call.literal(1):
        return _substring_index_of_anything(call, text, mark, parts)
    if count == 0:
        return f"CASE WHEN {text} IS NOT NULL THEN '' END"
    if count in (1, -1):
        return f"SPLIT_PART({text}, {mark}, {count})"
    if count > 0:
        return f"ARRAY_TO_STRING(({parts})[1:{count}], {mark})"
    return f"ARRAY_TO_STRING(({parts})[CARDINALITY({parts}) - {-count - 1}:], {mark})"


def _substring_index_of_anything(call: Call, text: str, mark: str, parts: str) -> str:
    count = call.value(2)
    none = " OR ".join(f"{value} IS NULL" for value in (text, mark, count))
    return (
        f"CASE WHEN {none} THEN NULL WHEN {mark} = '' THEN '' "
        f"WHEN {count} > 0 THEN ARRAY_TO_STRING(({parts})[1:{count}], {mark}) "
        f"WHEN {count} < 0 THEN "
        f"ARRAY_TO_STRING(({parts})[CARDINALITY({parts}) + {count} + 1:], {mark}) ELSE '' END"
    )


@rule(args=3, texts=(0,), gives=Kind.TEXT, postgres="SPLIT_PART")
def split_part(call: Call) -> Written:
    number = call.integer(2)
    if number is None or number == 0 or not call.literal(1):
        call.refuse("it has a rule for a delimiter and a number that are literals")
    text, mark = call.value(0), call.value(1)
    if call.target == "sqlite":
        return f"{call.writer.need('whimbrel_split_part')}({text}, {mark}, {number})"
    if number in (1, -1):
        return f"SUBSTRING_INDEX({text}, {mark}, {number})"
    if number < 0:
        call.refuse("it has a rule for numbers from -1 on")
    before = f"SUBSTRING_INDEX({text}, {mark}, {number - 1})"
    part = f"SUBSTRING_INDEX(SUBSTRING_INDEX({text}, {mark}, {number}), {mark}, -1)"
    return f"CASE WHEN CHAR_LENGTH({before}) = CHAR_LENGTH({text}) THEN '' ELSE {part} END"


# --- finding and replacing --------------------------------------------------------------------


@rule(args=(2, 3), texts=(0, 1), gives=Kind.INTEGER, mysql="LOCATE")
def locate(call: Call) -> Written:
    if len(call.args) == 2:
        return _position(call, text=1, sought=0)
    text, sought = _caseless(call, 1, 0)
    start = call.value(2)
    rest = f"SUBSTR({text}, {start})"
    found = _found(call, rest, sought)
    none = " OR ".join(f"{call.value(i)} IS NULL" for i in range(3))
    return (
        f"CASE WHEN {none} THEN NULL WHEN {start} < 1 OR {start} > LENGTH({text}) THEN 0 "
        f"WHEN {found} > 0 THEN {found} + {start} - 1 ELSE 0 END"
    )


@rule(args=2, texts=(0, 1), gives=Kind.INTEGER, mysql="POSITION", postgres="POSITION")
def position(call: Call) -> Written:
    return _position(call, text=1, sought=0)


@rule(args=2, texts=(0, 1), gives=Kind.INTEGER, mysql="INSTR", postgres="STRPOS", sqlite="INSTR")
def instr(call: Call) -> Written:
    return _position(call, text=0, sought=1)


def _position(call: Call, *, text: int, sought: int) -> str:
    one, other = _caseless(call, text, sought)
    return _found(call, one, other)


def _found(call: Call, text: str, sought: str) -> str:
    return f"{'STRPOS' if call.target == 'postgres' else 'INSTR'}({text}, {sought})"


def _caseless(call: Call, text: int, sought: int) -> tuple[str, str]:
    """Write a text and what is sought in it, so that case counts as where it was written."""
    literal = call.literal(sought)
    if literal is not None and not calls.has_case(literal):
        return call.value(text), call.value(sought)
    if call.read == "mysql":
        call.writer.note_collation()
        return _lowered(call, text), _lowered(call, sought)
    if call.target == "mysql":
        return call.value(text), f"{call.value(sought)} COLLATE utf8mb4_bin"
    return call.value(text), call.value(sought)


def _lowered(call: Call, index: int) -> str:
    literal = call.literal(index)
    if literal is not None:
        return calls.quoted(literal.lower(), call.target)
    if call.target == "postgres":
        return f"LOWER({call.value(index)})"
    return f"{call.writer.need('whimbrel_lower')}({call.value(index)})"


@rule(
    args=3, texts=(0, 1, 2), gives=Kind.TEXT, mysql="REPLACE", postgres="REPLACE", sqlite="REPLACE"
)
def replace(call: Call) -> Templates:
    return dict.fromkeys(("mysql", "postgres", "sqlite"), "REPLACE({0}, {1}, {2})")


@rule(args=3, texts=(0,), gives=Kind.TEXT, mysql="REGEXP_REPLACE")
def regexp_replace(call: Call) -> Written:
    pattern, new = call.literal(1), call.literal(2)
    if pattern is None or new is None or "\\" in new or "$" in new:
        call.refuse("it has a rule for a pattern and a replacement that are literals, without \\ $")
    if calls.has_case(pattern):
        call.writer.note_collation()
    shared = calls.quoted(patterns.shared(call.writer, pattern), call.target)
    text, written = call.value(0), calls.quoted(new, call.target)
    if call.target == "postgres":
        return f"REGEXP_REPLACE({text}, {shared}, {written}, 'gi')"
    return f"{call.writer.need('whimbrel_regexp_replace')}({text}, {shared}, {written})"


@rule(args=2, gives=Kind.BOOLEAN, mysql="REGEXP_LIKE")
def regexp_like(call: Call) -> Written:
    pattern = call.literal(1)
    if pattern is None:
        call.refuse("write the pattern as a literal, then it can be translated")
    return patterns.matches(call.writer, call.args[0], pattern, as_usual=True)


# --- trimming, filling, repeating -------------------------------------------------------------


def _trim(call: Call, template: str, word: str) -> Written:
    if len(call.args) == 1:
        return f"{template}({call.value(0)})"
    literal = call.literal(1)
    if literal is None or len(literal) != 1:
        call.refuse("it has a rule for one character, written as a literal")
    if call.target == "mysql":
        return f"TRIM({word} {call.value(1)} FROM {call.value(0)})"
    return f"{template}({call.value(0)}, {call.value(1)})"


@rule(args=(1, 2), texts=(0,), gives=Kind.TEXT, mysql="TRIM", postgres="TRIM BTRIM", sqlite="TRIM")
def trim(call: Call) -> Written:
    return _trim(call, "BTRIM" if call.target == "postgres" else "TRIM", "BOTH")


@rule(args=(1, 2), texts=(0,), gives=Kind.TEXT, mysql="LTRIM", postgres="LTRIM", sqlite="LTRIM")
def ltrim(call: Call) -> Written:
    return _trim(call, "LTRIM", "LEADING")


@rule(args=(1, 2), texts=(0,), gives=Kind.TEXT, mysql="RTRIM", postgres="RTRIM", sqlite="RTRIM")
def rtrim(call: Call) -> Written:
    return _trim(call, "RTRIM", "TRAILING")


def _pad(call: Call, word: str) -> Written:
    if len(call.args) == 3 and call.literal(2) in (None, ""):
        call.refuse("write what to fill with as a literal that is not empty")
    size = call.integer(1)
    if size is None or size < 0:
        call.refuse("write the length as a number")
    fill = call.value(2) if len(call.args) == 3 else "' '"
    if call.target == "sqlite":
        ours = call.writer.need(f"whimbrel_{word.lower()}")
        return f"{ours}({call.value(0)}, {size}, {fill})"
    return f"{word}({call.value(0)}, {size}, {fill})"


@rule(args=(2, 3), texts=(0,), gives=Kind.TEXT, mysql="LPAD", postgres="LPAD")
def lpad(call: Call) -> Written:
    return _pad(call, "LPAD")


@rule(args=(2, 3), texts=(0,), gives=Kind.TEXT, mysql="RPAD", postgres="RPAD")
def rpad(call: Call) -> Written:
    return _pad(call, "RPAD")


@rule(args=2, texts=(0,), gives=Kind.TEXT, mysql="REPEAT", postgres="REPEAT")
def repeat(call: Call) -> Templates:
    return {
        "mysql": "REPEAT({0}, {1})",
        "postgres": "REPEAT({0}, {1})",
        "sqlite": "REPLACE(HEX(ZEROBLOB({1})), '00', {0})"
        if call.integer(1) is not None
        else "CASE WHEN {1} IS NOT NULL THEN REPLACE(HEX(ZEROBLOB({1})), '00', {0}) END",
    }


@rule(args=1, gives=Kind.TEXT, mysql="SPACE")
def space(call: Call) -> Templates:
    if call.integer(0) is None:
        call.refuse("write the number as a literal")
    return {"postgres": "REPEAT(' ', {0})", "sqlite": "REPLACE(HEX(ZEROBLOB({0})), '00', ' ')"}


@rule(args=1, texts=(0,), gives=Kind.TEXT, mysql="REVERSE", postgres="REVERSE")
def reverse(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_reverse")
    return {
        "mysql": "REVERSE({0})",
        "postgres": "REVERSE({0})",
        "sqlite": "whimbrel_reverse({0})",
    }


# --- lists ------------------------------------------------------------------------------------


@rule(args=(2, MANY), gives=Kind.INTEGER, mysql="FIELD")
def field(call: Call) -> Written:
    found = {call.kind(i) for i in range(len(call.args))}
    if Kind.TEXT in found:
        call.writer.note_collation()
        if found & {Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE}:
            call.refuse("texts and numbers are not compared alike; write one sort of values")
    arms = [f"WHEN {call.value(0)} = {call.value(i)} THEN {i}" for i in range(1, len(call.args))]
    return f"CASE {' '.join(arms)} ELSE 0 END"


@rule(args=(2, MANY), gives=None, mysql="ELT")
def elt(call: Call) -> Written:
    arms = [f"WHEN {i} THEN {call.value(i)}" for i in range(1, len(call.args))]
    return f"CASE {call.value(0)} {' '.join(arms)} END"


@rule(args=2, texts=(0, 1), gives=Kind.INTEGER, mysql="FIND_IN_SET")
def find_in_set(call: Call) -> Templates:
    call.writer.note_collation()
    if call.target == "sqlite":
        call.writer.need("whimbrel_find_in_set")
    return {
        "postgres": "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL "
        "ELSE COALESCE(ARRAY_POSITION(STRING_TO_ARRAY({1}, ','), {0}), 0) END",
        "sqlite": "whimbrel_find_in_set({0}, {1})",
    }


# --- hashes -----------------------------------------------------------------------------------


@rule(args=1, texts=(0,), gives=Kind.TEXT, mysql="MD5", postgres="MD5")
def md5(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_md5")
    return {"mysql": "MD5({0})", "postgres": "MD5({0})", "sqlite": "whimbrel_md5({0})"}


@rule(args=1, texts=(0,), gives=Kind.TEXT, mysql="SHA1 SHA")
def sha1(call: Call) -> Templates:
    if call.target == "postgres":
        call.refuse("PostgreSQL has it in an extension only; SHA2(x, 256) has a translation")
    return {"sqlite": f"{call.writer.need('whimbrel_sha1')}({{0}})"}


@rule(args=2, texts=(0,), gives=Kind.TEXT, mysql="SHA2")
def sha2(call: Call) -> Templates:
    bits = call.integer(1) or 256
    if bits not in (224, 256, 384, 512):
        call.refuse("write 224, 256, 384 or 512")
    if call.target == "sqlite":
        return {"sqlite": f"{call.writer.need('whimbrel_sha2')}({{0}}, {bits})"}
    return {"postgres": f"ENCODE(SHA{bits}(CONVERT_TO({{0}}, 'UTF8')), 'hex')"}


@rule(args=1, gives=Kind.TEXT, mysql="HEX", sqlite="HEX")
def hex_of_text(call: Call) -> Templates:
    # PostgreSQL itself refuses a number here.
    if call.kind(0) is not Kind.TEXT and (call.kind(0) or call.target != "postgres"):
        call.refuse("of a number it is something else; say that it is a text:  CAST(x AS CHAR)")
    if call.read == "sqlite":  # whose HEX(NULL) is ''
        return {
            "mysql": "COALESCE(HEX({0}), '')",
            "postgres": "COALESCE(UPPER(ENCODE(CONVERT_TO({0}, 'UTF8'), 'hex')), '')",
        }
    return {
        "mysql": "HEX({0})",
        "postgres": "UPPER(ENCODE(CONVERT_TO({0}, 'UTF8'), 'hex'))",
        "sqlite": "CASE WHEN {0} IS NOT NULL THEN HEX({0}) END",
    }
