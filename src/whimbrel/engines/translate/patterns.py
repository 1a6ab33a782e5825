"""Write LIKE, GLOB and regular expressions.

LIKE follows the collation in MySQL (no case), is exact in PostgreSQL, and ignores the case of
ASCII letters in SQLite. Regular expressions are three languages: what they share is translated.
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls
from whimbrel.engines.translate.calls import Writer
from whimbrel.engines.translate.comparing import check_rank
from whimbrel.engines.translate.kinds import Kind

_NO_LITERAL: Final = "write the pattern as a literal, then it can be translated"


def like(writer: Writer, node: exp.Expr) -> str:
    """Write LIKE or ILIKE without an ESCAPE clause."""
    return _like(writer, node, "" if writer.read == "sqlite" else "\\")


def escape(writer: Writer, node: exp.Expr) -> str:
    """Write LIKE or ILIKE with an ESCAPE clause."""
    letter = node.expression
    if not (isinstance(letter, exp.Literal) and letter.is_string and len(str(letter.this)) == 1):
        writer.source.refuse("this ESCAPE", "write one character as a literal")
    return _like(writer, node.this, str(letter.this))


def _like(writer: Writer, node: exp.Expr, mark: str) -> str:
    writer.only(node, "this", "expression", "negate")
    if not isinstance(node, (exp.Like, exp.ILike)):
        writer.refuse(node)
    check_rank(writer, node.this, node.expression)
    subject = _text(writer, node.this)
    pattern = calls.plain(node.expression)
    literal = str(pattern.this) if isinstance(pattern, exp.Literal) and pattern.is_string else None
    if isinstance(pattern, (exp.Any, exp.All, exp.Cast)):
        writer.source.refuse("LIKE with this pattern", _NO_LITERAL)
    if literal is None:
        text = _unknown_pattern(writer, node, subject, mark)
    else:
        text = _known_pattern(writer, node, subject, _parts(literal, mark))
    return f"NOT ({text})" if node.args.get("negate") else text


def _text(writer: Writer, node: exp.Expr) -> str:
    if writer.target == "postgres" and writer.kind(node) not in (None, Kind.TEXT):
        return calls.as_text(node, writer)
    return writer.operand(node)


def _parts(pattern: str, mark: str) -> list[tuple[str, bool]]:
    """Return the pattern's characters, each with whether it is a wildcard."""
    parts: list[tuple[str, bool]] = []
    letters = iter(pattern)
    for letter in letters:
        if mark and letter == mark:
            parts.append((next(letters, letter), False))
        else:
            parts.append((letter, letter in "%_"))
    return parts


def _known_pattern(
    writer: Writer, node: exp.Expr, subject: str, parts: list[tuple[str, bool]]
) -> str:
    fixed = "".join(letter for letter, wild in parts if not wild)
    cased = calls.has_case(fixed)
    exact = writer.read == "postgres" and isinstance(node, exp.Like) and cased
    if exact and writer.target == "sqlite":
        return f"{subject} GLOB {calls.quoted(_as_glob(parts), 'sqlite')}"
    mark = "\\" if any(not wild and letter in "%_\\" for letter, wild in parts) else ""
    text = "".join(
        mark + letter if mark and not wild and letter in "%_\\" else letter
        for letter, wild in parts
    )
    word = _word(writer, node, fixed)
    pattern = calls.quoted(text, writer.target)
    if exact:
        pattern = f"{pattern} COLLATE utf8mb4_bin"
    if writer.read == "sqlite" and writer.target == "postgres" and cased:
        subject = f'{subject} COLLATE "C"'
    # Backslash is the escape already, except in SQLite, which has none.
    clause = " ESCAPE '\\'" if mark and writer.target == "sqlite" else ""
    return f"{subject} {word} {pattern}{clause}"


def _word(writer: Writer, node: exp.Expr, fixed: str) -> str:
    """Return LIKE or ILIKE; say where case or accents may come out differently."""
    if writer.read == "mysql" and calls.has_case(fixed):
        writer.note_collation()
    exact = writer.read == "postgres" and isinstance(node, exp.Like)
    if writer.target == "mysql" and not exact and calls.has_case(fixed):
        writer.note_collation()
    if writer.target == "sqlite" and not fixed.isascii() and calls.has_case(fixed):
        writer.note("SQLite's LIKE ignores the case of ASCII letters only")
    if writer.target != "postgres" or not calls.has_case(fixed):
        return "LIKE"
    return "LIKE" if writer.read == "postgres" and isinstance(node, exp.Like) else "ILIKE"


def _unknown_pattern(writer: Writer, node: exp.Expr, subject: str, mark: str) -> str:
    pattern = _text(writer, node.expression)
    if mark != "\\" or (writer.read == "postgres" and isinstance(node, exp.Like)):
        writer.source.refuse("LIKE with a pattern that is not a literal", _NO_LITERAL)
    writer.note_collation()
    if writer.target == "postgres":
        return f"{subject} ILIKE {pattern}"
    if writer.target == "sqlite":
        writer.note("SQLite's LIKE ignores the case of ASCII letters only")
        return f"{subject} LIKE {pattern} ESCAPE '\\'"
    return f"{subject} LIKE {pattern}"


def _as_glob(parts: list[tuple[str, bool]]) -> str:
    wild = {"%": "*", "_": "?"}
    return "".join(
        wild[letter] if is_wild else f"[{letter}]" if letter in "*?[" else letter
        for letter, is_wild in parts
    )


def glob(writer: Writer, node: exp.Expr) -> str:
    """Refuse GLOB: only SQLite has it."""
    writer.source.refuse("GLOB", "write LIKE instead")


# --- regular expressions ----------------------------------------------------------------------

_PIECE: Final = re.compile(
    r"""
    \\[dD]                              # digits
    | \\[.^$*+?()\[\]{}|\\/-]           # a sign that means itself
    | \[\^?(?:\\[\]\\^-]|[^\]\[\\])+\]  # a set without classes in it
    | \(\?: | \(                        # groups
    | \{\d+(?:,\d*)?\}                  # counts
    | [.^$*+?)|]
    | [^\\\[\](){}]
    """,
    re.VERBOSE | re.DOTALL,
)


def regexp(writer: Writer, node: exp.Expr) -> str:
    """Write a match by a regular expression; MySQL's ignores case, PostgreSQL's `~` does not."""
    writer.only(node, "this", "expression")
    check_rank(writer, node.this, node.expression)
    pattern = calls.plain(node.expression)
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        writer.source.refuse("a regular expression that is not a literal", _NO_LITERAL)
    return matches(writer, node.this, str(pattern.this), isinstance(node, exp.RegexpLike))


def matches(writer: Writer, subject: exp.Expr, pattern: str, as_usual: bool) -> str:
    """Write a match with a pattern that is known."""
    if writer.read == "sqlite":
        writer.source.refuse("REGEXP", "SQLite has none of its own; write LIKE instead")
    translated = calls.quoted(shared(writer, pattern), writer.target)
    exact = writer.read == "postgres" and as_usual
    text = _text(writer, subject)
    if calls.has_case(re.sub(r"\\[dD]", "", pattern)) and not exact:
        writer.note_collation()
    if writer.target == "postgres":
        return f"{text} ~* {translated}"
    if writer.target == "mysql":
        pattern_text = f"{translated} COLLATE utf8mb4_bin" if exact else translated
        return f"{text} REGEXP {pattern_text}"
    return f"{writer.need('whimbrel_regexp')}({translated}, {text}, {1 if exact else 0})"


def shared(writer: Writer, pattern: str) -> str:
    """Return a pattern that means the same there, or refuse what only one language has."""
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        match = _PIECE.match(pattern, position)
        follows = pattern[position - 1 : position] if position else ""
        # Nothing, a group's beginning or another count cannot be counted: (?i), a++, ^*.
        counted = position > 0 and follows not in "+*?}(|^"
        if match is None or (match.group()[0] in "+?*{" and not counted):
            writer.source.refuse(
                f"the regular expression {pattern!r}",
                f"what stands at {pattern[position : position + 8]!r} is not the same in all "
                "regular expressions; \\d, sets, groups, | and counts are",
            )
        pieces.append(_piece(writer, match.group()))
        position = match.end()
    try:
        re.compile(pattern)
    except re.error as error:
        writer.source.refuse(f"the regular expression {pattern!r}", f"it is not one: {error}")
    return "".join(pieces)


def _piece(writer: Writer, piece: str) -> str:
    # A dot does not match the end of a line in MySQL, and does in PostgreSQL; `$` may stand
    # before a last end of line in MySQL only.
    if piece in ("\\d", "\\D") and (writer.read, writer.target) != ("mysql", "sqlite"):
        if writer.read == "mysql":
            writer.note("digits are 0 to 9 here; in MySQL those of all scripts")
        return "[0-9]" if piece == "\\d" else "[^0-9]"
    if writer.read == "mysql" and writer.target == "postgres":
        return {".": "[^\\n]", "$": "(?=\\n?\\Z)"}.get(piece, piece)
    if writer.read == "postgres":
        if writer.target == "sqlite":
            return {".": "(?s:.)", "$": "\\Z"}.get(piece, piece)
        return {".": "(?s:.)", "$": "\\z"}.get(piece, piece)
    return piece
