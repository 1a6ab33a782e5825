"""What to do when a server does not let us in."""

from __future__ import annotations

import pytest

from whimbrel.engines.mysql import engine as mysql
from whimbrel.engines.postgresql import engine as postgresql


@pytest.mark.parametrize(
    ("remedy", "cause"),
    [
        (mysql._remedy, "(1040) Too many connections"),
        (postgresql._remedy, "FATAL: sorry, too many clients already"),
        (postgresql._remedy, "FATAL: remaining connection slots are reserved"),
    ],
)
def test_a_server_that_is_full_is_no_reason_to_correct_the_url(remedy, cause):
    assert "--workers 1" in remedy(cause)
