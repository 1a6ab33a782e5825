"""Tell failures of MySQL and MariaDB apart by their error numbers.

Most of the numbers are the same on both; those from 3000 on belong to one of them.
"""

from __future__ import annotations

from typing import Final

from whimbrel.engines import base, faults

# ER_NET_PACKET_TOO_LARGE: what we say of a row before it is sent, so that the session lives on.
TOO_LARGE: Final = 1153
DATA: Final = frozenset(
    {
        1022,  # a duplicate key, of engines other than InnoDB
        1048,  # NULL where none may be
        1062,  # a duplicate key
        1138,  # invalid use of NULL
        1169,  # a duplicate key
        1216,  # no such parent row
        1217,  # the row has children
        1242,  # a subquery gave more than one row
        1263,  # NULL in a NOT NULL column
        1264,  # out of range
        1265,  # data truncated
        1292,  # an incorrect value
        1301,  # longer than max_allowed_packet
        1364,  # no default for a field
        1365,  # division by zero
        1366,  # an incorrect value for a column
        1367,  # an illegal value for a type
        1369,  # the check option of a view
        1406,  # too long
        1411,  # an incorrect value for a function
        1416,  # not a geometry
        1441,  # a date overflows
        1451,  # the row has children
        1452,  # no such parent row
        1525,  # an incorrect value
        1526,  # no partition for a value
        1557,  # a duplicate key in a child table
        1586,  # a duplicate key
        1644,  # SIGNAL
        1690,  # out of range
        1748,  # no partition for a value
        1761,  # a duplicate key in a child table
        1762,  # a duplicate key in a child table
        1859,  # a duplicate entry
        1916,  # an overflow
        1918,  # an illegal value
        1977,  # a character that the other character set lacks
        3020,  # an invalid argument for a logarithm
        3026,  # a duplicate entry
        3037,  # invalid GIS data
        3055,  # a geometry
        3140,  # MySQL: invalid JSON
        3141,  # MySQL: invalid JSON
        3144,  # MySQL: JSON of another character set
        3146,  # MySQL: not JSON
        3147,  # MySQL: not JSON
        3155,  # MySQL: JSON of another type
        3156,  # MySQL: JSON that cannot be cast
        3157,  # MySQL: JSON nested too deep
        3158,  # MySQL: NULL as a key of JSON
        3616,  # MySQL: a longitude out of range
        3617,  # MySQL: a latitude out of range
        3751,  # MySQL: data truncated for a functional index
        3752,  # MySQL: out of range for a functional index
        3819,  # MySQL: a CHECK
        3854,  # MySQL: a character that the other character set lacks
        3903,  # MySQL: an invalid value for a functional index
        3904,  # MySQL: an invalid value for a functional index
        3986,  # MySQL: a regular expression
        4025,  # MariaDB: a CHECK
        4035,  # MariaDB: broken JSON
        4036,  # MariaDB: broken JSON
        4037,  # MariaDB: broken JSON
        4038,  # MariaDB: broken JSON
        4039,  # MariaDB: broken JSON
        4040,  # MariaDB: JSON nested too deep
    }
)
# The last one is what KILL QUERY leaves, as whoever runs the server found it too long.
_TIMEOUT: Final = frozenset({1969, 3024, 1317})
# Record changed, lock wait, deadlock, a deadlock of named locks, NOWAIT.
_LOCKED: Final = frozenset({1020, 1205, 1213, 1614, 3058, 3572})
# MariaDB ends a statement so, and takes it back, that has skipped locked rows without a wait.
_DURING_COMMIT: Final = 1180
_ROWS_SKIPPED: Final = "Got error 1 "
_GONE: Final = frozenset(
    {
        0,  # the driver's "already closed"
        1053,  # the server shuts down
        1079,  # the server has shut down
        1152,  # an aborted connection
        1153,  # a packet too large, which ends the connection
        1158,  # reading packets
        1159,  # reading packets took too long
        1160,  # writing packets
        1161,  # writing packets took too long
        1184,  # an aborted connection
        1927,  # killed
        2006,  # the server has gone away
        2013,  # lost in the middle of a query
        2014,  # commands out of sync
        2055,  # lost
        3169,  # MySQL: killed
        4031,  # MySQL: idle for too long
    }
)


def fault(error: BaseException) -> base.Fault:
    """Say what kind of failure an exception is."""
    known = faults.common(error)
    if known is not None:
        return known
    original = faults.driver_error(error)
    kinds = {kind.__name__ for kind in type(original).__mro__}
    code = original.args[0] if original.args else None
    if not isinstance(code, int):
        # The driver speaks itself, of a value that the server could not take.
        if "DataError" in kinds:
            return base.Fault.DATA
        return faults.common(original) or base.Fault.OTHER
    if code in DATA or (code == TOO_LARGE and "DataError" in kinds):
        return base.Fault.DATA
    if code == _DURING_COMMIT and _ROWS_SKIPPED in str(original.args[1:]):
        return base.Fault.LOCKED
    if code in _TIMEOUT:
        return base.Fault.TIMEOUT
    if code in _LOCKED:
        return base.Fault.LOCKED
    if code in _GONE and "Error" in kinds:
        return base.Fault.GONE
    return base.Fault.OTHER
