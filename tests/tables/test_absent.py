"""A key that a line lacks is not null: the row is rejected, in a file as in a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit import load
from scorekit.engine.columns import Decoder
from scorekit.schema import Feature, Schema
from scorekit.tables import jsonl
from tests.conftest import Bank
from tests.tables.samples import quick, score_input, small_blocks

NAMES = ("n", 'a "b"', "ü", "t")
SCHEMA = Schema(
    features=(
        Feature(name="n", kind="numeric", arrow_type="double", nullable=True),
        Feature(name='a "b"', kind="numeric", arrow_type="double", nullable=True),
        Feature(name="ü", kind="category", arrow_type="string", nullable=True, levels=("a",)),
        Feature(name="t", kind="boolean", arrow_type="bool", nullable=True),
    )
)
OTHERS = st.sampled_from(["n", '"n": 1', [{"n": 1}], {"n": {"t": None}}, None])
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "n": st.sampled_from([None, 1.5, float("nan")]),
        'a "b"': st.sampled_from([None, 2]),
        "ü": st.sampled_from([None, "a"]),
        "t": st.sampled_from([None, True]),
        "other": OTHERS,
    },
)


@quick
@given(
    objects=st.lists(OBJECTS, min_size=1, max_size=12),
    needed=st.sampled_from([("n",), ("n", "ü"), NAMES]),
    escape=st.booleans(),
    block=st.sampled_from([1, 80, 10_000]),
    chunk_rows=st.integers(1, 5),
    skip=st.integers(0, 3),
)
def test_what_is_absent_is_found_in_every_block_and_stays_with_its_row(
    objects: list[dict[str, Any]],
    needed: tuple[str, ...],
    escape: bool,
    block: int,
    chunk_rows: int,
    skip: int,
    tmp_path: Path,
) -> None:
    schema = SCHEMA.without(set(NAMES) - set(needed))
    rows = [dict.fromkeys(NAMES), *objects]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=escape) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, block)
        got = score_input(path, schema, chunk_rows=chunk_rows, skip_rows=skip).columns
    wanted = Decoder(schema).rows(rows[skip:])
    found = [{(f.code, f.column, int(row)) for f in each.flaws for row in f.rows} for each in (got, wanted)]
    assert found[0] == found[1]
    assert {(code, column in needed) for code, column, _ in found[0]} <= {("absent", True)}


def test_lines_without_a_key_are_looked_through_by_the_fast_way_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl.JsonReader, "_line_by_line", None)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 1, "ü": "a"}\n{"n": null, "ü": "a"}\n{"ü": "a", "x": {"n": 1}}\n' * 40_000)
    schema = SCHEMA.without({'a "b"', "t"})
    (flaw,) = score_input(path, schema, chunk_rows=1 << 20).columns.flaws
    assert (flaw.code, flaw.column) == ("absent", "n")
    assert flaw.rows.tolist() == list(range(2, 120_000, 3))


def test_a_file_of_lines_scores_as_its_rows_one_by_one_do(bank: Bank, tmp_path: Path) -> None:
    rows = bank.new.slice(0, 6).to_pylist()
    del rows[2]["age"], rows[4]["job"], rows[4]["month"]
    rows[3]["age"] = None
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = bank.run("score", data, "-o", tmp_path / "scores.jsonl")
    assert made.returncode == 0, made.stderr
    scored = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    model = load("bank", store=str(bank.store))
    assert scored == [model.score_row(row) for row in rows]
    assert [row["quality_flags"] for row in scored][2:5] == ["absent:age", "", "absent:job;absent:month"]
    explained = [json.loads(line) for line in (tmp_path / "scores.errors.jsonl").read_text().splitlines()]
    assert [(line["row"], line["column"], line["code"]) for line in explained] == [
        (3, "age", "absent"),
        (5, "job", "absent"),
        (5, "month", "absent"),
    ]
