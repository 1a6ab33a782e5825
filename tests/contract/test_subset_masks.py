"""Personal data in a subset: masked alike wherever it stands, and nowhere to be found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import whimbrel
from tests import databases
from whimbrel import errors
from whimbrel.rehearsal import masking, subset

OpenRaw = Callable[[databases.Database], databases.Raw]
SECRET = "nobody knows this"
MASKS: dict[str, object] = {
    "people.mail": "email",
    "people.name": "name",
    "people.phone": "phone",
    "people.born": {"mask": "date", "days": 90},
    "people.pay": {"mask": "number", "min": 1000, "max": 9999},
    "people.note": "null",
    "people.town": {"mask": "constant", "value": "Nowhere"},
    "orders.iban": "text",
}
PLAIN = ("anna", "Anna", "Berg", "555-01", "DE44", "secret note", "Hannover")


@pytest.fixture
def source(database: databases.Database, raw: OpenRaw) -> databases.Database:
    """A database of people, and of orders that name them by their address of mail."""
    own = raw(database)
    own.execute(
        "CREATE TABLE people (mail varchar(60) NOT NULL PRIMARY KEY, name varchar(40), "
        "phone varchar(20), born date, pay integer, note varchar(200), town varchar(30) NOT NULL)"
    )
    own.execute(
        "CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, mail varchar(60), "
        "iban varchar(40), FOREIGN KEY (mail) REFERENCES people (mail))"
    )
    place = "?" if database.kind == "sqlite" else "%s"
    for number in range(60):
        person = (
            f"anna{number}@bank.de", f"Anna{number} Berg", f"+49 555-01{number:03}",
            f"19{number % 50 + 30}-02-11", 2000 + number,
            "secret note" if number % 3 else None, "Hannover",
        )  # fmt: skip
        own.execute(f"INSERT INTO people VALUES ({', '.join([place] * 7)})", person)
    for number in range(200):
        mail = f"anna{number % 60}@bank.de" if number % 7 else None
        order = (number, mail, f"DE44 5001 {number:04}")
        own.execute(f"INSERT INTO orders VALUES ({', '.join([place] * 3)})", order)
    return database


def test_masked_rows_still_belong_together(source, new_database, raw):
    target = new_database(source.engine_id)

    done = whimbrel.subset(source.url, target.url, percent=30, seed=7, masks=MASKS, secret=SECRET)

    assert done.ok
    there = raw(target)
    people = there.execute("SELECT mail, name, phone, born, pay, note, town FROM people")
    orders = there.execute("SELECT id, mail, iban FROM orders")
    assert 60 <= len(orders) < 200
    mails = {row[0] for row in people}
    assert len(people) == len(mails)
    assert {row[1] for row in orders} - {None} <= mails
    assert all(mail.endswith("@example.com") for mail in mails)
    assert any(row[1] is None for row in orders)
    assert all(1000 <= row[4] <= 9999 for row in people)
    assert {(None, "Nowhere")} == {(row[5], row[6]) for row in people}
    shown = repr((people, orders))
    assert [] == [word for word in PLAIN if word in shown]
    assert ("orders", "mail", "people.mail") in [
        (one.table, one.column, one.because) for one in done.masked
    ]
    # Joined as before: as many orders for each person.
    counts = sorted(
        row[0] for row in there.execute("SELECT count(*) FROM orders JOIN people USING (mail) "
                                        "GROUP BY mail")
    )  # fmt: skip
    kept = {row[0] for row in orders}
    here = raw(source).execute("SELECT id, mail FROM orders WHERE mail IS NOT NULL")
    by_mail: dict[object, int] = {}
    for number, mail in here:
        if number in kept:
            by_mail[mail] = by_mail.get(mail, 0) + 1
    assert sorted(by_mail.values()) == counts


def test_the_same_secret_gives_the_same_masks_in_every_database(source, new_database, raw):
    found = []
    for secret in (SECRET, SECRET, "another secret"):
        target = new_database("sqlite")
        whimbrel.subset(source.url, target.url, percent=20, masks=MASKS, secret=secret)
        found.append(set(raw(target).execute("SELECT mail, name, phone FROM people")))

    assert found[0] == found[1]
    assert not found[0] & found[2]


def test_nothing_of_what_was_masked_is_in_the_target_or_the_answer(new_database, raw):
    database, target = new_database("sqlite"), new_database("sqlite")
    source.__wrapped__(database, raw)  # type: ignore[attr-defined]

    done = whimbrel.subset(database.url, target.url, rows=40, masks=MASKS, secret=SECRET)

    assert isinstance(target.file, Path)
    raw(target).close()
    written = target.file.read_bytes() + repr(done.as_json()).encode()
    assert [] == [word for word in (*PLAIN, SECRET) if word.encode() in written]


def test_masks_without_a_secret_are_refused(source, new_database, monkeypatch):
    monkeypatch.delenv(masking.SECRET_VARIABLE, raising=False)

    for secret in (None, "short"):
        with pytest.raises(errors.UsageError, match="secret"):
            whimbrel.subset(
                source.url, new_database("sqlite").url, rows=9, masks=MASKS, secret=secret
            )


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        ({"people.mial": "email"}, "mial"),
        ({"poeple.mail": "email"}, "poeple"),
        ({"people.mail": "emial"}, "cannot be masked as 'emial'"),
        ({"people.town": "null"}, "takes no NULL"),
        ({"people.mail": {"mask": "constant", "value": "x"}}, "is unique"),
        ({"people.mail": "email", "orders.mail": "text"}, "in two ways"),
        ({"people.pay": {"mask": "number", "min": 5}}, "bounds"),
        ({"people.pay": {"mask": "number", "most": 5}}, "no option 'most'"),
        ({"mail": "email"}, "of which column"),
    ],
)
def test_a_mask_that_cannot_be_is_refused_before_anything_is_written(
    masks, said, new_database, raw
):
    database, target = new_database("sqlite"), new_database("sqlite")
    source.__wrapped__(database, raw)  # type: ignore[attr-defined]

    with pytest.raises(errors.WhimbrelError, match=said):
        whimbrel.subset(database.url, target.url, rows=9, masks=masks, secret=SECRET)

    assert [] == raw(target).execute(
        "SELECT name FROM sqlite_master WHERE name NOT LIKE 'whimbrel%' AND name NOT LIKE 'sqlite%'"
    )


def test_a_value_that_no_mask_fits_stops_it_and_is_not_said(new_database, raw):
    database, target = new_database("sqlite"), new_database("sqlite")
    source.__wrapped__(database, raw)  # type: ignore[attr-defined]
    raw(database).execute("UPDATE people SET born = 'in the hidden year'")

    with pytest.raises(errors.WhimbrelError, match="cannot be masked: it is no date") as stopped:
        whimbrel.subset(database.url, target.url, rows=9, masks=MASKS, secret=SECRET)

    assert "hidden" not in str(stopped.value)
    assert b"hidden" not in target.file.read_bytes()


def test_columns_that_look_like_personal_data_are_suggested(source):
    found = {(one.table, one.column): one.kind for one in subset.suggestions(source.url)}

    assert {
        ("people", "mail"): "email",
        ("people", "phone"): "phone",
        ("orders", "mail"): "email",
        ("orders", "iban"): "text",
    }.items() <= found.items()
    assert ("people", "pay") not in found
