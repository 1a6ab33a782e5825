"""The page for colleagues and the report of a rehearsal, as they are written; `make golden`."""

from __future__ import annotations

import pytest

from tests.unit.reports import pages
from whimbrel.reports import plan, seal


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_is_written_so_and_nobody_can_edit_it_unseen(name, golden):
    sealed = pages.page(name)

    golden(f"reports/{name}.html", sealed.html)
    assert seal.check(sealed.html.encode()).intact
    assert not seal.check(sealed.html.replace("order.note", "order.vote").encode()).intact


def test_the_markdown_for_colleagues_is_written_so(golden):
    golden("reports/plan.md", plan.markdown(pages.announcement()))
