from __future__ import annotations

import json

from whimbrel import Migration


class Forecast(Migration):
    """A step of each sort: what is rehearsed on few lines and done on many."""

    def up(self):
        self.add_column("lineitem", "f_net", "decimal", precision=18, scale=4)
        self.add_column("lineitem", "f_document", "text")
        self.backfill("lineitem", {"f_net": "l_extendedprice * (1 - l_discount)"})
        self.create_index("lineitem", ["l_shipdate", "l_quantity"], name="by_ship_date")
        self.transform("lineitem", "lineitem", fold)
        self.create_table(
            "delivery",
            [
                self.column("id", "bigint", primary_key=True),
                self.column("order_id", "bigint"),
                self.column("mode", "string", length=20),
                self.column("remark", "string", length=80),
            ],
        )
        self.copy_rows(
            "lineitem",
            "delivery",
            {"id": "id", "order_id": "l_orderkey", "mode": "upper(l_shipmode)",
             "remark": "l_comment"},
        )  # fmt: skip

    def down(self):
        self.drop_table("delivery")
        self.remove_index("lineitem", name="by_ship_date")
        self.remove_column("lineitem", "f_document")
        self.remove_column("lineitem", "f_net")


def fold(row):
    """Fold two fields into a document."""
    return {"f_document": json.dumps({"mode": row["l_shipmode"], "what": row["l_shipinstruct"]})}
