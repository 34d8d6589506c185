"""Models of several classes and of numbers are answered by the fallback as those of two classes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit import config
from scorekit.batch import score_files
from scorekit.model import load
from scorekit.policy import read_policy
from tests.batch.nights import FALLBACK
from tests.batch.test_batch import read
from tests.conftest import train

KINDS = {"classes": ("score_high", "score_low", "score_mid"), "numbers": ("score",)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=800), rng.normal(size=800)
    labels = np.where(first + second > 0.7, "high", np.where(first + second < -0.7, "low", "mid"))
    targets = {"classes": labels, "numbers": 3 * first - second + rng.normal(0, 0.1, 800)}
    for name, target in targets.items():
        table = pa.table({"first": first, "second": second, "target": target})
        pq.write_table(table, folder / f"{name}.parquet")
        train(
            [folder / f"{name}.parquet"], folder / "models", "--target", "target", "--name", name, "--cv", 2
        )
    pq.write_table(pa.table({"first": first + 4, "second": second}), folder / "moved.parquet")
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_a_window_that_fails_gets_the_means_of_all_outputs(name: str, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "scorekit.toml").write_text(FALLBACK)
    model = load(name, store=str(trained / "models"))
    out = tmp_path / "out.parquet"
    policy = read_policy(config.load(tmp_path / "scorekit.toml"))
    result = score_files([str(trained / "moved.parquet")], str(out), model=model, policy=policy)
    assert result.outputs[0].fate == "degraded"
    assert set(KINDS[name]) == set(model.manifest.scoring.columns)
    assert model.baseline is not None
    means = {bins.name: bins.mean for bins in model.baseline.scores}
    rows = read(out)
    assert len(rows) == 800
    assert all(row[column] == pytest.approx(means[column]) for row in rows for column in KINDS[name])
    assert {row["score_source"] for row in rows} == {"fallback"}
    if name == "classes":
        likeliest = max(means, key=lambda column: means[column] or 0.0)
        assert {f"score_{row['prediction']}" for row in rows} == {likeliest}
