"""Tell failures of PostgreSQL apart by their SQLSTATE."""

from __future__ import annotations

from typing import Final

from whimbrel.engines import base, faults

_CLASSES: Final = {
    "08": base.Fault.GONE,
    "22": base.Fault.DATA,
    "23": base.Fault.DATA,
}
_STATES: Final = {
    "21000": base.Fault.DATA,  # more than one row returned by a subquery
    "44000": base.Fault.DATA,  # the check option of a view
    "54000": base.Fault.DATA,  # a value too long for its index
    "P0001": base.Fault.DATA,  # RAISE EXCEPTION
    "P0002": base.Fault.DATA,  # INTO STRICT found no row
    "P0003": base.Fault.DATA,  # INTO STRICT found several
    "P0004": base.Fault.DATA,  # ASSERT
    "57014": base.Fault.TIMEOUT,
    "40001": base.Fault.LOCKED,
    "40P01": base.Fault.LOCKED,
    "55P03": base.Fault.LOCKED,
    "25P03": base.Fault.GONE,  # idle_in_transaction_session_timeout
    "25P04": base.Fault.GONE,  # transaction_timeout
    "57P01": base.Fault.GONE,
    "57P02": base.Fault.GONE,
    "57P03": base.Fault.GONE,
    "57P04": base.Fault.GONE,
    "57P05": base.Fault.GONE,
}


def fault(error: BaseException) -> base.Fault:
    """Say what kind of failure an exception is."""
    known = faults.common(error)
    if known is not None:
        return known
    original = faults.driver_error(error)
    state = getattr(original, "sqlstate", None)
    if state:
        return _STATES.get(state) or _CLASSES.get(state[:2], base.Fault.OTHER)
    # Without a state it is the driver that speaks: of the connection, or of a value.
    kinds = {kind.__name__ for kind in type(original).__mro__}
    if "OperationalError" in kinds:
        return base.Fault.GONE
    if "DataError" in kinds:
        return base.Fault.DATA
    return faults.common(original) or base.Fault.OTHER
