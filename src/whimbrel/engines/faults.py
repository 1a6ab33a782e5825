"""What failures have in common on all engines; their codes are in engines/*/faults.py."""

from __future__ import annotations

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own exception out of the one that wraps it."""
    return getattr(error, "orig", None) or error


def common(error: BaseException) -> base.Fault | None:
    """Return the fault of what no driver has raised, or None."""
    if isinstance(error, sa.exc.DBAPIError):
        return base.Fault.GONE if error.connection_invalidated else None
    if isinstance(error, (sa.exc.ResourceClosedError, sa.exc.PendingRollbackError)):
        return base.Fault.GONE
    if isinstance(error, errors.DatabaseUnavailable):
        return base.Fault.GONE
    if isinstance(error, errors.ValueNotStorable):
        return base.Fault.DATA
    # What drivers let through: a number too long for 64 bits, half of a pair of surrogates.
    if isinstance(error, (OverflowError, UnicodeError)):
        return base.Fault.DATA
    return None
