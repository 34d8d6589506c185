"""What is not compiled is scored by scikit-learn itself, and it is said which step stands in the way."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, SplineTransformer
from sklearn.svm import SVC, NuSVC

from scorekit.engine.columns import Columns, Decoder
from scorekit.engine.compile import NotLowered, compile_estimator
from scorekit.engine.reference import CHUNK_ROWS, ReferenceEngine, frame
from scorekit.schema import Feature, Schema
from tests.engine.parity import decode, schema_of
from tests.engine.samples import labels, mixed, numbers, prepared


class Coin(ClassifierMixin, BaseEstimator):
    """A classifier of one's own: raises where the first number is above 10, and counts the rows of a call."""

    def fit(self, X: Any, y: Any) -> Coin:
        self.classes_ = np.unique(y)
        self.most_ = 0
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        values = np.asarray(X)[:, 0].astype(float)
        self.most_ = max(self.most_, len(values))
        if (values > 10).any():
            raise ArithmeticError("no such coin")
        return np.column_stack([1 - np.tanh(values) / 2, np.tanh(values) / 2])


class Logistic(LogisticRegression):
    """A subclass may do anything."""


class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X: Any, y: Any = None) -> Doubled:
        return self

    def transform(self, X: Any) -> Any:
        return X * 2


STEPS: dict[str, Any] = {
    "SVC": SVC(),
    "NuSVC": NuSVC(),
    "KNeighborsClassifier": KNeighborsClassifier(),
    "MLPClassifier": MLPClassifier((4,), max_iter=5, random_state=0),
    "GaussianProcessClassifier": GaussianProcessClassifier(),
    "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis(),
    "BernoulliNB": BernoulliNB(),
    "AdaBoostClassifier": AdaBoostClassifier(n_estimators=2, random_state=0),
    "BaggingClassifier": BaggingClassifier(n_estimators=2, random_state=0),
    "Coin": Coin(),
    "Logistic": Logistic(),
    "PCA": make_pipeline(PCA(2), LogisticRegression()),
    "KNNImputer": make_pipeline(KNNImputer(), LogisticRegression()),
    "Normalizer": make_pipeline(Normalizer(), LogisticRegression()),
    "SplineTransformer": make_pipeline(SplineTransformer(), LogisticRegression()),
    "SelectKBest": make_pipeline(SelectKBest(k=2), LogisticRegression()),
    "Doubled": make_pipeline(Doubled(), LogisticRegression()),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", STEPS)
def test_what_has_no_compiled_form_is_named_and_scored_by_scikit_learn(name: str) -> None:
    data = mixed()
    schema = schema_of(data)
    columns = decode(data, schema)
    fitted = prepared(STEPS[name]).fit(frame(columns, schema), labels(data))
    method = "predict_proba" if hasattr(fitted, "predict_proba") else "decision_function"
    with pytest.raises(NotLowered) as caught:
        compile_estimator(fitted, schema, method=method, outputs=[0])
    assert str(caught.value) == f"{name}: has no compiled form"
    theirs = np.asarray(getattr(fitted, method)(frame(columns, schema))).reshape(200, -1)[:, :1]
    engine = ReferenceEngine(fitted, schema, method=method, outputs=[0])
    np.testing.assert_array_equal(engine.score(columns).values, theirs)


def coin(rows: int = 200) -> tuple[ReferenceEngine, Columns]:
    data = {name: np.clip(values, -9, 9).tolist() for name, values in numbers(rows).items()}
    schema = schema_of(data)
    columns = decode(data, schema)
    fitted = Coin().fit(frame(columns, schema), labels(data))
    return ReferenceEngine(fitted, schema, method="predict_proba", outputs=[1]), columns


def test_a_row_that_raises_costs_its_neighbours_nothing() -> None:
    engine, columns = coin()
    clean = engine.score(columns).values
    bad = [0, 1, 77, 199]
    columns.numeric[bad, 0] = 11.0
    scores = engine.score(columns)
    assert [(flaw.code, flaw.rows.tolist()) for flaw in scores.flaws] == [("not_scored", bad)]
    assert np.isnan(scores.values[bad]).all()
    np.testing.assert_array_equal(np.delete(scores.values, bad, axis=0), np.delete(clean, bad, axis=0))


def test_rows_come_in_bounded_chunks() -> None:
    engine, columns = coin()
    many = columns.take(np.arange(2 * CHUNK_ROWS + 5) % 200)
    scores = engine.score(many)
    assert engine.estimator.most_ == CHUNK_ROWS
    np.testing.assert_array_equal(scores.values[:200], scores.values[200:400])


def test_no_rows_have_no_scores() -> None:
    engine, columns = coin()
    assert engine.score(columns.slice(0, 0)).values.shape == (0, 1)


def test_an_estimator_that_writes_into_its_rows_writes_into_a_copy() -> None:
    class Writer(Coin):
        def predict_proba(self, X: Any) -> np.ndarray:
            X.iloc[:, 0] = 0.5
            return super().predict_proba(X)

    engine, columns = coin()
    before = columns.numeric.copy()
    writer = Writer().fit(frame(columns, engine._schema), labels(numbers()))
    ReferenceEngine(writer, engine._schema, method="predict_proba", outputs=[1]).score(columns)
    np.testing.assert_array_equal(columns.numeric, before)


# The frame ----------------------------------------------------------------------------

FEATURES = {
    "amount": ("numeric", pa.float64(), [1.5, None, -2.0]),
    "job": ("category", pa.string(), ["a", None, "b"]),
    "flag": ("boolean", pa.float64(), [1.0, 0.0, None]),
    "at": ("timestamp", pa.timestamp("us"), [dt.datetime(2024, 2, 29, 12), None, dt.datetime(1969, 1, 1)]),
    "name": ("text", pa.string(), ["x", "y", None]),
    "count": ("numeric", pa.float64(), [1.0, 2.0, 3.0]),
    "kind": ("category", pa.dictionary(pa.int32(), pa.string()), ["a", None, "b"]),
}


@pytest.mark.parametrize(
    "names",
    [list(FEATURES), list(FEATURES)[::-1], ["amount", "count"], ["job", "kind"], ["at"], ["name", "flag"]],
)
def test_the_frame_is_what_pandas_would_read(names: list[str], tmp_path: Path) -> None:
    schema = Schema(
        features=tuple(
            Feature(
                name=name,
                kind=FEATURES[name][0],  # type: ignore[arg-type]
                arrow_type="",
                nullable=True,
                levels=("a", "b") if FEATURES[name][0] == "category" else (),
                dictionary=name == "kind",
            )
            for name in names
        )
    )
    batch = pa.record_batch({name: pa.array(FEATURES[name][2], FEATURES[name][1]) for name in names})
    pq.write_table(pa.table(batch), tmp_path / "rows.parquet")
    made = frame(Decoder(schema, keep_texts=True).batch(batch), schema)
    read = pd.read_parquet(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(made, read, check_column_type=False)
    assert [type(name) for name in made.columns] == [str] * len(names)


def test_a_string_that_training_did_not_see_is_shown_as_it_is() -> None:
    data = {"job": ["a", "b", "a"], "n": [1.0, 2.0, 3.0]}
    for dictionary in ((), ("job",)):
        schema = schema_of(data, dictionary)
        seen = frame(decode({"job": ["a", "new", None], "n": [0.0] * 3}, schema), schema)
        assert seen["job"].tolist()[:2] == ["a", "new"]
        assert seen["job"].isna().tolist() == [False, False, True]
