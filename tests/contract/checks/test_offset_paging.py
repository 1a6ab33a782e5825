"""The check offset-paging."""

from __future__ import annotations

import pytest

each_engine = pytest.mark.engines("sqlite", "postgresql", "mariadb")


@each_engine
def test_offset_reads_all_pages_before_each_page(look):
    found = look.found('self.execute("SELECT id FROM person ORDER BY id LIMIT 10 OFFSET 10")')

    assert "error" == found.get("offset-paging")


@each_engine
def test_a_page_behind_a_key_does_not(look):
    found = look.found("""
        self.execute("SELECT id FROM person WHERE id > 10 ORDER BY id LIMIT 10")
        """)

    assert "offset-paging" not in found
