"""The terminal: the one place that writes to it.

Data goes to stdout, everything else to stderr. Bars and colour only where a
person looks. What is written follows ``--quiet``, ``--verbose`` and ``--log-format``.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TextIO

from scorekit.errors import ScorekitError, Unreachable, UsageError
from scorekit.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

LogFormat = Literal["text", "json"]
_MARKUP = re.compile(r"\\\[|\[/?[a-z ]*\]")
JSON_FORMAT_VERSION = 1
WIDTH = 100
"""Columns of what is printed where no terminal says how many there are."""


def escape(text: str) -> str:
    """Text to stand in markup, whatever it holds."""
    return text.replace("[", "\\[")


def plain(markup: str) -> str:
    """What markup says, without its colours."""
    return _MARKUP.sub(lambda found: "[" if found[0] == "\\[" else "", markup)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value


class Terminal:
    """What is said, and how.

    Attributes
    ----------
    quiet, verbose : bool
    log_format : {"text", "json"}
    """

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.log_format: LogFormat = "text"

    def console(self, stream: TextIO | None = None) -> Console:
        """A rich console on a stream, stderr by default."""
        from rich.console import Console

        target = stream or sys.stderr
        wanted = os.environ.get("COLUMNS", "")
        width = int(wanted) if wanted.isdecimal() and int(wanted) else WIDTH
        return Console(
            file=target, highlight=False, soft_wrap=False, width=None if target.isatty() else width
        )

    def show(self, *parts: RenderableType) -> None:
        """Write a summary to stderr, unless quiet."""
        if self.quiet or self.log_format != "text":
            return
        if sys.stderr.isatty() or not all(isinstance(part, str) for part in parts):
            self.console().print(*parts, sep="\n", soft_wrap=True)
        else:
            # rich costs as much as scoring a small file, and nobody would see its colours
            sys.stderr.write("".join(f"{plain(str(part))}\n" for part in parts))

    def report(self, event: str, figures: Mapping[str, Any], *parts: RenderableType) -> None:
        """Say what came of a command, unless quiet: a summary for people, one line of log for programs.

        Parameters
        ----------
        event : str
            Name of what happened: ``scored``.
        figures : mapping
            What JSON can hold; stands beside ``time``, ``event`` and ``message``.
        *parts
            The summary; its first line is the message.
        """
        if self.log_format == "json":
            self.log(event, plain(str(parts[0])), **figures)
        else:
            self.show(*parts)

    def answer(self, *parts: RenderableType, wrap: bool = False) -> None:
        """Write what was asked for to stdout; lines stay whole unless they are to be wrapped."""
        self.console(sys.stdout).print(*parts, sep="\n", soft_wrap=not wrap)

    def answer_file(self, content: str) -> None:
        """Write a file that was asked for to stdout, as it is."""
        with _stdout() as stdout:
            stdout.write(content)

    def answer_json(self, content: dict[str, Any], *, beside_data: bool = False) -> None:
        """Write one JSON object with its format version to stdout, or to stderr where stdout holds data.

        What is no finite number is ``null``, for JSON has no word for it.
        """
        line = json.dumps(_finite({"format_version": JSON_FORMAT_VERSION, **content}), allow_nan=False)
        if beside_data:
            sys.stderr.write(line + "\n")
            return
        with _stdout() as stdout:
            stdout.write(line + "\n")

    def log(self, event: str, text: str, /, *, prefix: str = "", **fields: Any) -> None:
        """Write a line of log: text for people, with a prefix that says what it is, JSON for programs."""
        if self.quiet:
            return
        if self.log_format == "json":
            _write_event(event, message=text, **fields)
        else:
            sys.stderr.write(f"{prefix}{text}\n")

    def warn(self, text: str, /, **fields: Any) -> None:
        """Say, even when quiet, that something went wrong that is no error."""
        if self.log_format == "json":
            _write_event("warning", message=text, **fields)
        else:
            sys.stderr.write(f"warning: {text}\n")

    def error(self, error: ScorekitError) -> None:
        """Say what failed, and what to do next."""
        if self.log_format == "json":
            _write_event("error", code=error.code, message=error.message, hint=error.hint)
            return
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        head = "\033[1;31merror:\033[0m" if colour else "error:"
        note = "\033[1;36mhint:\033[0m" if colour else "hint:"
        sys.stderr.write(f"{head} {error.message}\n")
        if error.hint:
            sys.stderr.write(f"{note} {error.hint}\n")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Progress bars where a person looks; notes are always said."""
        if self.quiet:
            yield Silent()
        elif sys.stderr.isatty() and self.log_format == "text":
            with _bars(self.console()) as bars:
                yield _Drawn(bars)
        else:
            yield _Logged(self)


def _write_event(event: str, /, **fields: Any) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = _finite({"time": stamp, "event": event, **fields})
    sys.stderr.write(json.dumps(content, allow_nan=False) + "\n")


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """Standard output, written to the end: what fails as late as at exit cannot be told any more.

    Raises
    ------
    UsageError
        If it is closed.
    Unreachable
        If it cannot be written, such as a file on a full disk.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed, and that is where the answer goes")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unreachable(f"standard output cannot be written: {error.strerror}") from None


class _Logged(Silent):
    """Notes as lines, and stages too when asked for detail."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        if self._terminal.verbose:
            self._terminal.log("stage", name if total is None else f"{name} ({total:,} {unit})".rstrip())

    def note(self, text: str) -> None:
        self._terminal.log("note", text, prefix="note: ")


class _Drawn:
    """Stages as bars."""

    drawn = True

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(name, total=total, unit=unit)

    def advance(self, amount: int = 1) -> None:
        if self._task is not None:
            self._bars.advance(self._task, amount)

    def note(self, text: str) -> None:
        from rich.markup import escape

        self._bars.console.print(f"[yellow]note:[/] {escape(text)}")


def _bars(console: Console) -> Bars:
    from rich import progress
    from rich.table import Column

    # the bar alone gives way where there is little room
    return progress.Progress(
        progress.TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        progress.BarColumn(),
        *_columns(),
        progress.TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
    )


def _columns() -> list[Any]:
    """How much is done, of how much where that is known, and how fast; nothing where nothing is counted."""
    from rich.progress import ProgressColumn
    from rich.table import Column
    from rich.text import Text

    class CountColumn(ProgressColumn):
        def render(self, task: Any) -> Text:
            if not task.fields["unit"]:
                return Text("")
            of = f" of {task.total:,.0f}" if task.total is not None else ""
            return Text(f"{task.completed:,.0f}{of} {task.fields['unit']}")

    class RateColumn(ProgressColumn):
        def render(self, task: Any) -> Text:
            if not task.speed or task.fields["unit"] != "rows":
                return Text("")
            return Text(f"{task.speed:,.0f} rows/s", style="dim")

    return [CountColumn(Column(no_wrap=True)), RateColumn(Column(no_wrap=True))]


terminal = Terminal()
"""The terminal of this process; ``cli`` sets it up."""
