"""How rules are written: what each says in words, and what is refused where it is written."""

from __future__ import annotations

import datetime as dt

import pytest

from whimbrel import config, errors
from whimbrel.engines import judge
from whimbrel.proof import rulebook, rules


def book(write):
    """Return the one rule that a function writes."""
    made = rulebook.Rulebook()
    write(made)
    (rule,) = made.rules
    return rule


WORDS = {
    "users has at least 1 row": lambda e: e.rows("users", at_least=1),
    "users has exactly 5,000 rows": lambda e: e.rows("users", exactly=5_000),
    "users has as many rows as people": lambda e: e.rows("users", same_as="people"),
    "users.a, b is never NULL": lambda e: e.not_null("users", ["a", "b"]),
    "users.email is unique": lambda e: e.unique("users", "email"),
    "orders.user_id is in users": lambda e: e.refers("orders", "user_id", to="users"),
    "orders.total is between 0 and 9.5": lambda e: e.between("orders", "total", 0, 9.5),
    "users.born is at least 2000-01-01": lambda e: e.between("users", "born", dt.date(2000, 1, 1)),
    "users.name has at most 1 character": lambda e: e.length("users", "name", at_most=1),
    "users.email matches ^.+@": lambda e: e.matches("users", "email", "^.+@"),
    "orders.state is one of 'new', 'paid'": lambda e: e.one_of("orders", "state", ["new", "paid"]),
    "no rows: SELECT 1 FROM a": lambda e: e("SELECT 1\n  FROM a"),
    "orders has as many rows as before, by state": lambda e: e.same_rows("orders", by="state"),
    "the sum of orders.total is as before": lambda e: e.same_sum("orders", "total"),
    "users.a is never NULL (where b > 1)": lambda e: e.not_null("users", "a", where="b\n > 1"),
}


@pytest.mark.parametrize("words", WORDS)
def test_a_rule_says_what_it_means(words):
    rule = book(WORDS[words])

    assert words == rule.says == rule.title
    assert rule.place.partition(":")[0].endswith("test_rulebook.py")


def test_a_name_goes_before_the_words():
    rule = book(lambda e: e.not_null("users", "email", name="mails", severity="warning", limit=3))

    assert ("mails", rules.Severity.WARNING, 3) == (rule.title, rule.severity, rule.limit)


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda e: e.rows("users"), "needs exactly, at_least or at_most"),
        (lambda e: e.rows("users", at_least=1, same_as="b"), "or same_as alone"),
        (lambda e: e.rows("users", at_least=-1), "from 0 on"),
        (lambda e: e.rows("users", exactly=1, at_least=1), "says it all"),
        (lambda e: e.not_null("users", []), "columns is empty"),
        (lambda e: e.not_null("users", "a", colour="red"), "is no option"),
        (lambda e: e.not_null("users", "a", wheer="b"), "did you mean where?"),
        (lambda e: e.not_null("users", "a", severity="bad"), '"error" or "warning"'),
        (lambda e: e.not_null("users", "a", limit=0), "at least 1"),
        (lambda e: e.refers("a", ["b", "c"], to="d", to_columns="e"), "as many as columns: 2"),
        (lambda e: e.between("a", "b"), "needs a bound"),
        (lambda e: e.between("a", "b", "1"), "a number, a date or a time"),
        (lambda e: e.between("a", "b", float("nan")), "a number, a date or a time"),
        (lambda e: e.between("a", "b", 2, 1), "nothing is between 2 and 1"),
        (lambda e: e.between("a", "b", 2, dt.date(2000, 1, 1)), "different kinds"),
        (lambda e: e.between("a", ["b", "c"], 2), "one column"),
        (lambda e: e.length("a", "b"), "needs a bound"),
        (lambda e: e.one_of("a", "b", []), "a list of values"),
        (lambda e: e.one_of("a", "b", "xy"), "a list of values"),
        (lambda e: e.one_of("a", "b", [None]), "NULL"),
        (lambda e: e.one_of("a", "b", ["1", 2]), "a list of texts, or one of numbers"),
        (lambda e: e.matches("a", "b", "("), "is none"),
        (lambda e: e.matches("a", "b", r"\bword"), "mean the same"),
        (lambda e: e.same_sum("a", "b", tolerance=-1), "from 0 on"),
        (lambda e: e.no_rows(" "), "a text"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(write, why):
    with pytest.raises(errors.BadRule) as refused:
        book(write)

    assert why in str(refused.value)
    assert "test_rulebook.py:" in str(refused.value)


# --- the configuration ----------------------------------------------------------------------

HEAD = '[databases.main]\nurl = "sqlite:///a.db"\n'


def written(tmp_path, text):
    """Return the rules of a whimbrel.toml."""
    file = tmp_path / config.FILE_NAME
    file.write_text(HEAD + text, encoding="utf-8")
    return rulebook.read(config.read(file).rules)


def test_sections_say_the_same_as_methods(tmp_path):
    (rule,) = written(
        tmp_path,
        '[validate.born]\ncheck = "between"\ntable = "users"\ncolumn = "born"\n'
        'least = 1900-01-01\nseverity = "warning"\nmessage = "too old"\ndatabases = ["main"]\n',
    )

    assert ("born", "users.born is at least 1900-01-01") == (rule.title, rule.says)
    assert (rules.Severity.WARNING, "too old") == (rule.severity, rule.message)
    assert rule.place.endswith("whimbrel.toml:3")


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ('table = "a"', 3, "has no check"),
        ('check = "notnull"', 4, "did you mean:  not_null"),
        ('check = "same_rows"\ntable = "a"', 4, "what was before a migration"),
        ('check = "not_null"\ntable = "a"\ncolums = "b"', 6, "did you mean columns?"),
        ('check = "not_null"\ntable = "a"', 3, "not_null needs columns"),
        ('check = "not_null"\ntable = 1\ncolumns = "b"', 5, "table has to be a text"),
        ('check = "between"\ntable = "a"\ncolumn = "b"\nleast = "x"', 7, "a number, a date"),
        ('check = "matches"\ntable = "a"\ncolumn = "b"\npattern = "("', 7, "is none"),
        ('check = "no_rows"\nsql = "SELECT 1"\ndatabases = ["mian"]', 6, "did you mean:  main"),
        ('check = "no_rows"\nsql = "SELECT 1"\ndatabases = 1', 6, "a list of names"),
        ('check = "no_rows"\nsql = "SELECT 1"\nname = "x"', 6, "in the section's brackets"),
    ],
)
def test_a_wrong_section_is_refused_with_its_line(lines, line, words, tmp_path):
    with pytest.raises(errors.BadConfig) as refused:
        written(tmp_path, f"[validate.rule]\n{lines}\n")

    assert words in str(refused.value)
    assert f"whimbrel.toml:{line}" in str(refused.value)


def test_an_entry_that_is_no_section_is_refused(tmp_path):
    with pytest.raises(errors.BadConfig):
        written(tmp_path, '[validate]\nmails = "users.email"\n')


def test_the_example_in_errors_is_a_rule(tmp_path):
    (rule,) = written(tmp_path, rulebook.EXAMPLE)

    assert "users.email is never NULL" == rule.says


# --- regular expressions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "shared"),
    [
        (r"^\d{3}$", "^[0-9]{3}$"),
        (r"[\d.-]+\.", r"[0-9.-]+\."),
        ("a.b", r"a[^\n]b"),
        (r"\S\w|x", r"[^ \t\n\r\f][A-Za-z0-9_]|x"),
        ("(?:a|b)*x", "(?:a|b)*x"),
        (r"[^@\s]+@", r"[^@ \t\n\r\f]+@"),
        ("a]}", r"a\]\}"),
    ],
)
def test_a_pattern_is_written_so_that_all_engines_read_the_same(pattern, shared):
    assert shared == "".join(judge.pieces(pattern))


@pytest.mark.parametrize(
    "pattern",
    [r"\bx", r"(?i)x", r"a++", r"x*?", r"(?<=a)b", r"(a)\1", r"[[:alpha:]]", r"\pL", "[a&&b]",
     r"[\D]", r"\Ax", r"\x41"],
)  # fmt: skip
def test_a_pattern_that_engines_read_differently_is_refused(pattern):
    with pytest.raises(judge.Unfit):
        judge.pieces(pattern)
