"""Rows put through a function of Python, against models that are saved one by one."""

from __future__ import annotations

from typing import Final

from bench import child, comparing, places

MODELS: Final = "the documented model loop"
QUIET_MODELS: Final = "the same, its log off"
# Its rows per second are the same for more of them; there are not many.
MODEL_ROWS: Final = 20_000

_SHIPMENT: Final = "CREATE TABLE shipment (id {key} NOT NULL PRIMARY KEY, \
order_id bigint NOT NULL, remark varchar(44) NOT NULL, detail {json}, shipped_on date, \
received_on date)"
_OUTCOME: Final = "SELECT count(*), sum(id), sum(order_id), count(detail), min(shipped_on), \
max(received_on) FROM shipment"


def _models(name: str, log: str) -> comparing.Contestant:
    def run(place: places.Place) -> child.Measured:
        place.leave()
        return child.run("models", place.url, log)

    return comparing.Contestant(name=name, run=run)


COMPARISONS = (
    comparing.Comparison(
        name="transform",
        targets=(_SHIPMENT,),
        contestants=(comparing.whimbrel("transform"),),
        outcome=_OUTCOME,
    ),
    comparing.Comparison(
        name="models",
        targets=(_SHIPMENT,),
        contestants=(
            _models(MODELS, "as-it-comes"),
            _models(QUIET_MODELS, "quiet"),
        ),
        outcome=_OUTCOME,
        rows=MODEL_ROWS,
    ),
)
