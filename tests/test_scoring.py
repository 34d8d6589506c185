"""Rows, batches and columns on the one road have the same answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scorekit
from scorekit.engine.flaws import FLAWS, Flaw
from scorekit.model import Model
from scorekit.scoring import REJECTED, ScoredBatch, output_columns, output_fields, output_rows
from tests.conftest import Bank
from tests.training.samples import adult, recipe, trained


@pytest.fixture(scope="module")
def one(bank: Bank) -> Model:
    """A model with one score."""
    return scorekit.load("bank", store=str(bank.store))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with a score for each of five classes."""
    training = trained(adult(400), tmp_path_factory.mktemp("many"), recipe(target="race"))
    return scorekit.load("rows", store=training.store)


@st.composite
def scored(draw: st.DrawFn, outputs: int) -> ScoredBatch:
    """What a scorer may give: rejected rows have no score and at least one flaw that rejects."""
    rows = draw(st.integers(0, 12))
    values = np.array(
        draw(st.lists(st.floats(-1e6, 1e6), min_size=rows * outputs, max_size=rows * outputs))
    ).reshape(rows, outputs)
    sources = np.zeros(rows, dtype=np.uint8)
    flaws = []
    for _ in range(draw(st.integers(0, 4)) if rows else 0):
        code, column = draw(st.sampled_from(sorted(FLAWS))), draw(st.sampled_from(["", "age", "job;x"]))
        at = np.unique(draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=rows)))
        flaws.append(Flaw(code, column, at))
        if FLAWS[code].rejects:
            sources[at] = REJECTED
            values[at] = np.nan
    return ScoredBatch(values, sources, tuple(flaws))


@pytest.mark.parametrize("which", ["one", "many"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_answer_row_by_row_holds_what_the_output_columns_hold(
    which: str, request: pytest.FixtureRequest, data: Any
) -> None:
    manifest = request.getfixturevalue(which).manifest
    batch = data.draw(scored(len(manifest.scoring.columns)))
    table = pa.RecordBatch.from_arrays(
        output_columns(batch, manifest), schema=pa.schema(output_fields(manifest))
    )
    rows = list(output_rows(batch, manifest))
    assert rows == table.to_pylist()
    assert all(list(row) == table.schema.names for row in rows)


def odd_rows(bank: Bank) -> list[dict[str, Any]]:
    """Real rows, and such as a request may bring."""
    rows: list[dict[str, Any]] = bank.new.slice(0, 60).to_pylist()
    rows[3]["job"] = "astronaut"
    rows[4]["job"] = None
    rows[5]["age"] = None
    rows[6]["age"] = math.inf
    rows[7]["age"] = -1e300
    rows[8]["housing"] = "perhaps"
    return rows


def test_a_row_alone_is_scored_as_in_a_batch(one: Model, bank: Bank) -> None:
    rows = odd_rows(bank)
    table = one.score(pa.Table.from_pylist(rows)).to_pylist()
    assert [one.score_row(row) for row in rows] == table
    assert list(output_rows(one.scorer.score(rows), one.manifest)) == table
    assert {row["score_source"] for row in table} == {"model", "rejected"}
    assert table[3]["quality_flags"] == "unseen:job"
    assert table[6] | {"model_version": 1} == {
        "score": None,
        "score_source": "rejected",
        "quality_flags": "infinite:age",
        "model_version": 1,
    }


def test_a_row_that_is_wrong_says_what_is_wrong(one: Model, bank: Bank) -> None:
    good = bank.new.slice(0, 1).to_pylist()[0]
    lacking = {name: value for name, value in good.items() if name != "age"}
    cases = {
        "absent:age": lacking,
        "not_a_number:age": good | {"age": "old"},
        "not_text:job": good | {"job": ["a"]},
        "absent:age;not_text:job": lacking | {"job": {}},
    }
    for flags, row in cases.items():
        answer = one.score_row(row)
        assert (answer["score"], answer["score_source"]) == (None, "rejected")
        assert set(answer["quality_flags"].split(";")) == set(flags.split(";"))
    assert one.score_row(good | {"more": object()}) == one.score_row(good)


def test_of_a_record_that_could_not_be_read_nothing_else_is_said(one: Model, bank: Bank) -> None:
    good = bank.new.slice(0, 1).to_pylist()[0]
    nothing = dict.fromkeys(good)
    batch = one.scorer.score([good, nothing, good | {"job": "astronaut"}, nothing], unreadable=[1, 3])
    flags = [row["quality_flags"] for row in output_rows(batch, one.manifest)]
    assert flags == ["", "not_a_record", "unseen:job", "not_a_record"]
    assert batch.rejected.tolist() == [1, 3]


def test_no_rows_have_no_answers(one: Model, many: Model, bank: Bank) -> None:
    assert one.score(bank.new.slice(0, 0)).num_rows == 0
    assert list(output_rows(many.scorer.score([]), many.manifest)) == []


def test_the_prediction_is_the_likeliest_class(many: Model) -> None:
    names = many.manifest.scoring.columns
    for row in many.score(adult(50)).to_pylist():
        best = max(names, key=lambda name: row[name])
        assert row["prediction"] == best.removeprefix("score_")
