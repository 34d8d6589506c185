"""What a user can ask of a run, and what becomes of each output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from scorekit.batch.summary import ScoreSummary
from scorekit.errors import ScorekitError
from scorekit.quality.switch import SwitchState
from scorekit.quality.verdict import Verdict

Fate = Literal["published", "degraded", "quarantined"]
"""``degraded``: the fallback's scores were published in place of the model's."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a user can ask of a run.

    Attributes
    ----------
    ids, passthrough : tuple of str
        Columns to carry; ``("all",)`` for all.
    errors_file : str or None
        Where rejected rows are explained; None means beside the output.
    max_errors : int or None
        Most rejected rows; None means as long as one row is scored.
    threads : int
    chunk_rows : int
    resume, force : bool
    run_id : str
    """

    ids: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()
    errors_file: str | None = None
    max_errors: int | None = None
    threads: int = 1
    chunk_rows: int = 65_536
    resume: bool = False
    force: bool = False
    run_id: str = ""

    def decisive(self) -> dict[str, Any]:
        """What changes the bytes of an output."""
        return {"ids": self.ids, "passthrough": self.passthrough, "chunk_rows": self.chunk_rows}


def worst(fates: Iterable[Fate]) -> Fate:
    """What a run has come to, by the fates of its outputs."""
    order: tuple[Fate, ...] = ("published", "degraded", "quarantined")
    return max(fates, key=order.index, default="published")


@dataclass(frozen=True, slots=True)
class JobResult:
    """An output that was made.

    Attributes
    ----------
    target : str
        Where it went: of one that was withheld, the quarantine file.
    summary : ScoreSummary
    errors_file : str or None
        Where rejected rows are explained, if there were any.
    key : str
        Digest of the run's key.
    run_id : str
        Under which it is recorded: of a run that was taken up, that of the one that began.
    resumed_rows : int
        Rows an earlier run had scored.
    seconds : float
        How long this output took.
    fate : {"published", "degraded", "quarantined"}
    verdict : Verdict or None
        Of its rows; None after a dry run.
    switch : SwitchState or None
        As it stood afterwards.
    refusal : ScorekitError or None
        Why it was withheld.
    repeated : bool
        Whether all rows were counted by an earlier run of the same id, so that nothing moved.
    """

    target: str
    summary: ScoreSummary
    errors_file: str | None
    key: str
    run_id: str = ""
    resumed_rows: int = 0
    seconds: float = 0.0
    fate: Fate = "published"
    verdict: Verdict | None = None
    switch: SwitchState | None = None
    refusal: ScorekitError | None = None
    repeated: bool = False
