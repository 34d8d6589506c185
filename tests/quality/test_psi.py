"""The population stability index: worked cases, and what holds for all counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from scorekit.quality.psi import benjamini_hochberg, holm, population_stability_index

VECTORS = json.loads((Path(__file__).parent / "data/psi-vectors.json").read_text())["vectors"]
COUNTS = st.integers(2, 12).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 10_000), min_size=bins, max_size=bins)] * 2)
)
BOTH = COUNTS.filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_worked_cases(vector: dict[str, Any]) -> None:
    found = population_stability_index(vector["expected"], vector["actual"])
    assert found.bins == vector["bins"]
    for name in ("psi", "psi_raw", "bias", "p_any", "p_material", "psi_adjusted", "n", "m"):
        if name in vector:
            expected = vector[name]
            if expected is None:
                assert getattr(found, name) is None
            else:
                assert getattr(found, name) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(BOTH)
def test_it_is_never_negative_and_the_same_both_ways(pair: tuple[list[int], list[int]]) -> None:
    there, back = population_stability_index(*pair), population_stability_index(*pair[::-1])
    assert there.psi >= 0
    assert there.psi == pytest.approx(back.psi, rel=1e-9, abs=1e-12)
    assert there.contributions.sum() == pytest.approx(there.psi)
    assert (there.contributions >= 0).all()


@given(BOTH)
def test_the_correction_for_small_samples_makes_chance_no_less_likely(
    pair: tuple[list[int], list[int]],
) -> None:
    found = population_stability_index(*pair)
    many = population_stability_index(*([10_000 * count for count in counts] for counts in pair))
    assert found.p_any <= found.p_any_corrected
    assert many.p_any_corrected == pytest.approx(many.p_any, rel=0.1, abs=1e-12)


@given(BOTH, st.randoms(use_true_random=False))
def test_the_order_of_bins_and_empty_ones_do_not_matter(
    pair: tuple[list[int], list[int]], chance: Any
) -> None:
    both = list(zip(*pair, strict=True))
    chance.shuffle(both)
    mixed = population_stability_index([e for e, _ in both] + [0], [a for _, a in both] + [0])
    found = population_stability_index(*pair)
    assert mixed.psi == pytest.approx(found.psi, rel=1e-9, abs=1e-12)
    assert mixed.bins == found.bins


@given(st.lists(st.integers(0, 500), min_size=2, max_size=10).filter(any))
def test_the_same_counts_have_none(counts: list[int]) -> None:
    found = population_stability_index(counts, counts)
    assert found.psi == pytest.approx(0, abs=1e-12)
    assert found.psi_adjusted == 0


@pytest.mark.parametrize(
    ("expected", "actual"),
    [([1, 2], [1]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([-1, 2], [1, 1]), ([0.5], [1])],
)
def test_what_are_no_counts(expected: list[float], actual: list[float]) -> None:
    with pytest.raises(ValueError, match=r"counts|bins"):
        population_stability_index(expected, actual)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_reject_what_the_step_tests_reject(p_values: list[float]) -> None:
    count = len(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for place, number in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[number] * (count - place) > alpha:
                break
            rejected.add(int(number))
        assert {number for number, value in enumerate(holm(p_values)) if value <= alpha} == rejected
