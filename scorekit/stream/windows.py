"""Windows: rows that follow each other, judged together, and what decides about those after them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorekit.gate import Decision, Gate
from scorekit.quality.switch import PoorRows
from scorekit.quality.window import Window
from scorekit.scoring import ScoredBatch
from scorekit.stream.lanes import Lanes
from scorekit.stream.lines import Lines


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a window may grow.

    Attributes
    ----------
    rows : int
    seconds : float
    """

    rows: int = 10_000
    seconds: float = 3600.0


@dataclass(slots=True)
class Place:
    """Where in a run the next window begins, whatever version scores it.

    Attributes
    ----------
    number : int
        Of the window, from 0.
    row : int
        Its first one, from 0.
    """

    number: int = 0
    row: int = 0


class Cut(NamedTuple):
    """A window that takes no more rows and waits for its verdict.

    Attributes
    ----------
    number : int
        Within the run, from 0.
    first_row : int
        Within the run, from 0.
    window : Window
    poor : PoorRows
    fallback : int
        Rows that the fallback answered, where the window holds what the model said of them.
    """

    number: int
    first_row: int
    window: Window
    poor: PoorRows
    fallback: int

    def decide(self, gate: Gate) -> Decision:
        """Judge it and write it down, which may be done beside the rows that follow."""
        return gate.decide(
            self.number, self.window, self.poor, first_row=self.first_row, fallback=self.fallback
        )


class Tumbling:
    """Counts rows into windows that follow each other.

    Parameters
    ----------
    gate : Gate
    extent : Extent
    place : Place
        Moved on with every window.
    clock : callable
        Seconds.
    """

    def __init__(
        self, gate: Gate, extent: Extent, place: Place, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gate = gate
        self._extent = extent
        self._place = place
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._window = Window()
        self._poor = self._gate.poor_rows()
        self._fallback = 0
        self._since = self._clock()

    @property
    def room(self) -> int:
        """Rows that this window still takes."""
        return self._extent.rows - self._window.rows

    @property
    def finished(self) -> bool:
        """Whether it holds all rows it may, or has been open for as long as it may, with any."""
        return self.room <= 0 or self.remaining <= 0

    @property
    def remaining(self) -> float:
        """Seconds until it is finished; its time begins with its first row."""
        return (
            self._since + self._extent.seconds - self._clock() if self._window.rows else self._extent.seconds
        )

    def add(self, found: ScoredBatch, answered: ScoredBatch) -> None:
        """Count rows that were answered; what the fallback answered is poor, what is judged is the model."""
        self.take(found.window(), len(answered), answered.poor, answered.fallback)

    def take(self, found: Window, rows: int, poor: NDArray[np.int64], fallback: int) -> None:
        """Count rows that were scored elsewhere.

        Parameters
        ----------
        found : Window
            As the model scored them.
        rows : int
        poor : ndarray of int64, shape (n_poor,)
            Those that the model did not answer.
        fallback : int
            How many of them the fallback did.
        """
        if not self._window.rows:
            self._since = self._clock()
        self._window.add(found)
        self._poor.add(rows, poor)
        self._fallback += fallback

    def cut(self) -> Cut | None:
        """The window as it stands, and a new one begun; None if it has no rows."""
        if not self._window.rows:
            return None
        place = self._place
        cut = Cut(place.number, place.row, self._window, self._poor, self._fallback)
        place.number, place.row = place.number + 1, place.row + self._window.rows
        self._begin()
        return cut


class Windows(Tumbling):
    """The windows of one version, one after the other.

    The verdict of the last finished one decides about the rows that follow: while it says
    that the fallback answers, the model goes on scoring unseen, so that the next one is
    judged by the model's scores.
    """

    def __init__(
        self, gate: Gate, extent: Extent, place: Place, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(gate, extent, place, clock)
        self._lanes = Lanes(gate.scorer)
        self._standing_in: Lanes | None = None

    @property
    def replaced(self) -> bool:
        """Whether the fallback answers."""
        return self._standing_in is not None

    def score(self, lines: Lines) -> tuple[ScoredBatch, ScoredBatch]:
        """Rows as the model scores them, and as they are answered."""
        unreadable = list(lines.wrong)
        found = self._lanes.score(lines.rows, unreadable)
        if self._standing_in is None:
            return found, found
        return found, self._standing_in.score(lines.rows, unreadable)

    def close(self) -> Decision | None:
        """Judge the window and write it down; None if it has no rows."""
        cut = self.cut()
        if cut is None:
            return None
        decision = self.decide(cut)
        self.follow(decision)
        return decision

    def decide(self, cut: Cut) -> Decision:
        """Judge what was cut and write it down.

        Talks to the state's database; touches nothing of the next window, so that another
        thread may do it.
        """
        return cut.decide(self._gate)

    def follow(self, decision: Decision) -> None:
        """Let the rows to come be answered as was decided."""
        replaces = decision.action == "replace"
        self._standing_in = Lanes(self._gate.replacing(decision.verdict)) if replaces else None
