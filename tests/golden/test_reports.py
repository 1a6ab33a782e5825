"""The reports of fixed samples, as JSON and as pages; `make golden` rewrites them."""

from __future__ import annotations

import pytest

from tests.unit.reports import samples
from whimbrel.reports import recording


@pytest.mark.parametrize("name", ["different", "migrated", "transferred", "live"])
def test_a_report_is_written_so(name, golden):
    sealed = recording.sealed(samples.ALL[name])

    golden(f"reports/{name}.json", sealed.json)
    golden(f"reports/{name}.html", sealed.html)
