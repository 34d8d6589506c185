"""What a user can ask of a stream, and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from scorekit.quality.switch import SwitchState
from scorekit.quality.verdict import Verdict
from scorekit.stream.windows import Extent

OnError = Literal["emit", "dead-letter", "fail"]
"""What becomes of a line that has no score: answered by what is wrong, put aside, or the end."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a user can ask of a stream.

    Attributes
    ----------
    on_error : {"emit", "dead-letter", "fail"}
    max_errors : int or None
        Most lines without a score.
    batch_size : int
        Most lines scored at a time.
    max_latency : float
        Seconds that a line may wait for others.
    extent : Extent
        Of the windows that are judged.
    ids, passthrough : tuple of str
        Fields to carry; ``("all",)`` for all.
    run_id : str
    """

    on_error: OnError = "emit"
    max_errors: int | None = None
    batch_size: int = 10_000
    max_latency: float = 0.1
    extent: Extent = field(default_factory=Extent)
    ids: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()
    run_id: str = ""

    @property
    def most_errors(self) -> int | None:
        """Errors after which the stream ends."""
        return 0 if self.on_error == "fail" else self.max_errors


@dataclass(slots=True)
class Tally:
    """What was done so far; nothing here grows with the number of lines.

    Attributes
    ----------
    rows : int
        Lines that were answered or put aside, less empty ones.
    empty : int
    sources : Counter of str
        Rows by where their score comes from.
    errors : Counter of str
        Rows without a score, by code.
    windows : Counter of str
        Finished windows by state of their verdict.
    failed_windows : int
    batches : int
    versions : list of str
        That scored, in their order.
    verdict : Verdict or None
        Of the last window.
    switch : SwitchState or None
    lag : int or None
        Messages that wait at a broker, when it was last asked; None if that is not known.
    last : float
        When the last row was answered, in seconds since 1970.
    """

    rows: int = 0
    empty: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    failed_windows: int = 0
    batches: int = 0
    versions: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    switch: SwitchState | None = None
    lag: int | None = None
    last: float = 0.0

    @property
    def failures(self) -> int:
        """Rows without a score."""
        return self.errors.total()


@dataclass(frozen=True, slots=True)
class StreamResult:
    """What became of a stream.

    Attributes
    ----------
    engine, run_id : str
    tally : Tally
    seconds : float
        From the first line on.
    stopped : int or None
        The signal it was stopped by.
    """

    engine: str
    run_id: str
    tally: Tally
    seconds: float
    stopped: int | None = None
