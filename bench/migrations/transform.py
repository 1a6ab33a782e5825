from __future__ import annotations

import json

from whimbrel import Migration


class Transform(Migration):
    """Fold the fields of a shipment into one document, line by line."""

    def up(self):
        self.transform("lineitem", "shipment", fold)


def fold(row):
    return {
        "id": row["id"],
        "order_id": row["l_orderkey"],
        "remark": row["l_comment"],
        "detail": json.dumps(
            {
                "mode": row["l_shipmode"],
                "instructions": row["l_shipinstruct"],
                "status": {"returned": row["l_returnflag"], "line": row["l_linestatus"]},
            }
        ),
        "shipped_on": row["l_shipdate"],
        "received_on": row["l_receiptdate"],
    }
