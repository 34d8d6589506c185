"""Which fallback answers for a model, by what a policy declares and a version knows."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from scorekit.errors import UsageError
from scorekit.fallbacks import answering_of
from scorekit.gate import Gate
from scorekit.model import Model, load
from scorekit.policy import Policy
from scorekit.quality.baseline import Baseline
from scorekit.quality.fallback import FallbackSettings, RungSettings
from tests.conftest import Bank

MEAN = Policy(fallback=FallbackSettings((RungSettings(mean=True),)))
EMPTY = Policy(fallback=FallbackSettings())


@pytest.fixture
def model(bank: Bank) -> Model:
    return load("bank", store=str(bank.store))


def with_baseline(model: Model, baseline: Baseline) -> Model:
    """The same version, as one with another baseline reads it."""
    return Model(model.manifest, model.scorer.engine, store=model.store, read_baseline=lambda: baseline)


def test_the_mean_score_needs_no_learning(model: Model) -> None:
    assert model.baseline is not None
    answering = answering_of(model, MEAN, required=False)
    assert answering is not None
    assert [rung.kind for rung in answering.fallback.rungs] == ["mean"]
    assert answering.can_answer


@pytest.mark.parametrize("scores", ["none", "no mean"])
def test_without_a_mean_score_there_is_none_to_answer(scores: str, model: Model) -> None:
    baseline = model.baseline
    assert baseline is not None
    # the mean of scores that overflow a float is not kept
    unknown = tuple(msgspec.structs.replace(bins, mean=None) for bins in baseline.scores)
    lacking = msgspec.structs.replace(baseline, scores=() if scores == "none" else unknown)
    with pytest.raises(UsageError, match="bank:1 has no mean score in its baseline") as refused:
        answering_of(with_baseline(model, lacking), MEAN, required=False)
    assert refused.value.code == "no_fallback"
    assert refused.value.hint


def test_an_empty_table_declares_nothing(model: Model) -> None:
    assert answering_of(model, EMPTY, required=False) is None
    with pytest.raises(UsageError, match="is to be answered by the fallback, and bank:1 has none") as refused:
        answering_of(model, replace(EMPTY, fallback=None), required=True)
    with pytest.raises(UsageError) as same:
        answering_of(model, EMPTY, required=True)
    assert same.value.message == refused.value.message
    assert Gate(model, EMPTY).decisive() == Gate(model, Policy()).decisive() != Gate(model, MEAN).decisive()
