"""Every check in every state that it can have."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from scorekit.quality.baseline import Baseline, category_bins, numeric_bins
from scorekit.quality.checks import BY_ID, CHECKS, ROW_CODES
from scorekit.quality.counting import ColumnCounts, Counter
from scorekit.quality.evidence import grown
from scorekit.quality.verdict import Finding, State
from scorekit.quality.window import Window
from scorekit.render_quality import verdict_json
from scorekit.schema import MISSING, Schema
from tests.quality import windows
from tests.quality.windows import Changed, finding, judged, window

ORDER = ["input", "row", "column", "score", "fallback"]


def test_checks_are_made_in_the_order_of_the_groups_and_each_says_what_it_looks_at() -> None:
    groups = [ORDER.index(check.id.partition(".")[0]) for check in CHECKS]
    assert groups == sorted(groups)
    assert len(BY_ID) == len(CHECKS)
    assert all((type(check).__doc__ or "").strip().splitlines()[0].endswith(".") for check in CHECKS)


def test_rows_that_have_not_moved_are_ok_by_every_check() -> None:
    verdict = judged(window(ids=windows.ids(1, 2)), rows={"least": 10, "most": 10_000})
    assert {found.state for found in verdict.findings} == {"ok"}
    assert (verdict.state, verdict.outcome) == ("ok", "pass")


@pytest.mark.parametrize(
    ("band", "state"),
    [({"least": 1000, "most": 1000}, "ok"), ({"least": 1001}, "alarm"), ({"most": 999}, "alarm")],
)
def test_the_row_count_is_held_against_the_band(band: dict[str, int], state: State) -> None:
    verdict = judged(window(), rows=band)
    assert finding(verdict, "input.rows").state == state
    assert verdict.outcome == ("fail" if state == "alarm" else "pass")


def test_without_a_band_and_without_ids_there_is_nothing_to_find() -> None:
    checks = {found.check for found in judged(window()).findings}
    assert checks.isdisjoint({"input.rows", "input.duplicates"})


@pytest.mark.parametrize(("second", "state", "outcome"), [(2, "ok", "pass"), (1, "alarm", "fail")])
def test_an_id_that_stands_twice_fails_the_run(second: int, state: State, outcome: str) -> None:
    verdict = judged(window(ids=windows.ids(1, second)))
    assert finding(verdict, "input.duplicates").state == state
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("not_a_number", "row.invalid"),
        ("missing_not_allowed", "row.invalid"),
        ("required", "row.required"),
        ("out_of_range", "row.range"),
        ("unseen_not_allowed", "row.unseen"),
    ],
)
def test_rows_that_are_dealt_with_one_by_one_are_a_warning(code: str, check: str) -> None:
    bad = window(rejected=1, flaws={(code, "age"): 1})
    verdict = judged(bad)
    assert finding(verdict, check, "age").state == "warn"
    assert (verdict.state, verdict.outcome) == ("warn", "pass")
    strict = judged(bad, checks={check: "window"})
    assert finding(strict, check, "age").state == "alarm"
    assert strict.outcome == "window"


def test_an_unseen_category_that_is_scored_is_not_a_finding_of_rows() -> None:
    assert ROW_CODES["unseen"] == "column.unseen"
    checks = {found.check for found in judged(window(flaws={("unseen", "job"): 3})).findings}
    assert not checks & {"row.invalid", "row.unseen"}


def test_a_score_that_is_not_finite_fails_the_window() -> None:
    verdict = judged(window(rejected=1, flaws={("score_not_finite", ""): 1}))
    assert finding(verdict, "score.finite").state == "alarm"
    assert verdict.outcome == "window"


@pytest.mark.parametrize(("rejected", "state"), [(0, "ok"), (50, "ok"), (51, "alarm")])
def test_more_rejected_rows_than_allowed_fail_the_window(rejected: int, state: State) -> None:
    verdict = judged(window(rejected=rejected))
    assert finding(verdict, "row.rejected").state == state
    assert verdict.outcome == ("window" if state == "alarm" else "pass")


@pytest.mark.parametrize(("answered", "state"), [(50, "ok"), (51, "alarm")])
def test_more_answers_of_the_fallback_than_allowed_are_said(answered: int, state: State) -> None:
    verdict = judged(window(fallback=answered))
    assert finding(verdict, "score.fallback").state == state
    assert verdict.outcome == "pass"


def test_a_window_without_rows_is_insufficient() -> None:
    verdict = judged(Window())
    assert {found.state for found in verdict.findings} == {"insufficient"}
    assert (verdict.state, verdict.outcome) == ("insufficient", "pass")


SHARES = [
    ("column.missing", "age", windows.missing_ages),
    ("column.missing", "job", windows.missing_jobs),
    ("column.unseen", "job", windows.unseen_jobs),
    ("column.range", "age", windows.old_ages),
]


@pytest.mark.parametrize(("check", "column", "change"), SHARES)
@pytest.mark.parametrize(
    ("share", "count", "state"),
    [(0.015, 1000, "ok"), (0.05, 1000, "warn"), (0.2, 1000, "alarm"), (0.2, 49, "insufficient")],
)
def test_a_share_that_has_grown(
    check: str, column: str, change: type[Changed], share: float, count: int, state: State
) -> None:
    assert finding(judged(window(change(share), count)), check, column).state == state  # type: ignore[call-arg]


def test_a_level_called_missing_hides_no_missing_values() -> None:
    feature = replace(windows.SCHEMA.features[1], levels=("missing", "unseen", "c"))
    codes = np.arange(999, dtype=np.int32) % 3
    bins = category_bins(feature, codes)
    baseline = Baseline(kind="out_of_fold", rows=999, features=(bins,))
    counter = Counter(baseline, Schema(features=(feature,)))
    codes[:500] = MISSING
    counts = counter.count(np.zeros((999, 0)), codes[:, None], np.zeros((999, 0)))
    verdict = judged(Window(rows=999, counts=counts), counter)
    found = finding(verdict, "column.missing", "job")
    assert (found.state, found.expected) == ("alarm", 0.0)
    assert finding(verdict, "column.unseen", "job").value == 0.0
    (column,) = verdict_json(verdict)["features"]
    assert sum(column["counts"].values()) == 999
    assert column["counts"]["missing"] == 500


@pytest.mark.parametrize(("rows", "state"), [(60, "ok"), (6000, "warn")])
def test_a_share_that_may_have_grown_by_chance_is_ok(rows: int, state: State) -> None:
    codes = np.where(np.arange(1000) < 50, MISSING, 0).astype(np.int32)
    column = ColumnCounts(category_bins(windows.SCHEMA.features[1], codes), np.array([rows, 0, 0, 0]))
    now, then = rows // 10, 50
    assert grown("column.missing", column, "missing", now, then).state == state


@pytest.mark.parametrize(("count", "state"), [(1000, "alarm"), (49, "insufficient")])
def test_a_column_that_is_constant_now(count: int, state: State) -> None:
    verdict = judged(window(windows.one_job, count))
    assert finding(verdict, "column.constant", "job").state == state


@pytest.mark.parametrize(
    ("years", "count", "state"),
    [(0, 1000, "ok"), (4, 1000, "warn"), (20, 1000, "alarm"), (20, 30, "insufficient")],
)
def test_a_column_that_has_moved(years: float, count: int, state: State) -> None:
    verdict = judged(window(windows.moved_ages(years), count))
    found = finding(verdict, "column.psi", "age")
    assert found.state == state
    assert verdict.outcome == "pass", "a feature that moves alone does not fail a window"


@pytest.mark.parametrize(
    ("by", "count", "state", "outcome"),
    [
        (0, 1000, "ok", "pass"),
        (0.045, 1000, "warn", "pass"),
        (0.3, 1000, "alarm", "window"),
        (0.3, 30, "insufficient", "pass"),
    ],
)
def test_a_score_that_has_moved_fails_the_window(by: float, count: int, state: State, outcome: str) -> None:
    verdict = judged(window(windows.moved_scores(by), count))
    assert finding(verdict, "score.psi", "score").state == state
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("by", "count", "state"),
    [(0, 1000, "ok"), (0.05, 1000, "warn"), (0.1, 1000, "alarm"), (0.1, 49, "insufficient")],
)
def test_the_mean_of_the_scores(by: float, count: int, state: State) -> None:
    assert finding(judged(window(windows.moved_scores(by), count)), "score.mean", "score").state == state


@pytest.mark.parametrize(
    ("share", "count", "state"),
    [(0, 1000, "ok"), (0.15, 1000, "warn"), (0.5, 1000, "alarm"), (0.5, 49, "insufficient")],
)
def test_the_share_of_scores_at_the_ends(share: float, count: int, state: State) -> None:
    assert (
        finding(judged(window(windows.high_scores(share), count)), "score.extremes", "score").state == state
    )


@pytest.mark.parametrize("outcome", ["rejected", "fallback"])
def test_rows_without_a_score_of_the_model_do_not_move_its_scores(outcome: str) -> None:
    def some(_: np.ndarray, __: np.ndarray, scores: np.ndarray) -> None:
        scores[:40] = np.nan

    found, whole = judged(window(some, **{outcome: 40})), judged(window())
    for check in ("score.psi", "score.mean", "score.extremes"):
        assert finding(found, check, "score").state == "ok"
    assert found.outcome == "pass"
    assert found.scores[0].counts.sum() == 960
    ends = finding(found, "score.extremes", "score").value, finding(whole, "score.extremes", "score").value
    assert ends == (pytest.approx(0.2, abs=0.03), pytest.approx(0.2, abs=0.03))


def test_what_counts_for_the_mean_is_how_many_scores_there_are() -> None:
    def few(_: np.ndarray, __: np.ndarray, scores: np.ndarray) -> None:
        scores[49:] = np.nan

    assert finding(judged(window(few, rejected=951)), "score.mean", "score").state == "insufficient"


def few_scores(values: list[float]) -> Counter:
    """A counter of a model whose scores are few distinct values, evenly spread."""
    bins = numeric_bins("score", np.resize(values, 1000))
    return Counter(Baseline(kind="out_of_fold", rows=1000, features=(), scores=(bins,)), Schema(features=()))


def found_at_the_ends(counter: Counter, scores: list[float]) -> Finding:
    column = np.resize(scores, 500)[:, None]
    counts = counter.count(np.zeros((500, 0)), np.zeros((500, 0), dtype=np.int32), column)
    return finding(judged(Window(rows=500, counts=counts), counter), "score.extremes", "score")


@pytest.mark.parametrize(
    ("scores", "state", "share"),
    [
        ([0.1, 0.2, 0.3, 0.4], "ok", 0.5),
        ([0.2, 0.3, 0.25], "ok", 0.0),
        ([0.1, 0.2, 0.3, 0.4, 0.1, 0.4], "warn", 2 / 3),
        ([0.1, 0.4], "alarm", 1.0),
        ([0.05, 0.9], "alarm", 1.0),
    ],
)
def test_of_few_distinct_scores_the_outermost_are_the_ends(
    scores: list[float], state: State, share: float
) -> None:
    found = found_at_the_ends(few_scores([0.1, 0.2, 0.3, 0.4]), scores)
    assert found.state == state
    assert found.expected == 0.5
    assert found.value == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("scores", "state"), [([0.1], "ok"), ([0.3], "ok"), ([0.5], "alarm")])
def test_of_two_distinct_scores_only_others_are_farther_out(scores: list[float], state: State) -> None:
    assert found_at_the_ends(few_scores([0.1, 0.3]), scores).state == state


def test_a_window_without_a_score_is_too_little_for_its_mean() -> None:
    def rejected(_: np.ndarray, __: np.ndarray, scores: np.ndarray) -> None:
        scores[:] = np.nan

    assert finding(judged(window(rejected, rejected=1000)), "score.mean", "score").state == "insufficient"


@pytest.mark.parametrize(("score", "state"), [(0.5, "ok"), (0.6, "alarm")])
def test_a_model_whose_scores_were_all_the_same(score: float, state: State) -> None:
    bins = numeric_bins("score", np.full(1000, 0.5))
    counter = Counter(
        Baseline(kind="out_of_fold", rows=1000, features=(), scores=(bins,)), Schema(features=())
    )
    counts = counter.count(np.zeros((500, 0)), np.zeros((500, 0), dtype=np.int32), np.full((500, 1), score))
    verdict = judged(Window(rows=500, counts=counts), counter)
    assert finding(verdict, "score.mean", "score").state == state
    assert finding(verdict, "score.extremes", "score").state == state


@pytest.mark.parametrize(
    "check",
    [check.id for check in CHECKS if check.id.startswith("column.")]
    + ["score.psi", "score.mean", "score.extremes"],
)
def test_without_a_baseline_what_needs_one_is_unknown(check: str) -> None:
    verdict = judged(Window(rows=1000), None)
    assert finding(verdict, check).state == "unknown"
    assert verdict.state == "unknown"


def test_without_a_baseline_the_window_fails() -> None:
    assert judged(Window(rows=1000), None).outcome == "window"


def test_a_check_of_scores_fails_a_window_without_a_baseline_whichever_it_is() -> None:
    verdict = judged(Window(rows=1000), None, checks={"score.psi": "ignore", "score.mean": "window"})
    assert verdict.outcome == "window"
