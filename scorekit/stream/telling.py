"""Sending alerts beside the stream: no line waits for a mail server."""

from __future__ import annotations

import threading
from contextlib import suppress

from scorekit.errors import Unreachable
from scorekit.gate import Gate

AGAIN = 60.0
"""Seconds after which what could not be sent is tried again."""


class Telling:
    """Sends what is due after each window, in a thread of its own.

    Parameters
    ----------
    again : float
        Seconds between two tries.
    """

    def __init__(self, again: float = AGAIN) -> None:
        self._again = again
        self._gate: Gate | None = None
        self._asked = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._tell, name="alerts", daemon=True)
        self._thread.start()

    def after(self, gate: Gate) -> None:
        """A window was written down."""
        self._gate = gate
        self._asked.set()

    def _tell(self) -> None:
        while not self._ended:
            self._asked.wait(self._again)
            self._asked.clear()
            if self._gate is not None and not self._ended:
                # the switch is asked more often, and says it
                with suppress(Unreachable):
                    self._gate.send_alerts()

    def close(self) -> None:
        """Send nothing more; the end of the run sends what is left."""
        self._ended = True
        self._asked.set()
        self._thread.join(timeout=1.0)
