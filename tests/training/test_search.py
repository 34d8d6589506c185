from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import UsageError
from scorekit.training.recipe import Search
from scorekit.training.search import Range, candidates
from tests.training.samples import Listener, adult, bank, made, recipe, trained


@given(st.integers(1, 1000), st.integers(1, 1000), st.booleans(), st.booleans(), st.integers(0, 100))
def test_a_range_keeps_between_its_ends(low: int, more: int, log: bool, whole: bool, seed: int) -> None:
    ends = (low, low + more) if whole else (low / 7, (low + more) / 7)
    value = Range(*ends, log=log).rvs(np.random.RandomState(seed))
    assert ends[0] <= value <= ends[1]
    assert isinstance(value, int) == whole


def test_whole_numbers_are_all_as_likely() -> None:
    random = np.random.RandomState(0)
    counts = np.bincount([Range(1, 4, log=False).rvs(random) for _ in range(4000)])
    assert counts[1:].min() > 900


def test_a_grid_is_every_combination_and_a_random_search_repeats_itself() -> None:
    grid = Search(params={"a": [1, 2], "b": ["x", "y", "z"]})
    assert len(candidates(grid, 0)) == 6
    chance = Search(kind="random", n_iter=5, params={"a": {"low": 0.1, "high": 1.0}, "b": [1, 2]})
    assert candidates(chance, 3) == candidates(chance, 3)
    assert candidates(chance, 3) != candidates(chance, 4)
    few = Search(kind="random", n_iter=50, params={"b": [1, 2, 3]})
    assert len(candidates(few, 0)) == 3


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"params": {"C": 3}}, "C is no list of values"),
        ({"params": {"C": []}}, "C is no list of values"),
        ({"kind": "random", "params": {"C": 3}}, "neither a list of values nor a range"),
        ({"kind": "random", "params": {"C": {"low": 1}}}, "neither a list"),
        ({"kind": "random", "params": {"C": {"low": 2, "high": 1}}}, "range of C is empty"),
        ({"kind": "random", "params": {"C": {"low": 0, "high": 1, "log": True}}}, "above zero"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(search: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        candidates(Search(**search), 0)


def test_the_best_candidate_is_trained_and_all_are_kept(tmp_path: Path) -> None:
    search = Search(params={"C": [1e-9, 1.0]}, cv=3, scoring="neg_log_loss")
    listener = Listener()
    training = trained(adult(), tmp_path, recipe(target="income", search=search), progress=listener)
    assert [candidate.params for candidate in training.candidates] == [{"C": 1.0}, {"C": 1e-9}]
    assert training.candidates[0].score > training.candidates[1].score
    assert training.manifest.recipe["search"]["chosen"] == {"C": 1.0}
    assert listener.done["search"] == 6
    alone = trained(adult(), tmp_path, recipe(target="income", params={"C": 1.0}))
    assert alone.manifest.scoring.digest == training.manifest.scoring.digest


def test_workers_find_what_one_process_finds(tmp_path: Path) -> None:
    search = Search(kind="random", n_iter=3, cv=2, params={"C": {"low": 0.01, "high": 10, "log": True}})
    found = [
        trained(bank(300), tmp_path, recipe(target="y", search=search, cv=2), jobs=jobs) for jobs in (1, 2)
    ]
    assert found[0].manifest.scoring.digest == found[1].manifest.scoring.digest
    scores = [[candidate.score for candidate in one.candidates] for one in found]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


@pytest.mark.parametrize(
    "scoring", ["f1", "average_precision", "roc_auc", "neg_log_loss", "balanced_accuracy"]
)
def test_scorers_know_which_class_is_positive(tmp_path: Path, scoring: str) -> None:
    search = Search(params={"C": [0.1]}, cv=2, scoring=scoring)
    weighted = made({"w": [1.0, 2.0] * 30})
    training = trained(weighted, tmp_path, recipe(search=search, positive="no", weight_column="w"))
    assert np.isfinite(training.candidates[0].score)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Search(params={"CC": [1]}), "LogisticRegression has no parameter CC"),
        (Search(params={"C": [1]}, scoring="roc_au"), "no such scoring: roc_au"),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path: Path, search: Search, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        trained(made({}), tmp_path, recipe(search=search))
    assert not (tmp_path / "models").exists()
