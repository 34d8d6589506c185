"""Verdicts to write down."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorekit.quality.baseline import Bins
from scorekit.quality.psi import population_stability_index
from scorekit.quality.stability import ColumnStability
from scorekit.quality.switch import PoorRows, SwitchRules, WindowOutcome
from scorekit.quality.verdict import Finding, Verdict
from scorekit.quality.window import Window
from scorekit.state.ledger import Ledger, Recorded, Run

RULES = SwitchRules(last=10, poor=4, total=50, windows=2, half_open_windows=2)


def column(name: str, counts: list[int], *, moved: bool = False) -> ColumnStability:
    bins = Bins(name=name, kind="numeric", labels=("a", "b", "c"), counts=(30, 40, 30), slots=(0, 1, 2))
    found = np.array(counts, dtype=np.int64)
    index = population_stability_index(bins.counts, found)
    return ColumnStability(bins, found, index, "alarm" if moved else "ok")


def verdict(rows: int = 100, *, failed: bool = False, rejected: int = 0) -> Verdict:
    """A verdict on two features, one of which is called as the score is."""
    score = column("score", [90, 5, 5] if failed else [30, 40, 30], moved=failed)
    said = Finding(
        "score.psi",
        "alarm" if failed else "ok",
        "the scores have moved" if failed else "the scores have not moved",
        column="score",
        value=float(score.index.psi_adjusted) if score.index else None,
        expected=0.25,
        action="window",
    )
    unable = Finding("input.rows", "unknown", "no band is set", value=float("nan"), action="ignore")
    return Verdict(
        "alarm" if failed else "ok",
        "window" if failed else "pass",
        (said, unable),
        (column("age", [31, 39, 30]), column("score", [1, 2, 3])),
        (score,),
        Window(rows=rows, rejected=rejected),
    )


def outcome(rows: int, poor: list[int], rules: SwitchRules = RULES, *, failed: bool = False) -> WindowOutcome:
    fed = PoorRows(rules)
    fed.add(rows, np.array(poor, dtype=np.int64))
    return WindowOutcome.of(fed, failed=failed)


def record(
    ledger: Ledger,
    run: Run,
    number: int,
    rows: int = 100,
    poor: tuple[int, ...] = (),
    *,
    failed: bool = False,
    first_row: int | None = None,
    **changed: Any,
) -> Recorded:
    rules = changed.pop("rules", RULES)
    return ledger.record(
        run,
        number,
        number * rows if first_row is None else first_row,
        verdict(rows, failed=failed, rejected=len(poor)),
        outcome(rows, list(poor), rules, failed=failed),
        rules,
        **changed,
    )
