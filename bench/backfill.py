"""A new column filled from others of its row: in batches, and by one UPDATE."""

from __future__ import annotations

from bench import comparing, lines

COMPARISONS = (
    comparing.Comparison(
        name="backfill",
        in_place=True,
        contestants=(
            comparing.one_statement(f"UPDATE lineitem SET l_net = {lines.NET}"),
            comparing.whimbrel("backfill"),
        ),
        outcome="SELECT count(l_net), round(sum(l_net), 2) FROM lineitem",
    ),
)
