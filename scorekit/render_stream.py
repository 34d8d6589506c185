"""What a person sees of a stream, beside its answers."""

from __future__ import annotations

import sys
from typing import Any

from scorekit.feeds.pipe import STANDARD
from scorekit.progress import Progress, Silent
from scorekit.quality.verdict import SEVERITY
from scorekit.render_quality import coloured
from scorekit.stream import Places, StreamResult, Tally
from scorekit.terminal import escape, terminal

WORST = 5
"""Kinds of errors shown; the log file has them all."""


def notes() -> Progress:
    """A listener that says what a person should know; there is no bar, for a stream has no end."""
    return _Notes()


class _Notes(Silent):
    def note(self, text: str) -> None:
        terminal.log("note", text, prefix="note: ")


def say_waiting(places: Places) -> None:
    """Say to whoever sits at a terminal what is waited for."""
    if places.source == STANDARD and sys.stdin is not None and sys.stdin.isatty():
        text = "waiting for JSON lines on standard input: one object a line, Ctrl-D ends them"
        terminal.log("waiting", text)


def show(result: StreamResult) -> None:
    """Show a summary on stderr."""
    terminal.report("streamed", to_json(result), *_lines(result))


def to_json(result: StreamResult) -> dict[str, Any]:
    """The result as JSON can hold it."""
    tally = result.tally
    return {
        "model": tally.versions[-1],
        "versions": tally.versions,
        "engine": result.engine,
        "run_id": result.run_id,
        "rows": tally.rows,
        "empty_lines": tally.empty,
        "fallback": tally.sources["fallback"],
        "errors": dict(tally.errors),
        "windows": dict(tally.windows),
        "failed_windows": tally.failed_windows,
        "switch": tally.switch.position if tally.switch else None,
        "seconds": round(result.seconds, 3),
        "stopped": result.stopped,
    }


def _lines(result: StreamResult) -> list[str]:
    tally = result.tally
    speed = f", {tally.rows / result.seconds:,.0f} rows/s" if result.seconds > 0 else ""
    named = ", then ".join(tally.versions[-3:])
    how = f"({result.engine}) in {result.seconds:.2f} s{speed}"
    lines = [f"[bold]scored[/] {_many(tally.rows, 'line')} with [bold]{named}[/] {how}"]
    if tally.sources["fallback"]:
        share = tally.sources["fallback"] / tally.rows
        lines.append(
            f"  [yellow]fallback[/]  answered {_many(tally.sources['fallback'], 'line')} ({share:.1%})"
        )
    return [*lines, *_error_lines(tally), *_window_lines(tally)]


def _error_lines(tally: Tally) -> list[str]:
    lines = []
    if tally.failures:
        share = tally.failures / tally.rows
        lines.append(f"  [red]errors[/]    {_many(tally.failures, 'line')} without a score ({share:.1%})")
        worst = tally.errors.most_common()
        lines += [f"            {count:,} {escape(code)}" for code, count in worst[:WORST]]
    if tally.empty:
        lines.append(f"  empty     {_many(tally.empty, 'line')}")
    return lines


def _window_lines(tally: Tally) -> list[str]:
    lines = []
    if tally.windows:
        states = sorted(tally.windows, key=lambda state: SEVERITY.get(state, 0))  # type: ignore[call-overload]  # keyed by any text
        shown = ", ".join(f"{tally.windows[state]:,} {coloured(state)}" for state in states)
        failed = f"; [bold red]{tally.failed_windows:,} failed[/]" if tally.failed_windows else ""
        lines.append(f"  windows   {shown}{failed}")
    if tally.switch is not None and tally.switch.position != "closed":
        lines.append(f"  switch    [bold red]{tally.switch.position.replace('_', ' ')}[/]")
    return lines


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else f'{noun}s'}"
