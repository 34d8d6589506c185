"""Verdicts and switches as rows of the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from scorekit.quality.stability import ColumnStability
from scorekit.quality.switch import Position, SwitchState
from scorekit.quality.verdict import Finding, Verdict
from scorekit.state.moments import read_moment

FEATURE, SCORE = "feature", "score"
PSI = {FEATURE: "column.psi", SCORE: "score.psi"}
"""Check under which the PSI of every column is kept, moved or not."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a switch.

    Attributes
    ----------
    at : datetime
        UTC.
    who : str
        A person, or ``scorekit``.
    from_position, to_position : {"closed", "open", "half_open"}
    why : str
    run_id : str or None
        The run whose window moved it.
    """

    at: datetime
    who: str
    from_position: Position
    to_position: Position
    why: str
    run_id: str | None = None


def read_switch(row: Sequence[Any]) -> SwitchState:
    """A switch as ``READ_SWITCH`` gives it."""
    position, seen, total_poor, bad_windows, clean_windows, recent, since, updated = row
    return SwitchState(
        position,
        seen,
        total_poor,
        bad_windows,
        clean_windows,
        tuple(json.loads(recent)),
        since=read_moment(since),
        updated=read_moment(updated),
    )


def switch_row(state: SwitchState) -> dict[str, Any]:
    """A switch as ``WRITE_SWITCH`` takes it, without its times."""
    kept = asdict(state)
    del kept["since"], kept["updated"]
    return {**kept, "recent": json.dumps(state.recent)}


def read_change(row: Sequence[Any]) -> Change:
    """A change as ``READ_CHANGES`` gives it."""
    at, who, from_position, to_position, why, run_id = row
    return Change(cast("datetime", read_moment(at)), who, from_position, to_position, why, run_id)


def window_row(verdict: Verdict, fallback: int) -> dict[str, Any]:
    """What is kept of a window itself."""
    window = verdict.window
    return {
        "rows": window.rows,
        "rejected": window.rejected,
        "fallback": fallback,
        "state": verdict.state,
        "outcome": verdict.outcome,
        "reason": "; ".join(map(str, verdict.reasons)),
    }


def verdict_rows(findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    """What is kept of every check."""
    for found in findings:
        yield {
            "check_name": found.check,
            "column_name": found.column,
            "state": found.state,
            "value": _number(found.value),
            "expected": _number(found.expected),
            "message": found.message,
        }


def psi_rows(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """What is kept of the PSI of every column of which no check said anything."""
    said = {(found.check, found.column) for found in verdict.findings}
    for kind, column in _columns(verdict):
        if (PSI[kind], column.name) not in said:
            yield _psi_row(PSI[kind], column)


def _psi_row(check: str, column: ColumnStability) -> dict[str, Any]:
    value = column.index.psi_adjusted if column.index is not None else None
    return {
        "check_name": check,
        "column_name": column.name,
        "state": column.state,
        "value": _number(value),
        "expected": None,
        "message": "",
    }


def count_rows(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """Rows of the window in the bins of every column."""
    for kind, column in _columns(verdict):
        yield {"kind": kind, "column_name": column.name, "counts": json.dumps(column.counts.tolist())}


def _columns(verdict: Verdict) -> Iterator[tuple[str, ColumnStability]]:
    yield from ((FEATURE, column) for column in verdict.features)
    yield from ((SCORE, column) for column in verdict.scores)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
