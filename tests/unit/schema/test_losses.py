"""What has to be asked of a column, what does not fit, and how it is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from whimbrel.engines import profiling
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Domain, Facts, Meaning, Offer, Question
from whimbrel.schema import losses
from whimbrel.schema.losses import Verdict

NOTHING: frozenset[Question] = frozenset()
TEXT = Domain(refuses=frozenset({Question.NUL}))


def number(bits: int, **more: object) -> Meaning:
    return Meaning(family=Family.INTEGER, bits=bits, **more)  # type: ignore[arg-type]


def between(least: object, most: object) -> Domain:
    return Domain(least=Decimal(str(least)), most=Decimal(str(most)))


# --- what has to be asked -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meaning", "domain", "asked"),
    [
        (number(32), between(-(2**63), 2**63 - 1), NOTHING),
        (number(64), between(-(2**63), 2**63 - 1), NOTHING),
        (number(64), between(-(2**31), 2**31 - 1), {Question.RANGE}),
        (number(64, unsigned=True), between(-(2**63), 2**63 - 1), {Question.RANGE}),
        (number(32, unsigned=True), between(-(2**63), 2**63 - 1), NOTHING),
        (number(32, unsigned=True), between(-(2**31), 2**31 - 1), {Question.RANGE}),
        (number(16), between(0, 65535), {Question.RANGE}),
        (number(32, typed=True), between(-(2**63), 2**63 - 1), {Question.RANGE}),
        (Meaning(family=Family.BOOLEAN), between(0, 1), NOTHING),
        (number(32), Domain(digits_before=10, digits_behind=0), NOTHING),
        (number(32), Domain(digits_before=9, digits_behind=0), {Question.DIGITS}),
        (
            Meaning(family=Family.DECIMAL, precision=15, scale=2),
            Domain(digits_before=13, digits_behind=2),
            NOTHING,
        ),
        (
            Meaning(family=Family.DECIMAL, precision=15, scale=2),
            Domain(digits_before=12, digits_behind=2),
            {Question.DIGITS},
        ),
        (
            Meaning(family=Family.DECIMAL, precision=15, scale=2),
            Domain(digits_before=13, digits_behind=1),
            {Question.DIGITS},
        ),
        (Meaning(family=Family.DECIMAL), Domain(digits_behind=30), {Question.DIGITS}),
        (
            Meaning(family=Family.DECIMAL, precision=15, scale=2, typed=True),
            Domain(digits_before=13, digits_behind=2),
            {Question.DIGITS},
        ),
        (Meaning(family=Family.DATETIME, fraction=3), Domain(digits_behind=6), NOTHING),
        (Meaning(family=Family.DATETIME, fraction=6), Domain(digits_behind=3), {Question.DIGITS}),
        (Meaning(family=Family.TEXT, length=1, fixed=True), TEXT, {Question.NUL}),
        (Meaning(family=Family.TEXT, length=10), Domain(characters=10, octets=40), NOTHING),
        (Meaning(family=Family.TEXT, length=10), Domain(characters=9), {Question.LONGEST}),
        (Meaning(family=Family.TEXT, length=10), Domain(octets=39), {Question.LONGEST}),
        (Meaning(family=Family.TEXT), Domain(octets=65535), {Question.LONGEST}),
        (Meaning(family=Family.TEXT, values=("a", "bcd")), Domain(characters=3), NOTHING),
        (
            Meaning(family=Family.TEXT, values=("a", "bcd")),
            Domain(characters=2),
            {Question.LONGEST},
        ),
        (
            Meaning(family=Family.TEXT, values=("a", "bcd"), many=True),
            Domain(characters=4),
            {Question.LONGEST},
        ),
        (Meaning(family=Family.BINARY, length=16), Domain(octets=16), NOTHING),
        (Meaning(family=Family.UUID), Domain(characters=36), NOTHING),
        (Meaning(family=Family.UUID), Domain(characters=32), {Question.LONGEST}),
        (
            Meaning(family=Family.TEXT, never=frozenset({Question.NUL})),
            TEXT,
            NOTHING,
        ),
    ],
)
def test_only_what_the_types_do_not_exclude_is_asked(
    meaning: Meaning, domain: Domain, asked: set[Question]
) -> None:
    assert asked == losses.asked(meaning, domain)


def test_what_the_chooser_of_a_type_needs_is_asked_too() -> None:
    found = losses.asked(number(32), Domain(), needs={Question.KINDS}, null=False)

    assert {Question.KINDS, Question.NULL} == found


# --- what does not fit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "facts", "found"),
    [
        (between(0, 10), Facts(rows=1, least=Decimal(0), most=Decimal(10)), NOTHING),
        (between(0, 10), Facts(rows=1, least=Decimal(-1), most=Decimal(10)), {Question.RANGE}),
        (between(0, 10), Facts(rows=1, least=Decimal(0), most=Decimal("10.1")), {Question.RANGE}),
        (Domain(digits_behind=2), Facts(rows=1, digits_behind=2), NOTHING),
        (Domain(digits_behind=2), Facts(rows=1, digits_behind=3), {Question.DIGITS}),
        (Domain(digits_before=2), Facts(rows=1, digits_before=3), {Question.DIGITS}),
        (Domain(characters=5), Facts(rows=1, characters=6), {Question.LONGEST}),
        (Domain(octets=5), Facts(rows=1, characters=5, octets=6), {Question.LONGEST}),
        (Domain(octets=6), Facts(rows=1, characters=5, octets=6), NOTHING),
        (TEXT, Facts(rows=1, counts={Question.NUL: 0}), NOTHING),
        (TEXT, Facts(rows=1, counts={Question.NUL: 1}), {Question.NUL}),
        (TEXT, Facts(rows=1, counts={Question.NAN: 1}), NOTHING),
        (Domain(), Facts(rows=1, counts={Question.NUL: 1}, most=Decimal(5)), NOTHING),
    ],
)
def test_values_are_held_against_what_a_type_takes(
    domain: Domain, facts: Facts, found: set[Question]
) -> None:
    assert found == losses.unfit(domain, facts)


KEYS = ((("7",), "2020-00-00"), (("9",), "0000-00-00"), (("11",), "x"), (("12",), "y"))


def judged(
    domain: Domain,
    facts: Facts,
    *,
    meaning: Meaning | None = None,
    null: bool = True,
    accepted: frozenset[Question] = NOTHING,
    notes: tuple[str, ...] = (),
) -> list[losses.Loss]:
    offer = Offer(type="narrow", family=Family.TEXT, domain=domain, notes=notes)
    own = meaning or Meaning(family=Family.TEXT, typed=True)
    return losses.judge("orders", "shipped", own, offer, facts, null=null, accepted=accepted)


@pytest.mark.parametrize("question", sorted(profiling.TROUBLES - {Question.NULL}, key=str))
def test_every_trouble_is_refused_with_its_count_its_keys_and_a_remedy(question: Question) -> None:
    domain = Domain(refuses=frozenset({question}))
    facts = Facts(rows=1_500, counts={question: 1_200}, keys={question: KEYS})

    (loss,) = judged(domain, facts)

    assert (Verdict.REFUSED, 1_200, KEYS) == (loss.verdict, loss.rows, loss.keys)
    assert loss.says.startswith("1,200 values of orders.shipped ")
    assert loss.says.endswith(
        ", which narrow cannot keep; the first: 7 → '2020-00-00', 9 → '0000-00-00', 11 → 'x'"
    )
    assert "types = { shipped = " in loss.remedy
    assert "where = " in loss.remedy
    assert loss.what


@pytest.mark.parametrize("question", sorted(profiling.TROUBLES - {Question.NULL}, key=str))
def test_a_trouble_that_a_rule_takes_is_accepted_and_still_counted(question: Question) -> None:
    domain = Domain(refuses=frozenset({question}))
    facts = Facts(rows=5, counts={question: 1}, keys={question: KEYS[:1]})

    (loss,) = judged(domain, facts, accepted=frozenset({question}))

    assert (Verdict.ACCEPTED, 1, "") == (loss.verdict, loss.rows, loss.remedy)
    assert loss.says.startswith("1 value of orders.shipped ")


@pytest.mark.parametrize("question", sorted(profiling.TROUBLES - {Question.NULL}, key=str))
def test_a_trouble_that_is_not_there_is_no_loss(question: Question) -> None:
    domain = Domain(refuses=frozenset({question}))

    assert [] == judged(domain, Facts(rows=5, counts={question: 0}))


def test_zero_dates_are_said_in_one_sentence() -> None:
    domain = Domain(refuses=frozenset({Question.ZERO_DATE}))
    facts = Facts(rows=9, counts={Question.ZERO_DATE: 1}, keys={Question.ZERO_DATE: KEYS[:1]})

    (loss,) = judged(domain, facts, meaning=Meaning(family=Family.DATE))

    assert "zero date" == loss.what
    assert (
        "1 value of orders.shipped is a date without a day, a month or a year, "
        "which narrow cannot keep; the first: 7 → '2020-00-00'"
    ) == loss.says
    assert (
        'let a rule take them:  cleanse = { shipped = [{ zero_dates = "null" }] }  or  '
        'cleanse = { shipped = [{ zero_dates = "first" }] }'
    ) == loss.remedy.splitlines()[0]


@pytest.mark.parametrize(
    ("domain", "facts", "says"),
    [
        (
            between(0, 255),
            Facts(rows=9, least=Decimal(-5), most=Decimal(70_000)),
            (
                "orders.shipped does not fit narrow: its values go from -5 to 70000, "
                "the type takes 0 to 255"
            ),
        ),
        (
            Domain(most=Decimal(5)),
            Facts(rows=9, least=Decimal("1.5"), most=Decimal("1E+3")),
            (
                "orders.shipped does not fit narrow: its values go from 1.5 to 1000, "
                "the type takes at most 5"
            ),
        ),
        (
            Domain(digits_before=3, digits_behind=2),
            Facts(rows=9, digits_before=4, digits_behind=1),
            (
                "orders.shipped does not fit narrow: its values have up to 4 digits before the "
                "point and 1 behind it, the type takes 3 digits before the point and 2 behind it"
            ),
        ),
        (
            Domain(characters=10, octets=40),
            Facts(rows=9, characters=1_200, octets=30),
            (
                "orders.shipped does not fit narrow: the longest has 1,200 characters, "
                "the type takes 10"
            ),
        ),
        (
            Domain(octets=40),
            Facts(rows=9, characters=10, octets=41),
            "orders.shipped does not fit narrow: the longest has 41 bytes, the type takes 40",
        ),
    ],
)
def test_limits_are_said_with_what_was_found(domain: Domain, facts: Facts, says: str) -> None:
    (loss,) = judged(domain, facts)

    assert (Verdict.REFUSED, says, None) == (loss.verdict, loss.says, loss.rows)


def test_rows_beyond_a_limit_are_counted_once_they_were_asked_for() -> None:
    facts = Facts(rows=9, least=Decimal(1), most=Decimal(300))
    beyond = {Question.RANGE: profiling.Found(rows=2, keys=((("4",), "300"), (("5",), "256")))}

    (loss,) = judged(between(0, 255), losses.with_beyond(facts, beyond))

    assert (2, beyond[Question.RANGE].keys) == (loss.rows, loss.keys)
    assert (
        "2 values of orders.shipped are out of range: its values go from 1 to 300, the type takes "
        "0 to 255; the first: 4 → '300', 5 → '256'"
    ) == loss.says


def test_null_is_refused_where_the_target_takes_none() -> None:
    facts = Facts(rows=9, nulls=2, counts={Question.NULL: 2}, keys={Question.NULL: KEYS[:1]})

    (loss,) = judged(Domain(), facts, null=False)

    assert ("NULL", Verdict.REFUSED, 2) == (loss.what, loss.verdict, loss.rows)
    assert "and the target's column is NOT NULL" in loss.says
    assert [] == judged(Domain(), facts, null=True)


def test_what_was_never_asked_is_refused_not_guessed() -> None:
    meaning = Meaning(family=Family.DECIMAL)

    (loss,) = judged(Domain(digits_behind=2), Facts(rows=9), meaning=meaning)

    assert ("not known", Verdict.REFUSED) == (loss.what, loss.verdict)
    assert "digits before and behind the point" in loss.says


@pytest.mark.parametrize("facts", [Facts(rows=0), Facts(rows=5, nulls=5)])
def test_without_values_nothing_has_to_be_known(facts: Facts) -> None:
    domain = Domain(digits_behind=2, refuses=frozenset({Question.NUL}))

    assert [] == judged(domain, facts)


def test_notes_of_a_type_are_noted() -> None:
    (loss,) = judged(Domain(), Facts(rows=1), notes=("compares with case",))

    assert (Verdict.NOTED, "compares with case", None) == (loss.verdict, loss.says, loss.rows)


def test_several_troubles_are_several_losses_in_one_order() -> None:
    refuses = frozenset({Question.NUL, Question.NOT_UTF8})
    facts = Facts(rows=9, characters=9, octets=9, counts={Question.NUL: 1, Question.NOT_UTF8: 2})

    found = judged(Domain(characters=5, refuses=refuses), facts)

    assert ["too long", "NUL", "no UTF-8"] == [loss.what for loss in found]


def test_odd_names_of_columns_are_quoted_in_the_remedy() -> None:
    offer = Offer(type="narrow", family=Family.TEXT, domain=TEXT)
    facts = Facts(rows=1, counts={Question.NUL: 1})

    (loss,) = losses.judge("t", 'my "x"', Meaning(family=Family.TEXT), offer, facts, null=True)

    assert r'cleanse = { "my \"x\"" = ["strip_control"] }' in loss.remedy


def test_every_question_has_its_words() -> None:
    known = {*losses._WORDS, *losses._LIMITS, Question.KINDS}

    assert set() == set(Question) - known


# --- parts ----------------------------------------------------------------------------------


def test_parts_that_asked_nothing_stay_unknown() -> None:
    assert Facts(rows=3) == profiling.merged([Facts(rows=1), Facts(rows=2)])


def test_parts_add_up() -> None:
    one = Facts(
        rows=3,
        nulls=1,
        least=Decimal(-1),
        most=Decimal(5),
        characters=3,
        kinds={"text": 2},
        counts={Question.NUL: 4},
        keys={Question.NUL: KEYS},
    )
    other = Facts(
        rows=2,
        nulls=0,
        least=Decimal(0),
        most=Decimal(9),
        characters=7,
        kinds={"text": 1, "blob": 1},
        counts={Question.NUL: 2},
        keys={Question.NUL: KEYS[:2]},
    )

    both = profiling.merged([one, other])

    assert (5, 1, Decimal(-1), Decimal(9), 7) == (
        both.rows,
        both.nulls,
        both.least,
        both.most,
        both.characters,
    )
    assert {"text": 3, "blob": 1} == both.kinds
    assert {Question.NUL: 6} == both.counts
    assert (*KEYS, KEYS[0]) == both.keys[Question.NUL]
