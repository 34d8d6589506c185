"""The baseline that a version holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorekit.quality.baseline import Baseline
from scorekit.quality.psi import population_stability_index
from scorekit.store.manifest import BASELINE_FILE
from scorekit.store.versions import Ref, Store
from scorekit.training.train import Training
from tests.training.samples import adult, bank, recipe, trained


def baseline_of(done: Training, folder: Path) -> Baseline:
    store = Store.open(str(folder / "models"))
    ref = Ref(done.manifest.name, done.manifest.version)
    return Baseline.from_bytes(store.read(ref, done.manifest, BASELINE_FILE), "baseline.json")


@pytest.mark.parametrize(
    ("given", "kind", "rows"),
    [
        ({"cv": 3}, "out_of_fold", 900),
        ({"cv": 3, "holdout": 0.2}, "out_of_fold", 720),
        ({}, "in_sample", 900),
    ],
)
def test_a_version_holds_the_rows_it_learned_from(
    given: dict[str, Any], kind: str, rows: int, tmp_path: Path
) -> None:
    done = trained(bank(), tmp_path, recipe(target="y", **given))
    baseline = baseline_of(done, tmp_path)
    assert (baseline.kind, done.manifest.baseline) == (kind, kind)
    assert {bins.rows for bins in (*baseline.features, *baseline.scores)} == {rows}
    assert [bins.name for bins in baseline.features] == list(done.manifest.inputs.names)
    assert [bins.name for bins in baseline.scores] == ["score"]


def test_more_classes_have_a_baseline_for_each_score(tmp_path: Path) -> None:
    done = trained(bank(), tmp_path, recipe(target="marital", cv=2))
    assert [bins.name for bins in baseline_of(done, tmp_path).scores] == list(done.manifest.scoring.columns)


def test_scores_out_of_fold_are_where_later_scores_will_be_and_in_sample_ones_are_not(tmp_path: Path) -> None:
    """A forest knows its own rows by heart; only scores it had not seen tell a shift from none."""
    rows = adult(4000)
    forest = {"target": "income", "estimator": "forest", "params": {"n_estimators": 50}}
    found = {}
    for name, cv in (("unseen", 5), ("seen", 0)):
        (tmp_path / name).mkdir()
        done = trained(rows, tmp_path / name, recipe(cv=cv, **forest))
        found[name] = baseline_of(done, tmp_path / name).scores[0]
    import pyarrow.parquet as pq

    from scorekit.model import load
    from scorekit.quality.baseline import BinCounter
    from tests.training.samples import EXAMPLES

    later = pq.read_table(EXAMPLES / "adult-test.parquet").slice(0, 4000)
    scores = load("rows", store=str(tmp_path / "seen/models")).score(later)["score"].to_numpy()
    psi = {
        name: population_stability_index(bins.counts, BinCounter(bins).count(np.asarray(scores))).psi
        for name, bins in found.items()
    }
    assert psi["unseen"] < 0.05 < 0.25 < psi["seen"]
