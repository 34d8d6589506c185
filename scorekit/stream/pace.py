"""How many lines are scored at a time, so that none waits too long for the others."""

from __future__ import annotations

_LEAST = 64
"""Lines that are taken together in any case."""
_FIRST = 1024
"""Lines of the first batches, before anything is known."""
_SHARE = 0.75
"""Of the time a line may take, for scoring; the rest is for reading those that are scored with it."""
_MEMORY = 0.7
"""Weight of what was known before a batch."""


class Pace:
    """Learns how fast lines are scored.

    Parameters
    ----------
    batch_size : int
        Most lines at a time.
    latency : float
        Seconds a line may take.
    """

    def __init__(self, batch_size: int, latency: float) -> None:
        self._batch_size = batch_size
        self._latency = latency
        self._per_line: float | None = None

    @property
    def most(self) -> int:
        """Lines to score at a time."""
        if self._per_line is None:
            return min(_FIRST, self._batch_size)
        fitting = int(self._latency * _SHARE / self._per_line)
        return max(1, min(self._batch_size, max(_LEAST, fitting)))

    @property
    def gather(self) -> float:
        """Seconds to read in, as long as more is there."""
        return self._latency * (1 - _SHARE)

    def saw(self, lines: int, seconds: float) -> None:
        """Learn from a batch; a small one says little of large ones."""
        if lines < _LEAST:
            return
        found = seconds / lines
        known = self._per_line
        self._per_line = found if known is None else _MEMORY * known + (1 - _MEMORY) * found
