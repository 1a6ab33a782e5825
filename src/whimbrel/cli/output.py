"""Where words go: a terminal, a pipe or a program that reads JSON. Nothing else prints.

Rich is asked for only on a terminal, so that a pipe gets plain text without any drawing.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from whimbrel import config, errors

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

# A piece of a line: plain, or with the style that it has on a terminal.
Part = str | tuple[str, str]

PLAIN_WIDTH: Final = 100
# What a database says may hold control characters; only line ends and tabs pass to a terminal.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}


class Output:
    """Standard output and error of one command."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.quiet = False
        self.stdout: TextIO = _usable(sys.stdout)
        self.stderr: TextIO = _usable(sys.stderr)
        self.fancy = not json and _is_terminal(self.stdout)
        self.lost: OSError | None = None
        self._console: Console | None = None
        self._drawing = False
        self._begun = ""

    # --- words --------------------------------------------------------------------------------

    def line(self, *parts: Part) -> None:
        """Write a line that was asked for."""
        if self.fancy:
            self.console.print(_styled(parts), soft_wrap=True)
        else:
            self.write(_plain(parts).rstrip() + "\n")

    @property
    def silent(self) -> bool:
        """Whether nothing is to be told that was not asked for."""
        return self.quiet or self.json

    def tell(self, *parts: Part) -> None:
        """Write a line that nobody asked for: how it goes, what to do next."""
        if not self.silent:
            self.line(*parts)

    def table(self, rows: Iterable[Sequence[Part]], *, indent: str = "") -> None:
        """Write rows in columns as wide as they need to be."""
        for line in columns(rows, indent=indent):
            self.line(*line)

    def draw(self, thing: RenderableType) -> None:
        """Draw something of Rich's; only where `fancy` is true."""
        self.console.print(thing)

    def write(self, text: str) -> None:
        """Write text as it is to standard output.

        That it cannot be written is remembered in `lost`, and is no reason to stop a migration;
        that its reader has left (`whimbrel history | head`) is no reason for anything.
        """
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except BrokenPipeError:
            self._leave()
        except OSError as error:
            self.lost = error
            self._leave()

    def _leave(self) -> None:
        """Let everything further go nowhere, also what Python writes at its end."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)

    @property
    def console(self) -> Console:
        """The terminal, as Rich draws on it."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                file=self.stdout, force_terminal=True, markup=False, highlight=False, emoji=False
            )
        return self._console

    @property
    def width(self) -> int:
        """How many characters a line should have at most."""
        return min(self.console.width, PLAIN_WIDTH) if self.fancy else PLAIN_WIDTH

    # --- what a user's own code writes ----------------------------------------------------------

    def begin_drawing(self) -> None:
        """Something is drawn at the bottom of the terminal: what is written goes above it."""
        self._drawing = True

    def end_drawing(self) -> None:
        """Nothing is drawn any more."""
        self._drawing = False
        if self._begun:
            self.write(f"{self._begun}\n")
        self._begun = ""

    def pass_on(self, text: str, stream: TextIO) -> None:
        """Write what a user's own code wrote to a stream."""
        if self._drawing:
            *lines, self._begun = (self._begun + text).split("\n")
            if lines:
                from rich.text import Text

                self.console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
        elif stream is self.stdout:
            self.write(text)
        else:
            _warn(stream, text)

    # --- JSON ---------------------------------------------------------------------------------

    def document(self, value: object) -> None:
        """Write one JSON document."""
        self.write(self._dumped(value, indent=2) + "\n")

    def event(self, value: object) -> None:
        """Write one line of a stream of JSON."""
        self.write(self._dumped(value) + "\n")

    def _dumped(self, value: object, *, indent: int | None = None) -> str:
        # JSON is UTF-8; where the terminal's settings say otherwise, escapes are safe.
        unicode = (self.stdout.encoding or "").lower().replace("-", "") == "utf8"
        return json.dumps(value, indent=indent, ensure_ascii=not unicode, default=str)

    # --- errors -------------------------------------------------------------------------------

    def error(self, error: errors.WhimbrelError) -> None:
        """Write an error: its own text on standard error, or its facts as JSON on output."""
        if self.json:
            self.event({**error.as_json(), "exit_code": error.exit_code})
            return
        if not _is_terminal(self.stderr):
            _warn(self.stderr, f"{error}\n")
            return
        from rich.console import Console
        from rich.text import Text

        head, *rest = str(error).translate(_CONTROLS).split("\n")
        text = Text().append(f"{head}\n", style="bold red")
        for line in rest:
            text.append(line[:12], style="dim").append(f"{line[12:]}\n")
        Console(file=self.stderr, force_terminal=True, highlight=False).print(
            text, soft_wrap=True, end=""
        )

    def warn(self, text: str) -> None:
        """Write a line to standard error."""
        _warn(self.stderr, f"{text}\n")


@contextmanager
def elsewhere(out: Output) -> Iterator[None]:
    """Keep what a user's own code writes from spoiling what is drawn or what a program reads.

    A migration may print. In a stream of JSON that goes to standard error, on a terminal above
    what is drawn; and nobody reading it any more is no reason for the migration to fail.
    """
    before = sys.stdout, sys.stderr
    sys.stdout = out.stderr if out.json else _Theirs(out, out.stdout)
    if out.fancy and _is_terminal(out.stderr):
        sys.stderr = _Theirs(out, out.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def hidden(text: str) -> str:
    """Return a text with the passwords of all URLs in it hidden."""
    return config.hidden(text)


def columns(rows: Iterable[Sequence[Part]], *, indent: str = "") -> list[list[Part]]:
    """Return rows as lines, in columns as wide as they need to be."""
    cells = [list(row) for row in rows]
    widths = [
        max(_width(_plain([row[at]])) for row in cells if at < len(row))
        for at in range(max((len(row) for row in cells), default=0))
    ]
    lines: list[list[Part]] = []
    for row in cells:
        parts: list[Part] = [indent]
        for at, cell in enumerate(row):
            parts.append(cell)
            if at < len(row) - 1:
                parts.append(" " * (widths[at] - _width(_plain([cell])) + 2))
        lines.append(parts)
    return lines


def styled(lines: Iterable[Sequence[Part]]) -> Text:
    """Return lines as Rich draws them; only where there is a terminal."""
    from rich.text import Text

    return Text("\n").join(_styled(line) for line in lines)


def clipped(text: str, width: int) -> str:
    """Return a text as one line of at most this width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def indented(text: str, prefix: str) -> str:
    """Return a text of many lines moved to the right as a whole."""
    lines = textwrap.dedent(text.strip("\n")).strip().splitlines()
    return "\n".join(f"{prefix}{line}".rstrip() for line in lines)


# --- streams --------------------------------------------------------------------------------


class _Theirs(io.TextIOBase):
    """Standard output or error as a user's own code sees it."""

    def __init__(self, out: Output, stream: TextIO) -> None:
        self._out = out
        self._stream = stream

    def write(self, text: str) -> int:
        self._out.pass_on(text, self._stream)
        return len(text)

    def flush(self) -> None:
        self._out.pass_on("", self._stream)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _usable(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us: `whimbrel status >&-`
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    # Not every terminal knows every letter; one that it does not know is no reason to stop.
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return stream


def _is_terminal(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _warn(stream: TextIO, text: str) -> None:
    with contextlib.suppress(OSError):  # there is no place left to say so
        stream.write(text)
        stream.flush()


# --- lines ----------------------------------------------------------------------------------


def _plain(parts: Iterable[Part]) -> str:
    return "".join(part if isinstance(part, str) else part[0] for part in parts)


def _styled(parts: Iterable[Part]) -> Text:
    from rich.text import Text

    text = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(words.translate(_CONTROLS), style=style)
    return text


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
