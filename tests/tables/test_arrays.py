"""Arrow arrays made without pyarrow's detours are what pyarrow would make."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scorekit.tables.arrays import picked, texts


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"))))
def test_texts(values: list[str | None]) -> None:
    array = texts(values)
    array.validate(full=True)
    assert array.to_pylist() == values


@given(
    st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=5), st.data()
)
def test_one_of_a_few_texts_for_each_row(choices: list[str | None], data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, len(choices) - 1)))
    array = picked(choices, np.array(numbers, dtype=np.uint8))
    array.validate(full=True)
    assert array.type == pa.string()
    assert array.to_pylist() == [choices[number] for number in numbers]
