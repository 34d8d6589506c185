"""What a fallback learns, and what of it is refused at training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from scorekit.errors import TamperedError, UsageError, VersionMismatch
from scorekit.quality.fallback import Fallback, MeanRung, SegmentRung
from scorekit.quality.fallback_learning import outcomes, validate_mean
from tests.quality.fallbacks import learn, settings, training_rows

EVERY = (
    {"version": "bank@previous"},
    {"segment": ["poutcome", "pay day"]},
    {"expression": "where(poutcome == 'success', 0.67, 0.22)"},
    {"mean": True},
    {"null": True},
)


def test_every_kind_of_rung_is_learned_and_read_back_to_the_bit() -> None:
    fallback = learn(*EVERY)
    assert [rung.kind for rung in fallback.rungs] == ["version", "segment", "expression", "mean", "null"]
    assert Fallback.from_bytes(fallback.to_bytes(), "fallback.json") == fallback
    assert fallback.versions == {0: "bank@previous"}


def test_a_segment_learns_the_target_and_says_how_near_it_is_to_the_model() -> None:
    rows = training_rows()
    (rung,) = learn({"segment": ["poutcome"]}, rows=rows).rungs
    assert isinstance(rung, SegmentRung)
    success = rows.codes[:, 0] == 2
    assert rung.table.rates[2] == (pytest.approx(rows.targets[success].mean()),)
    assert rung.validation.rows == 2000
    assert rung.validation.mean[0] == pytest.approx(rows.targets.mean())
    assert rung.validation.model_mean[0] == pytest.approx(rows.scores.mean())
    assert sum(rung.answers[0].counts) == 2000


def test_more_classes_have_a_share_each() -> None:
    rows = training_rows(outputs=3)
    fallback = learn({"segment": ["poutcome"]}, {"mean": True}, rows=rows)
    assert [len(rung.answers) for rung in fallback.rungs] == [3, 3]
    mean = fallback.rungs[1]
    assert isinstance(mean, MeanRung)
    assert mean.values == pytest.approx(rows.scores.mean(axis=0))


def test_outcomes() -> None:
    assert outcomes(np.array([0, 1]), 1).tolist() == [[0.0], [1.0]]
    assert outcomes(np.array([0, 2]), 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert outcomes(np.array([2.5]), 1).tolist() == [[2.5]]


@pytest.mark.parametrize(
    ("rung", "message", "hint"),
    [
        ({"expression": "0.9"}, "its mean score over the training rows is 0.9, the model's is 0.37", "mean"),
        ({"expression": "agee / 100"}, "no such column: 'agee'", "did you mean age?"),
        ({"expression": "1 / (age - 20)"}, r"no finite answer for \d+ of 2,000 training rows$", None),
        ({"expression": "age / 60"}, r"answers [\d,]+ of 2,000 training rows outside 0 to 1", "min"),
        ({"segment": ["agee"]}, "the model has no column 'agee'", "did you mean 'age'?"),
        ({"segment": ["note"]}, "'note' is free text", None),
    ],
)
def test_what_cannot_stand_in_is_refused(rung: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        learn({"version": "x"}, rung)
    assert caught.value.message.startswith("rung 2 of the fallback ladder")
    assert hint is None or hint in (caught.value.hint or "")
    assert caught.value.code == "fallback"


def test_an_expression_that_does_not_know_of_missing_values_is_refused_by_their_column() -> None:
    rows = training_rows()
    rows.numeric[::10, 1] = np.nan
    with pytest.raises(
        UsageError, match="200 of 2,000 training rows; in these 'pay day' can be missing"
    ) as caught:
        learn({"expression": "0.3 + 0.05 * `pay day`"}, rows=rows)
    assert caught.value.hint == "write where(missing(`pay day`), …, …)"
    assert learn({"expression": "where(missing(`pay day`), 0.37, 0.3 + 0.05 * `pay day`)"}, rows=rows).rungs


def test_a_segment_is_refused_where_the_model_is_not_on_the_level_of_its_target() -> None:
    rows = training_rows()
    with pytest.raises(UsageError, match=r"the model's is 0\.8155"):
        learn({"segment": ["poutcome"]}, rows=replace(rows, scores=np.clip(rows.scores + 0.5, 0, 1)))


def test_an_expression_is_for_one_score_only() -> None:
    with pytest.raises(UsageError, match="the model gives 3"):
        learn({"expression": "0.3"}, rows=training_rows(outputs=3))


def test_values_of_a_regression_may_be_any() -> None:
    rows = training_rows()
    prices = replace(rows, targets=rows.targets * 1000, scores=rows.scores * 1000, probabilities=False)
    assert len(learn({"segment": ["poutcome"]}, {"mean": True}, rows=prices).rungs) == 2


def test_the_tolerance_is_a_tenth_of_the_spread_or_three_standard_errors() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(10, 2, (10_000, 1))
    many = validate_mean(np.full((10_000, 1), 10.0), scores)
    assert many.tolerance[0] == pytest.approx(0.1 * scores.std())
    few = validate_mean(np.full((100, 1), 10.0), scores[:100])
    assert few.tolerance[0] == pytest.approx(3 * scores[:100].std() / 10)
    assert (many.rows, many.mean, many.model_mean) == (10_000, (10.0,), (pytest.approx(scores.mean()),))
    scores[0] = np.nan
    assert validate_mean(np.full((10_000, 1), 10.0), scores).model_mean == (pytest.approx(scores[1:].mean()),)


def test_the_mean_of_a_model_that_always_says_the_same() -> None:
    rows = training_rows(30)
    assert learn({"mean": True}, rows=replace(rows, scores=np.full((30, 1), 0.1))).rungs


def test_without_a_score_there_is_no_mean() -> None:
    rows = training_rows(30)
    with pytest.raises(UsageError, match="no training row has a score"):
        learn({"mean": True}, rows=replace(rows, scores=np.full((30, 1), np.nan)))


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ([{}], "a rung of the ladder is one of version, segment, expression"),
        ([{"mean": True, "version": "x"}], "this one is version and mean"),
        ([{"mean": False}], "a rung of the ladder is one of"),
        ([{"segment": []}], "one or two columns"),
        ([{"segment": ["a", "b", "c"]}], "one or two columns"),
        ([{"segment": ["a", "a"]}], "one or two columns"),
        ([{"null": True}, {"mean": True}], "nothing below the rung null can answer, and mean stands there"),
        ([{"mean": True}, {"version": "x"}], "nothing below the rung mean can answer, and version"),
        ([{"mean": True}, {"mean": True}], "mean twice"),
        ([{"version": "x"}] * 11, "at most 10 rungs, this one has 11"),
        ([{"versoin": "x"}], "[Uu]nexpected"),
    ],
)
def test_what_is_no_ladder(ladder: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(*ladder)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format_version": 1}', b'{"format_version": 1, "rungs": 3}'])
def test_what_is_no_fallback(data: bytes) -> None:
    with pytest.raises(TamperedError, match=r"f\.json is not a fallback"):
        Fallback.from_bytes(data, "f.json")


def test_a_fallback_from_the_future_is_refused() -> None:
    later = learn({"null": True}).to_bytes().replace(b'"format_version": 1', b'"format_version": 2')
    with pytest.raises(VersionMismatch, match="format 2"):
        Fallback.from_bytes(later, "fallback.json")
