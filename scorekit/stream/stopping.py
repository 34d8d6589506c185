"""Stopping in good order: the first signal asks for it, the second one does not wait."""

from __future__ import annotations

import os
import signal
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping(AbstractContextManager["Stopping"]):
    """Hears signals while a stream runs.

    Attributes
    ----------
    asked : int or None
        The signal that came.
    wake : int
        A descriptor that can be read once it came, so that no waiting outlasts it.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.asked = number
        self._restore()
        os.write(self._woken, b"\0")

    def _restore(self) -> None:
        """Let the next signal do what it did before: unwind at once."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def __exit__(self, *failure: object) -> None:
        self._restore()
        os.close(self.wake)
        os.close(self._woken)
