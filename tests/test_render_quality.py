"""What a person sees of a verdict: bars for the columns that moved, words for all else."""

from __future__ import annotations

import numpy as np
import pytest

from scorekit.quality.baseline import Baseline, numeric_bins
from scorekit.quality.counting import Counter
from scorekit.quality.judging import Judge
from scorekit.quality.ladder import AnswerCounter, make_ladder
from scorekit.quality.verdict import Verdict
from scorekit.quality.window import Window
from scorekit.render_quality import BAR, WORST, verdict_lines
from scorekit.schema import Feature, Schema
from tests.quality.fallbacks import learn, training_rows
from tests.quality.windows import judged, moved_ages, settings, window

NAMES = [f"x{number}" for number in range(WORST + 2)]


def many_moved() -> Verdict:
    """Seven features, all of which have moved, the first the least."""
    features = tuple(
        Feature(name=name, kind="numeric", arrow_type="float64", nullable=True) for name in NAMES
    )
    values = np.random.default_rng(1).normal(size=(2000, len(NAMES)))
    bins = tuple(numeric_bins(name, column) for name, column in zip(NAMES, values.T, strict=True))
    counter = Counter(
        Baseline(kind="out_of_fold", rows=2000, features=bins, scores=()), Schema(features=features)
    )
    moved = values + np.linspace(1, 3, len(NAMES))
    counts = counter.count(moved, np.zeros((2000, 0), dtype=np.int32), np.zeros((2000, 0)))
    return judged(Window(rows=2000, counts=counts), counter, checks={"column.range": "ignore"})


def test_a_feature_without_a_bar_is_told_in_words() -> None:
    lines = verdict_lines(many_moved())
    bars = {name for name in NAMES for line in lines if "█" in line and f" {name} " in line}
    words = {name for name in NAMES for line in lines if f"column.psi {name}: PSI" in line}
    assert bars == set(NAMES[2:])
    assert words == set(NAMES[:2])


def test_the_psi_of_what_the_fallback_answered_is_told() -> None:
    rows = training_rows()
    fallback = learn({"segment": ["poutcome"]}, rows=rows)
    counter = AnswerCounter(fallback)
    failures = np.flatnonzero(rows.codes[:, 0] == 0)
    answers = counter.count(*make_ladder(fallback, rows.schema).answer(rows.numeric, rows.codes, failures))
    verdict = Judge(settings(), None, counter).judge(Window(rows=len(failures), answers=answers))
    assert any("fallback.psi rung 1: PSI" in line for line in verdict_lines(verdict))


@pytest.mark.parametrize(("alarm", "full"), [(None, False), (0.1, True), (1000.0, False)])
def test_a_bar_is_full_at_the_alarm_of_the_policy(alarm: float | None, full: bool) -> None:
    thresholds = {"thresholds": {"warn": 0.05, "alarm": alarm}} if alarm else {}
    verdict = judged(window(moved_ages(4)), **thresholds)
    (line,) = [line for line in verdict_lines(verdict) if " age " in line and ("█" in line or "░" in line)]
    assert ("█" * BAR in line) == full
    if alarm == 1000.0:
        assert "░" * BAR in line
