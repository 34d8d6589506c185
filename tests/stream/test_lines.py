"""Lines and their answers: every odd one has its answer, and all roads give the same scores to the bit."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorekit
from scorekit.feeds import Message
from scorekit.gate import Gate
from scorekit.model import Model
from scorekit.policy import Policy
from scorekit.stream import StreamOptions
from scorekit.stream import lines as lines_module
from scorekit.stream.answers import failures_of
from scorekit.stream.lines import MANY
from scorekit.stream.road import Road
from scorekit.tables import json_records
from tests.conftest import Bank


@pytest.fixture(scope="module")
def model(bank: Bank) -> Model:
    return scorekit.load("bank", store=str(bank.store))


@pytest.fixture(scope="module")
def row(bank: Bank) -> dict[str, Any]:
    found: dict[str, Any] = bank.new.slice(0, 1).to_pylist()[0]
    return found


def road(model: Model, **options: Any) -> Road:
    return Road.make(model, Policy(), StreamOptions(**options), Gate)


def answered(way: Road, lines: list[bytes]) -> list[dict[str, Any]]:
    read = way.read([Message(line, number) for number, line in enumerate(lines, 1)])
    scored = way.gate.scorer.score(read.rows, unreadable=list(read.wrong))
    found = way.writer.write(read, scored, list(failures_of(read, scored)))
    return [json.loads(line) for line in found]


def bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


def changed(row: dict[str, Any], **values: Any) -> bytes:
    return json.dumps({**row, **values}).encode()


def spelt(row: dict[str, Any], name: str, text: bytes) -> bytes:
    """A row with a value spelt so."""
    return changed(row, **{name: 0.12345}).replace(b"0.12345", text)


DEEP = b"[" * 500 + b"]" * 500

WRONG = [
    (b"\xff{}", "not_utf8"),
    (b'{"age": "\xff"}', "not_utf8"),
    (b'{"job": "\\ud800"}', "not_utf8"),
    (b"{", "invalid_json"),
    (b'{"age": 1} x', "invalid_json"),
    (b'{"age": 1}{"age": 2}', "invalid_json"),
    (b"{'age': 1}", "invalid_json"),
    (b'{"age": 01}', "invalid_json"),
    (b'{"age": +1}', "invalid_json"),
    (b'{"age": .5}', "invalid_json"),
    (b'{"age": -NaN}', "invalid_json"),
    (b'{"age": Inf}', "invalid_json"),
    (b'{"job": "a\tb"}', "invalid_json"),
    (b'{"job": "a\0b"}', "invalid_json"),
    (b'{"age": 1}\r{"age": 2}', "invalid_json"),
    (b'\xef\xbb\xbf{"age": 1}', "invalid_json"),
    (b'{"x": ' + DEEP + b"}", "invalid_json"),
    (b'{"x": ' + b"[" * 100_000 + b"}", "invalid_json"),
    (b"[1]", "not_an_object"),
    (b"null", "not_an_object"),
    (b'"text"', "not_an_object"),
    (b"7", "not_an_object"),
    (b"NaN", "not_an_object"),
]


@pytest.mark.parametrize(("line", "code"), WRONG, ids=lambda part: repr(part[:20]))
@pytest.mark.parametrize("among", [1, MANY * 2])
def test_a_line_that_is_no_record_is_answered_by_what_is_wrong(
    line: bytes, code: str, among: int, model: Model, row: dict[str, Any]
) -> None:
    lines = [changed(row)] * among
    lines[among // 2] = line
    found = answered(road(model), lines)
    error = found.pop(among // 2)
    assert error.keys() == {"line", "error"}
    assert (error["line"], error["error"]["code"]) == (among // 2 + 1, code)
    assert error["error"]["message"]
    assert all(answer["score_source"] == "model" for answer in found)


REJECTED = [
    ("age", b'"forty"', "not_a_number"),
    ("age", b"[1]", "not_a_number"),
    ("age", b'{"a": 1}', "not_a_number"),
    ("age", b"Infinity", "infinite"),
    ("age", b"-Infinity", "infinite"),
    ("age", b"1e400", "infinite"),
    ("age", b"1" * 5000, "infinite"),
    ("job", b"[1]", "not_text"),
    ("job", b"{}", "not_text"),
]


@pytest.mark.parametrize(("name", "text", "code"), REJECTED, ids=lambda part: repr(part[:12]))
def test_a_record_that_is_rejected_says_so_twice(
    name: str, text: bytes, code: str, model: Model, row: dict[str, Any]
) -> None:
    """For those who look for errors, and for those who look at columns."""
    (answer,) = answered(road(model, ids=("day",)), [spelt(row, name, text)])
    assert answer["line"] == 1
    assert (answer["error"]["code"], answer["error"].get("column")) == (code, name)
    assert (answer["score"], answer["score_source"], answer["model_version"]) == (None, "rejected", 1)
    assert answer["quality_flags"].startswith(f"{code}:{name}")
    assert answer["day"] == row["day"]


def test_a_key_that_is_not_there_is_not_null(model: Model, row: dict[str, Any]) -> None:
    without = {name: value for name, value in row.items() if name != "age"}
    lacking, null = answered(road(model), [json.dumps(without).encode(), changed(row, age=None)])
    assert lacking["error"] == {"code": "absent", "column": "age", "message": "no such key in this record"}
    assert null["score_source"] == "model"


SAME = [
    ("age", b'"41"', 41),
    ("age", b'" 41 "', 41),
    ("age", b"41.0", 41),
    ("age", b"4.1e1", 41),
    ("age", b"NaN", None),
    ("age", b'""', None),
    ("age", b"true", 1),
    ("balance", b"123456789012345678901234567890", 123456789012345678901234567890.0),
    ("balance", b"9007199254740993", 9007199254740993),
    ("balance", b"-0", 0),
    ("job", b'"\\u0073ervices"', "services"),
    ("job", b"1.0", "1.0"),
    ("job", b"1e1", "10.0"),
    ("job", b"-0", "0"),
    ("job", b"true", "true"),
    ("job", b"NaN", None),
    ("job", b'"\xc3\xa9"', "\u00e9"),
]


@pytest.mark.parametrize(("name", "text", "value"), SAME, ids=lambda part: repr(part)[:20])
@pytest.mark.parametrize("among", [1, MANY * 2])
def test_however_a_value_is_spelt_the_score_is_the_same(
    name: str, text: bytes, value: Any, among: int, model: Model, row: dict[str, Any]
) -> None:
    expected = model.score_row({**row, name: value})
    lines = [changed(row)] * (among - 1) + [spelt(row, name, text)]
    found = answered(road(model), lines)[-1]
    assert bits(found["score"]) == bits(expected["score"])
    assert found.get("quality_flags", "") == expected["quality_flags"]


@pytest.mark.parametrize("among", [1, MANY * 2])
def test_what_does_not_matter_does_not_matter(among: int, model: Model, row: dict[str, Any]) -> None:
    expected = bits(model.score_row(row)["score"])
    line = changed(row)
    twice = line.replace(b'{"', b'{"age": 99999, "', 1)
    turned = json.dumps(dict(reversed(row.items()))).encode()
    more = changed(row, other=[{"a": None}], another="\u00e9")
    lines = [line + b"\r", b"  " + line + b" ", twice, turned, more] * among
    assert {bits(answer["score"]) for answer in answered(road(model), lines)} == {expected}


def test_flags_stand_only_where_there_are_any(model: Model, row: dict[str, Any]) -> None:
    plain, unseen = answered(road(model), [changed(row), changed(row, job="astronaut")])
    assert "unseen:job" in unseen["quality_flags"]
    assert "unseen:job" not in plain.get("quality_flags", "")
    june = {**row, "month": "may"}
    (clean,) = answered(road(model), [json.dumps(june).encode()])
    assert list(clean) == ["score", "score_source", "model_version"]


# Fields that are carried ---------------------------------------------------------------


@pytest.mark.parametrize("among", [1, MANY * 2])
def test_fields_are_carried_byte_by_byte(among: int, model: Model, row: dict[str, Any]) -> None:
    kept = b'{"b": [1.50, 2e0], "\\u00e9": null }'
    line = changed(row)[:-1] + b', "id": 1.10, "big": 123456789012345678901234567890, "nest": ' + kept + b"}"
    way = road(model, ids=("id",), passthrough=("nest", "big", "none"))
    read = way.read([Message(line, number) for number in range(among)])
    assert isinstance(read.rows, pa.RecordBatch) == (among > 1)
    expected = b'"id":1.10,"nest":' + kept + b',"big":123456789012345678901234567890,"none":null,'
    assert set(read.carried) == {expected}


def test_what_json_has_not_is_carried_as_null(model: Model, row: dict[str, Any]) -> None:
    line = changed(row, x=math.nan, y=[1.5, -math.inf, {"z": math.nan}], job="\u00e9")
    (answer,) = answered(road(model, passthrough=("x", "y", "job")), [line])
    assert (answer["x"], answer["y"], answer["job"]) == (None, [1.5, None, {"z": None}], "\u00e9")


def test_all_fields_are_carried_but_those_of_the_answer(model: Model, row: dict[str, Any]) -> None:
    line = changed(row, id=7, score=3, error="x", line="y", model_version=9)
    (answer,) = answered(road(model, ids=("id",), passthrough=("all",)), [line])
    assert list(answer)[: 1 + len(row)] == ["id", *row]
    assert answer["model_version"] == 1
    assert answer["score"] == model.score_row(row)["score"]
    assert "error" not in answer


def test_a_field_called_like_one_of_the_answer_is_refused(model: Model) -> None:
    for name in ("score", "score_source", "quality_flags", "model_version", "line", "error"):
        with pytest.raises(scorekit.errors.UsageError, match=f"'{name}' cannot be carried"):
            road(model, passthrough=(name,))


# All roads -----------------------------------------------------------------------------

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "services", " 7", "1e3", "nan", "\u00e9", "inf"]),
    st.lists(st.integers(0, 1), max_size=1),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_many_lines_score_as_each_by_itself(data: st.DataObject, model: Model, row: dict[str, Any]) -> None:
    changes = data.draw(
        st.lists(st.dictionaries(st.sampled_from(sorted(row)), _VALUES, max_size=3), min_size=1, max_size=8)
    )
    rows = [{**row, **change} for change in changes]
    lines = [json.dumps(one).encode() for one in rows]
    expected = [model.score_row(one) for one in rows]
    way = road(model)
    for batch in (lines, lines * MANY):
        found = answered(way, batch)
        for answer, single in zip(found, expected * (len(batch) // len(lines)), strict=True):
            assert bits(answer["score"]) == bits(single["score"])
            assert answer["score_source"] == single["score_source"]
            assert set(answer.get("quality_flags", "").split(";")) == set(single["quality_flags"].split(";"))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b"age", b"NaN", b"\\u", b"d8", b"00"]),
            st.binary(max_size=2),
            st.sampled_from([b"1", b"-", b"e5", b".", b" ", b"true", b"null", b'{"a":1}']),
        ),
        max_size=12,
    )
)
def test_what_is_a_record_is_one_to_files_as_well(parts: list[bytes]) -> None:
    """msgspec reads the line, ``json_records`` says what is wrong: they never differ on what is a record."""
    line = b"".join(parts).replace(b"\n", b"")
    expected = list(json_records.lines(line, 1))
    reader = lines_module.LineReader(
        scorekit.schema.Schema(features=()), lines_module.Carrier((), (), _plain())
    )
    read = reader.read([Message(line, 1)])
    if not expected:
        assert len(read.empty) == 1
    elif expected[0].value is None:
        assert read.wrong[0].code == expected[0].code
    else:
        assert not read.wrong
        assert read.rows[0].keys() == expected[0].value.keys()


def _plain() -> Any:
    from tests.store import example

    return example.manifest("bank")
