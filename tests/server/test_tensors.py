"""Tensors as bytes: what is written is read again, and nothing else is let through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from scorekit.errors import Refused
from scorekit.server.tensors import BOOL, BYTES, DTYPES, Tensor, from_bytes, from_json, to_bytes, to_json

NUMBERS = sorted(DTYPES.keys() - {BOOL})


def read(datatype: str, rows: int, data: bytes) -> tuple[list[Any], dict[int, Any]]:
    return from_bytes(Tensor("x", datatype, rows, len(data)), memoryview(data))


@given(st.data())
def test_numbers_are_read_as_they_were_written(data: st.DataObject) -> None:
    datatype = data.draw(st.sampled_from(NUMBERS))
    values = data.draw(arrays.arrays(DTYPES[datatype], st.integers(1, 20)))
    found, wrong = read(datatype, len(values), to_bytes(values))
    assert np.array_equal(np.array(found, values.dtype), values, equal_nan=datatype.startswith("FP"))
    assert wrong == {}
    whole = Tensor("x", datatype, len(values), None, to_json(values))
    if not np.isinf(values).any():  # JSON has no word for it
        assert np.array_equal(
            np.array(from_json(whole), values.dtype), values, equal_nan=datatype.startswith("FP")
        )


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_texts_are_read_as_they_were_written_and_as_tritons_client_does(texts: list[str]) -> None:
    data = to_bytes(texts)
    assert read(BYTES, len(texts), data) == (texts, {})
    assert [text.decode() for text in deserialize_bytes_tensor(data)] == texts
    assert serialize_byte_tensor(np.array([*texts, ""], dtype=object)[:-1]).item() == data


@given(st.sampled_from([BYTES, *DTYPES]), st.integers(1, 5), st.binary(max_size=40))
def test_bytes_are_as_many_elements_as_the_shape_has_or_refused(
    datatype: str, rows: int, data: bytes
) -> None:
    try:
        found, wrong = read(datatype, rows, data)
    except Refused:
        return  # no other error passes
    assert len(found) == rows
    assert wrong.keys() <= set(range(rows))


ELEMENTS = st.builds(
    lambda length, text: length.to_bytes(4, "little") + text, st.integers(0, 4), st.binary(max_size=4)
)
"""Texts and lengths that may be theirs."""


@given(st.lists(ELEMENTS, min_size=1, max_size=3).map(b"".join), st.integers(1, 3))
def test_texts_that_are_let_through_are_the_bytes_that_were_sent(data: bytes, rows: int) -> None:
    try:
        found, wrong = read(BYTES, rows, data)
    except Refused:
        return
    assert len(found) == rows
    if not wrong:
        assert to_bytes(found) == data


def test_a_text_that_is_not_utf8_is_wrong_alone() -> None:
    found, wrong = read(BYTES, 2, b"\x01\x00\x00\x00\xff\x01\x00\x00\x00x")
    assert found == ["", "x"]
    assert [(row, one.code) for row, one in wrong.items()] == [(0, "not_utf8")]


def test_json_of_fp32_is_as_wide_as_fp32() -> None:
    assert from_json(Tensor("x", "FP32", 1, None, [0.1])) == [float(np.float32(0.1))]
    with pytest.raises(Refused, match="too large for FP32"):
        from_json(Tensor("x", "FP32", 1, None, [1e39]))
