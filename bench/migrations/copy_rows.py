from __future__ import annotations

from whimbrel import Migration


class CopyRows(Migration):
    """Copy what deliveries need of every line."""

    def up(self):
        self.copy_rows(
            "lineitem",
            "delivery",
            {
                "id": "id",
                "order_id": "l_orderkey",
                "quantity": "l_quantity",
                "net": "l_extendedprice * (1 - l_discount)",
                "shipped_on": "l_shipdate",
                "received_on": "l_receiptdate",
                "mode": "upper(l_shipmode)",
                "remark": "l_comment",
            },
        )
