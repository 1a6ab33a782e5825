"""The rules of functions, by what they work on; importing them declares them."""

from __future__ import annotations

from whimbrel.engines.translate.functions import choices, dates, documents, groups, numbers, texts

__all__ = ["choices", "dates", "documents", "groups", "numbers", "texts"]
