"""A batch in pieces, scored side by side, is the batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import scorekit
from scorekit.gate import Gate
from scorekit.policy import Policy
from scorekit.quality.fallback import FallbackSettings
from scorekit.stream.lanes import WORTH_IT, Lanes, joined
from tests.conftest import Bank


@pytest.mark.parametrize("rows", [1, WORTH_IT, 2 * WORTH_IT, 5 * WORTH_IT + 7])
@pytest.mark.parametrize("declared", [False, True])
def test_no_number_of_pieces_shows(rows: int, declared: bool, bank: Bank) -> None:
    """Values, sources, flags and counts; with rejected rows, and with a fallback that answers them."""
    from pydantic import TypeAdapter

    settings = TypeAdapter(FallbackSettings).validate_python({"ladder": [{"mean": True}]})
    model = scorekit.load("bank", store=str(bank.store))
    gate = Gate(model, Policy(fallback=settings if declared else None))
    table = bank.new.slice(0, rows)
    ages = [float("inf") if number % 97 == 3 else age for number, age in enumerate(table["age"].to_pylist())]
    table = table.set_column(table.schema.get_field_index("age"), "age", pa.array(ages, pa.float64()))
    (batch,) = table.combine_chunks().to_batches()
    whole = gate.scorer.score(batch)
    pieces = Lanes(gate.scorer, cores=3).score(batch, [])
    assert np.array_equal(whole.values, pieces.values, equal_nan=True)
    assert whole.sources.tolist() == pieces.sources.tolist()
    assert whole.counts.tolist() == pieces.counts.tolist()
    assert whole.answers.tolist() == pieces.answers.tolist()
    texts, numbers = whole.flags()
    others, places = pieces.flags()
    assert [texts[number] for number in numbers] == [others[place] for place in places]
    if rows > 3:
        assert set(whole.sources[3::97].tolist()) == {1 if declared else 2}


def test_pieces_of_which_some_have_no_answers_are_put_together(bank: Bank) -> None:
    model = scorekit.load("bank", store=str(bank.store))
    (batch,) = bank.new.slice(0, 10).combine_chunks().to_batches()
    scored = model.scorer.score(batch)
    assert joined([scored]).values.tolist() == scored.values.tolist()
    assert len(joined([scored, scored, scored])) == 30
