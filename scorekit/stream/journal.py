"""What happens to a stream, event by event, in a file: standard error may have to stay empty."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from scorekit.gate import Decision, said
from scorekit.progress import Progress
from scorekit.stream.answers import Failure
from scorekit.stream.log_file import LogFile


class Journal:
    """Tells of a stream.

    Parameters
    ----------
    path : str or None
        A file that is written on at its end, a JSON object a line; None for none.
    progress : Progress
        Hears what a person should know.
    """

    def __init__(self, path: str | None, progress: Progress) -> None:
        self._file = LogFile(path) if path else None
        self._progress = progress

    def event(self, name: str, **fields: Any) -> None:
        """Write something down."""
        self._write([(name, fields)])

    def note(self, name: str, text: str, **fields: Any) -> None:
        """Write something down that a person should know."""
        self._progress.note(text)
        self.event(name, message=text, **fields)

    def failures(self, found: Iterable[Failure]) -> None:
        """Write down why lines have no score."""
        if self._file is not None:
            self._write([("error", _of(failure)) for failure in found])

    def window(self, number: int, decision: Decision, *, replaced: bool) -> None:
        """Write down a window, and say so if it failed."""
        verdict = decision.verdict
        fields = {
            "window": number,
            "rows": verdict.window.rows,
            "state": verdict.state,
            "outcome": verdict.outcome,
        }
        if not verdict.failed:
            self.event("window", **fields)
            return
        then = "; the fallback answers now" if replaced else ""
        self.note("window", f"window {number} failed: {said(verdict)}{then}", **fields)

    def _write(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        if self._file is None or not events:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lines = (json.dumps({"time": stamp, "event": name, **fields}) for name, fields in events)
        trouble = self._file.write("".join(f"{line}\n" for line in lines).encode())
        if trouble is not None:
            self._progress.note(trouble)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def _of(failure: Failure) -> dict[str, Any]:
    column = {"column": failure.column} if failure.column else {}
    place = {"position": failure.message.position} if failure.message.position else {}
    return {"line": failure.message.line, **place, "code": failure.code, **column, "message": failure.said}
