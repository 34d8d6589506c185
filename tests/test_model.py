"""A model in Python gives the scores of the estimator it was made from, compiled or by scikit-learn."""

from __future__ import annotations

import io
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorekit
from scorekit.batch.checking import check_files
from scorekit.errors import QualityError
from scorekit.store.versions import Ref, Store
from tests.conftest import Bank
from tests.training.samples import adult, recipe, trained


def test_tables_batches_and_data_frames_are_scored_alike(bank: Bank) -> None:
    model = scorekit.load("bank", store=str(bank.store))
    table = bank.new.slice(0, 500)
    scores = model.score(table)
    assert scores.num_rows == 500
    assert model.score(table.combine_chunks().to_batches()[0]).equals(scores)
    shuffled = table.to_pandas().sample(frac=1, random_state=0)
    found = model.score(shuffled)
    assert isinstance(found, pd.DataFrame)
    assert found.index.equals(shuffled.index)
    np.testing.assert_array_equal(found["score"].sort_index(), scores["score"].to_numpy())


def test_a_version_may_be_named_and_need_not_be_where_there_is_one_model(bank: Bank) -> None:
    models = [
        scorekit.load(name, store=str(bank.store)) for name in (None, "bank", "bank:1", "bank@champion")
    ]
    assert len({repr(model) for model in models}) == 1


ESTIMATORS = {
    "SVC": "sklearn.svm.SVC",
    "KNeighborsClassifier": "sklearn.neighbors.KNeighborsClassifier",
    "MLPClassifier": "sklearn.neural_network.MLPClassifier",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_cannot_be_compiled_is_scored_by_scikit_learn_and_named(name: str, tmp_path: Path) -> None:
    table = adult(300)
    training = trained(table, tmp_path, recipe(target="income", estimator=ESTIMATORS[name]))
    scoring = training.manifest.scoring
    assert (scoring.engine, scoring.not_lowered) == ("reference", f"{name}: has no compiled form")
    assert any(name in note for note in training.notes)
    model = scorekit.load("rows", store=training.store)
    assert model.scorer.engine.name == "reference"
    scores = model.score(table)["score"].to_numpy()
    store = Store.open(training.store)
    held = joblib.load(io.BytesIO(store.read(Ref("rows", 1), training.manifest, "estimator.joblib")))
    asked = table.drop_columns(["income"]).to_pandas()
    theirs = np.asarray(getattr(held, scoring.method)(asked), dtype=float).reshape(300, -1)
    np.testing.assert_allclose(scores, theirs[:, scoring.outputs[0]], rtol=1e-12)
    rows = table.slice(0, 5).to_pylist()
    np.testing.assert_allclose([model.score_row(row)["score"] for row in rows], scores[:5], rtol=1e-9)


def test_an_empty_table_gives_an_empty_one(bank: Bank) -> None:
    model = scorekit.load("bank", store=str(bank.store))
    empty = model.score(pa.Table.from_batches([], schema=bank.new.schema))
    assert empty.num_rows == 0
    assert empty.column_names[0] == "score"


def test_a_table_is_judged_as_a_file_of_it_would_be(bank: Bank, tmp_path: Path) -> None:
    pq.write_table(bank.new, tmp_path / "rows.parquet")
    model = scorekit.load("bank", store=str(bank.store))
    with pytest.raises(QualityError) as refusal:
        check_files([str(tmp_path / "rows.parquet")], model=model)
    expected = refusal.value.result.verdict
    for data in (bank.new, bank.new.to_pandas(), bank.new.to_batches()[0]):
        verdict = model.judge(data)
        assert verdict.state == "alarm"
        assert [found.message for found in verdict.findings] == [f.message for f in expected.findings]
