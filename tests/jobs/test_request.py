"""What a client can ask for: what a recipe says, less what runs code or reaches the machine."""

from __future__ import annotations

from typing import Any

import pytest

from scorekit.errors import UsageError
from scorekit.jobs import TrainRequest
from scorekit.jobs.request import SearchRequest
from scorekit.training.recipe import Recipe, Search
from tests.jobs.samples import request

LEAST = {"target": "bought", "data": ["/rows/June sales.csv"]}


def test_it_says_what_a_recipe_says_less_what_runs_code() -> None:
    assert TrainRequest.model_fields.keys() - {"data", "promote"} == Recipe.model_fields.keys() - {
        "pipeline",
        "source",
    }
    assert SearchRequest.model_fields.keys() == Search.model_fields.keys() - {"chosen", "candidates"}


def test_its_recipe_is_what_was_said_and_else_what_training_does_by_itself() -> None:
    assert TrainRequest.read(LEAST).recipe() == Recipe(target="bought", name="June-sales")
    said: dict[str, Any] = {
        "target": "bought",
        "name": "sales",
        "estimator": "sklearn.svm.SVC",
        "params": {"C": 2.0, "class_weight": None},
        "task": "classification",
        "positive": "yes",
        "id_columns": ["id"],
        "drop": ["note"],
        "weight_column": "w",
        "time_column": "t",
        "na_values": ["?"],
        "format": "csv",
        "holdout": 0.3,
        "cv": 3,
        "seed": 7,
        "search": {"params": {"C": [1, 2]}, "cv": 2},
    }
    assert TrainRequest.read(said).recipe() == Recipe.model_validate(said)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"pipeline": "os:system"}, "no such setting: pipeline"),
        ({"source": {}}, "no such setting: source"),
        ({"estimator": "os.system"}, "estimator: clients can name those of scikit-learn only"),
        ({"estimator": "sklearn._loss.X"}, "estimator: clients can name"),
        ({"estimator": "sklearnx.svm.SVC"}, "estimator: clients can name"),
        ({"estimator": "sklearn.svm.os.system"}, "estimator: clients can name"),
        ({"estimator": "forrest"}, "estimator: clients can name"),
        ({"params": {"memory": "/etc"}}, "params: memory is not for clients to set"),
        ({"params": {"prepare__n_jobs": 64}}, "params: prepare__n_jobs is not"),
        ({"search": {"params": {"model__verbose": [9]}}}, "search.params: model__verbose is not"),
        ({"search": {"params": {"C": [1]}, "chosen": {"C": 1}}}, "no such setting: search.chosen"),
        ({"format": "pickle"}, "format: there is no such format"),
        ({"name": "../bank"}, "bank"),
        ({"cv": 1}, "cv"),
        ({"cv": 101}, "cv: has to be at most 100, not 101"),
        ({"target": None}, "target: takes a text"),
        ({"data": ["/rows"] * 1001}, "data"),
    ],
)
def test_it_asks_for_nothing_else(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        TrainRequest.read({**LEAST, **changed})


def test_uploaded_data_needs_a_name() -> None:
    with pytest.raises(UsageError, match="needs a name"):
        TrainRequest.read({"target": "bought"})
    assert request(data=[]).model == "bank"
