"""Data frames in Python: scored as files are, and what cannot be scored is said without values."""

from __future__ import annotations

import pandas as pd
import pytest

import scorekit
from scorekit.errors import SchemaError, UsageError
from scorekit.model import Model
from tests.conftest import Bank


@pytest.fixture(scope="module")
def model(bank: Bank) -> Model:
    return scorekit.load("bank", store=str(bank.store))


def frame(bank: Bank, rows: int = 3) -> pd.DataFrame:
    return bank.new.slice(0, rows).to_pandas()


def test_a_column_of_this_and_that_costs_its_bad_rows_only(bank: Bank, model: Model) -> None:
    rows = frame(bank)
    expected = model.score(rows)
    rows["age"] = rows["age"].astype(object)
    rows.loc[1, "age"] = "forty"
    scored = model.score(rows)
    assert scored["score_source"].tolist() == ["model", "rejected", "model"]
    assert scored["score"][[0, 2]].tolist() == expected["score"][[0, 2]].tolist()


def test_what_arrow_has_no_type_for_is_read_as_text(bank: Bank, model: Model) -> None:
    rows = frame(bank)
    expected = model.score(rows)
    rows["beside"] = [1j, 2j, 3j]
    assert model.score(rows)["score"].tolist() == expected["score"].tolist()
    rows["age"] = [10**30, 40, 41]
    assert model.score(rows)["score_source"].tolist() == ["model"] * 3
    rows["age"] = [1j, 2j, 3j]
    assert model.score(rows)["score_source"].tolist() == ["rejected"] * 3


def test_what_is_no_table_or_names_a_column_twice_is_said(bank: Bank, model: Model) -> None:
    with pytest.raises(UsageError, match="cannot score a list"):
        model.score([{"age": 1}])
    rows = frame(bank)
    with pytest.raises(SchemaError, match="two columns of one name"):
        model.score(pd.concat([rows, rows[["age"]]], axis=1))
