"""Rules about how people are reached: telephone numbers, e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from whimbrel.engines.forms import Family
from whimbrel.rows.cleansing import base, texts

_LOCAL: Final = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*|\"(?:[^\"\\\r\n]|\\[^\r\n])+\""
)
_LABEL: Final = re.compile(r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?")
_ASCII_DIGITS: Final = re.compile(r"[0-9]+")


def _region(said: object) -> str:
    found = base.text(said)
    if not re.fullmatch(r"[A-Z]{2}", found):
        raise base.Unfit(f'has to be a country in two letters like "DE", not {said!r}')
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(base.Rule):
    """Write telephone numbers in the international form: +49301234567.

    Numbers without a country belong to `region`; without it they are refused. A number with an
    extension is refused unless `extension` is "keep": it goes on with ;ext=12.
    """

    region: str = ""
    extension: str = "reject"

    name: ClassVar[str] = "phone"
    main: ClassVar[str | None] = "region"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(
        region=_region, extension=base.one_of("reject", "keep")
    )
    families: ClassVar[frozenset[Family]] = frozenset({Family.TEXT})

    def prepare(self) -> None:
        known: Any = texts.module("phonenumbers")
        if self.region and self.region not in known.SUPPORTED_REGIONS:
            raise base.Unfit(f"is no country that has numbers: {self.region!r}", option="region")

    def value(self, words: str, cell: base.Cell) -> str:
        known: Any = texts.module("phonenumbers")
        try:
            number = known.parse(words, self.region or None)
        except known.NumberParseException:
            where = f"in {self.region}" if self.region else "that begins with + and a country"
            raise base.Refusal(f"it is no telephone number {where}") from None
        if not known.is_valid_number(number):
            raise base.Refusal("there is no such telephone number")
        said: str = known.format_number(number, known.PhoneNumberFormat.E164)
        if number.extension:
            if self.extension == "reject":
                raise base.Refusal("it has an extension, which would be lost")
            said += f";ext={number.extension}"
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(base.Rule):
    """Write the domain of an e-mail address in lower case; with `lower` all of it."""

    lower: bool = False

    name: ClassVar[str] = "email"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(lower_all=base.flag)
    fields: ClassVar[Mapping[str, str]] = {"lower_all": "lower"}
    families: ClassVar[frozenset[Family]] = frozenset({Family.TEXT})

    def value(self, words: str, cell: base.Cell) -> str:
        text = words.strip()
        local, at, domain = text.rpartition("@")
        domain = domain.lower()
        if not at or not _LOCAL.fullmatch(local) or not _is_domain(domain):
            raise base.Refusal("it is no e-mail address")
        if len(local.encode("utf-8", "replace")) > 64 or len(text) > 254:
            raise base.Refusal("it is longer than an e-mail address can be")
        return f"{local.lower() if self.lower else local}@{domain}"


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        return False
    return not _ASCII_DIGITS.fullmatch(labels[-1])


RULES: Final[tuple[type[base.Rule], ...]] = (Phone, Email)
