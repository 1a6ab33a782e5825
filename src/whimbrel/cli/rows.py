"""The options of `up` and `down` that go before the section [rows] of whimbrel.toml."""

from __future__ import annotations

from whimbrel import errors, pacing


def settings(
    *, max_rows_per_second: str | None, workers: str | None, max_memory: str | None
) -> dict[str, object]:
    """Return what was said as RowsConfig has it; raise UsageError in the configuration's words."""
    said: dict[str, object] = {}
    if max_rows_per_second is not None:
        said["max_rows_per_second"] = pace(max_rows_per_second)
    if workers is not None:
        said["workers"] = _read("workers", workers, _number(workers))
    if max_memory is not None:
        value = False if max_memory == "false" else max_memory
        said["max_memory"] = _read("max_memory", max_memory, value)
    return said


def pace(text: str) -> float | None:
    """Return rows per second, None for no limit (0); raise UsageError."""
    value = _number(text)
    if value == 0 or text == "false":
        return None
    read = _read("max_rows_per_second", text, value)
    return float(str(read))


def _read(key: str, text: str, value: object) -> object:
    option = f"--{key.replace('_', '-')}"
    try:
        return pacing.read(key, value)
    except pacing.Unfit as unfit:
        example = unfit.example.strip('"')
        quoted = f'"{example}"' if " " in example else example
        raise errors.UsageError(
            f"{option} has to be {unfit.wanted}, not {text!r}", remedy=f"write:  {option} {quoted}"
        ) from None


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
