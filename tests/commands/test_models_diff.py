"""``models diff``: what differs is told, and what does not is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.commands.stores import Models, many
from tests.store import example


@pytest.mark.usefixtures("store")
def test_diff_tells_what_differs(models: Models) -> None:
    said = models("diff", "bank:1", "bank:2")
    assert (said.code, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0] == "bank:1 bank:2"
    for line in (
        "rows 2,713 300",
        "age numeric (int64) –",
        "cv 2 0",
        "drop none age",
        "params.n_neighbors – 9",
        "engine compiled reference",
        "The metrics are not of the same rows.",
    ):
        assert line in lines
    topics = [line for line in lines if line in ("data", "target", "inputs", "recipe", "scoring")]
    assert topics == ["data", "inputs", "recipe", "scoring"]


def test_diff_as_json(store: Path, models: Models) -> None:
    found = models("diff", "bank:1", "bank:2", "--json").json
    assert (found["a"], found["b"], found["same"]) == ("bank:1", "bank:2", False)
    assert found["metrics_of_the_same_rows"] is False
    changes = {f"{each['topic']}: {each['what']}": each for each in found["differences"]}
    assert changes["data: rows"]["a"] == 2713
    assert changes["inputs: age"] == {"topic": "inputs", "what": "age", "a": "numeric (int64)"}
    assert changes["recipe: drop"] == {"topic": "recipe", "what": "drop", "a": [], "b": ["age"]}
    assert "b" not in changes["scoring: compiled digest"]
    assert changes["scoring: engine"]["b"] == "reference"
    assert "target: target" not in changes
    holdout = json.loads((store / "bank/2/manifest.json").read_text())["metrics"]["holdout"]
    assert {
        each["name"]: each["b"] for each in found["metrics"] if each["measured_on"] == "holdout"
    } == holdout
    assert all(each["a"] is None for each in found["metrics"] if each["measured_on"] == "holdout")


@pytest.mark.usefixtures("store")
def test_a_version_does_not_differ_from_itself(models: Models) -> None:
    assert models("diff", "bank", "bank:1").out == "bank:1 and bank:1 do not differ\n"
    assert models("diff", "bank", "bank:1", "--json").json["same"] is True


def test_metrics_stand_side_by_side_with_their_difference(tmp_path: Path, models: Models) -> None:
    store = many(tmp_path, 1)
    better = example.manifest(metrics={"holdout": {"roc_auc": 0.8, "log_loss": 0.31}})
    store.publish(better, {}, by="tests")
    said = models("diff", "bank:1", "bank:2", "--store", tmp_path)
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "ROC AUC 0.75 0.8 +0.05" in lines
    assert "log loss 0.31 0.31 =" in lines
    assert "not of the same rows" not in said.out


def test_a_parameter_set_to_nothing_is_not_one_that_was_left_alone(tmp_path: Path, models: Models) -> None:
    store = many(tmp_path, 1, recipe={"target": "y", "params": {"depth": None}})
    store.publish(example.manifest(recipe={"target": "y", "params": {}}), {}, by="tests")
    found = models("diff", "bank:1", "bank:2", "--json", "--store", tmp_path).json
    assert found["differences"] == [{"topic": "recipe", "what": "params.depth", "a": None}]
    assert "params.depth  none" in models("diff", "bank:1", "bank:2", "--store", tmp_path).out


def test_levels_that_came_and_went_are_named(tmp_path: Path, models: Models) -> None:
    store = many(tmp_path, 1)
    inputs = example.manifest().inputs
    age, job = inputs.features
    wider = replace(age, maximum=97.0)
    other = replace(job, levels=("admin.", "student", "unknown"))
    schema = replace(inputs, features=(other, wider))
    store.publish(example.manifest(inputs=schema), {}, by="tests")
    said = models("diff", "bank:1", "bank:2", "--store", tmp_path)
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "job: levels 2 with retired 3 with student, unknown" in lines
    assert "age: range 18 to 95 18 to 97" in lines
    assert "order of columns age, job job, age" in lines
