"""What is told beside the stream, so that no line waits for it: alerts, and how runs ended."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from scorekit.errors import ScorekitError, Unreachable
from scorekit.gate import Gate

AGAIN = 60.0
"""Seconds after which what could not be sent is tried again."""


class Telling:
    """Sends what is due after each window, in a thread of its own.

    Parameters
    ----------
    note : callable
        Hears, once, why something could not be sent.
    again : float
        Seconds between two tries.
    """

    def __init__(self, note: Callable[[str], None] = lambda _: None, again: float = AGAIN) -> None:
        self._note = note
        self._again = again
        self._said: set[str] = set()
        self._gate: Gate | None = None
        self._left: deque[tuple[Gate, int]] = deque()
        self._asked = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._tell, name="alerts", daemon=True)
        self._thread.start()

    def after(self, gate: Gate) -> None:
        """A window was written down."""
        self._gate = gate
        self._asked.set()

    def made_way(self, gate: Gate, rows: int) -> None:
        """A version has scored its last row: its run is published."""
        self._left.append((gate, rows))
        self._asked.set()

    def _tell(self) -> None:
        while not self._ended:
            self._asked.wait(self._again)
            self._asked.clear()
            self._finish_runs()
            if self._gate is not None and not self._ended:
                self._hear(self._sent(self._gate))

    def _sent(self, gate: Gate) -> tuple[str, ...]:
        """Send what is due; why some of it was not sent."""
        try:
            return gate.send_alerts()
        except Unreachable:
            # the switch is asked more often, and says it
            return ()
        except Exception as error:  # noqa: BLE001 - the stream goes on, and so does what tells of it
            return (f"alerts could not be sent: {type(error).__name__}",)

    def _finish_runs(self) -> None:
        """Write down how runs ended; what cannot be written now is tried again."""
        while self._left:
            gate, rows = self._left[0]
            try:
                failures = gate.finish("published", rows)
            except Exception as error:  # noqa: BLE001 - as above
                why = error.message if isinstance(error, ScorekitError) else type(error).__name__
                self._hear((f"the end of a run could not be written down: {why}",))
                return
            self._left.popleft()
            self._hear(failures)

    def _hear(self, failures: tuple[str, ...]) -> None:
        for failure in failures:
            if failure not in self._said:
                self._said.add(failure)
                self._note(failure)

    def close(self) -> None:
        """Send nothing more; the end of the run sends what is left."""
        self._ended = True
        self._asked.set()
        self._thread.join(timeout=1.0)
        if not self._thread.is_alive():
            self._finish_runs()
