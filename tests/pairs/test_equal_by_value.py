"""What is equal by value though its text is another one: by `same` and by `meaning` alike."""

from __future__ import annotations

import itertools
import json
import random
import struct

import pytest

import whimbrel
from tests import conftest, databases
from tests.pairs import battery, sorts, wide, writing
from whimbrel.engines import forms
from whimbrel.engines.forms import Family, Form

TEXTS = {
    Form(family=Family.JSON): (
        *(None, b"null", b'"null"', b"true", b"1", b"1.0", b"1e0", b'"1"', b"-0", b"0", b"0.0"),
        *(b"[]", b"{}", b"[null]", b"[[]]", b"[{}]", b'["boolean", true]', b'["list"]'),
        *(b'{"a": 1, "b": 2}', b'{"b":2,"a":1.0}', b'{"a": 1, "a": 2}', b'{"a": 2}'),
        *(b"1e99999999999999999999", b"1e99999999999999999998", b"1e400", b"1e401", b"nonsense"),
        *(b'"\\u00e9"', '"é"'.encode(), b"NaN", b"[" * 100_000, b"[" * 100_001, b"\xfft61"),
    ),
    Form(family=Family.FLOAT): (None, b"0", b"-0", b"NaN", b"1e16", b"10000000000000000", b"!t61"),
    Form(family=Family.DECIMAL): (None, b"1", b"1.0", b"10", b"NaN", b"Infinity", b"!t61", b"0"),
    Form(family=Family.INTEGER): (None, b"1", b"10", b"!t61"),
    Form(family=Family.TEXT): (None, b"", b"1", b"1.0", b"\xfft61"),
    Form(family=Family.DECIMAL, typed=True): (None, b"i:1", b"r:1", b"t:1", b"r:-0", b"r:0"),
    Form(family=Family.JSON, typed=True): (None, b"t:1", b"t:1.0", b"i:1", b"t:null"),
}


@pytest.mark.parametrize("form", TEXTS, ids=lambda form: f"{form.family.value} {form.typed}")
def test_a_meaning_is_shared_by_what_is_the_same_and_by_nothing_else(form: Form) -> None:
    for one, other in itertools.product(TEXTS[form], repeat=2):
        same = forms.same(form, one, other)

        assert same == (forms.meaning(form, one) == forms.meaning(form, other)), (one, other)
        assert same == forms.same(form, other, one)


def test_documents_alone_are_matched_by_value_however_many(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = new_database("sqlite"), new_database("postgresql")
    read = count_documents(monkeypatch)
    documents = [{"id": number, "words": ["é", number / 4]} for number in range(5_000)]
    load(raw(ends[0]), [json.dumps(one) for one in documents])
    odd = [{**documents[0], "id": -1}, *documents[1:]]
    load(raw(ends[1]), [json.dumps(one, indent=1, ensure_ascii=False) for one in reversed(odd)])

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    (result,) = verification.tables
    assert (result.counts.rewritten, result.counts.differences) == (4_999, 1)
    # Not every row with every other one: that would be 25 million documents to read.
    assert len(read) < 30_000


def count_documents(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the documents that are read from now on."""
    read: list[bytes] = []
    reader = forms._document

    def counting(text: bytes) -> object:
        read.append(text)
        return reader(text)

    monkeypatch.setattr(forms, "_document", counting)
    return read


@pytest.mark.parametrize(("source", "target"), list(itertools.combinations(writing.KINDS, 2)))
def test_a_float_has_the_same_text_in_every_engine(
    source: str, target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    ends = new_database(source), new_database(target)
    chance = random.Random(wide.SEED)
    numbers = [chance.uniform(-1, 1) * 10 ** chance.uniform(-30, 38) for _ in range(9_000)]
    numbers += [struct.unpack(">f", struct.pack(">f", one))[0] for one in numbers[:3_000]]
    numbers += wide.DOUBLES
    # Where halves between two of them have fewer digits, and where exponents begin.
    numbers += [float(chance.randrange(2**52, 2**70)) for _ in range(5_000)]
    numbers += [chance.uniform(1e14, 1e17) for _ in range(3_000)]
    for end in ends:
        types = {"k": battery.INTEGER[end.kind], "v": battery.DOUBLE[end.kind]}
        writing.create(raw(end), "floats", types, key=["k"])
        writing.insert(raw(end), "floats", list(types), list(enumerate(numbers)))

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    (result,) = verification.tables
    assert result.equal
    assert (result.source.rows, result.counts.rewritten) == (len(numbers), 0)


@pytest.mark.parametrize("target", ["sqlite", "mariadb"])
def test_columns_of_all_collations_stand_in_one_row(
    target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    ends = new_database("mariadb"), new_database(target)
    own = [one.type for sort in (sorts.TEXT, sorts.PADDED) for one in sort.carriers["mariadb"]]
    for end in ends:
        types = {
            f"v{number}": type_ if end.kind == "mariadb" else "TEXT"
            for number, type_ in enumerate(own)
        }
        writing.create(raw(end), "texts", types)
        writing.insert(raw(end), "texts", list(types), [["Ärger"] * len(own), [None] * len(own)])

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    assert verification.equal
    assert verification.rows == 2


def load(raw: databases.Raw, texts: list[str]) -> None:
    type_ = {"sqlite": "JSON_TEXT", "postgresql": "json"}[raw.database.kind]
    writing.create(raw, "documents", {"v": type_})
    writing.insert(raw, "documents", ["v"], [(text,) for text in texts])
