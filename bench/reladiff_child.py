"""reladiff as a contestant: comparing two tables by its own means, in a process of its own."""

from __future__ import annotations

import sys

import reladiff

from bench import child, lines, places


def compare(source: str, target: str, jobs: str) -> None:
    """Compare both tables; insist that they are equal."""
    columns = tuple(name for name in lines.NAMES if name != "id")
    ends = [
        reladiff.connect_to_table(
            url.replace("mariadb://", "mysql://"), places.TABLE, "id", thread_count=int(jobs)
        ).replace(extra_columns=columns)
        for url in (source, target)
    ]
    different = list(reladiff.diff_tables(*ends, threaded=True, max_threadpool_size=int(jobs)))
    if different:
        raise SystemExit(f"found {len(different)} rows")


if __name__ == "__main__":
    child.tell(lambda: compare(*sys.argv[1:]))
