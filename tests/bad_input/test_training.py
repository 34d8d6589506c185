"""Data that can be read and not be trained on, and what is only odd."""

# ruff: noqa: E501 - tables with a line for each case

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scorekit.store.versions import Ref, Store
from tests.bad_input.shop import (
    SECRET,
    TRAIN,
    TRAIN_ROWS,
    Case,
    Shop,
    again,
    as_csv,
    as_jsonl,
    as_parquet,
    cases,
    check,
    column,
    typed,
    with_line,
    without,
)

CSV, JSONL = as_csv(TRAIN_ROWS), as_jsonl(TRAIN_ROWS)
HEADER = CSV.splitlines()[0]


N = len(TRAIN_ROWS)


def odd(name: str, values: Sequence[Any], kind: pa.DataType) -> bytes:
    return typed(name, values, kind, TRAIN_ROWS)


def beyond_time(path: Path) -> None:
    seconds = pa.array([2**60 if k == 3 else k for k in range(N)], pa.timestamp("s"))
    table = pa.Table.from_pylist(without("since", rows=TRAIN_ROWS)).append_column("since", seconds)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


UNTRAINABLE = [
    Case("header only", {"rows.csv": HEADER}, "rows.csv", 3, "rows.csv: no rows to learn from"),
    Case("Parquet without rows", {"rows.parquet": as_parquet(pa.Table.from_pylist(TRAIN_ROWS).slice(0, 0))}, "rows.parquet", 3, "rows.parquet: no rows"),
    Case("no target", {"rows.csv": as_csv(without("again", rows=TRAIN_ROWS))}, "rows.csv", 3, "no column 'again' to be the target", "'age'"),
    Case("target renamed", {"rows.csv": CSV.replace("again", "agian", 1)}, "rows.csv", 3, "no column 'again'", "did you mean 'agian'"),
    Case("constant target", {"rows.csv": as_csv(again(lambda _: SECRET))}, "rows.csv", 3, "'again' has the same value in every row"),
    Case("target with nulls", {"rows.jsonl": as_jsonl(again(lambda k: None if k in (7, 9) else "no"))}, "rows.jsonl", 3, "'again' is missing in 2 rows, first in row 8"),
    Case("target with gaps", {"rows.csv": as_csv(again(lambda k: "" if k == 7 else k % 2))}, "rows.csv", 3, "'again' is missing in 1 row, first in row 8"),
    Case("target all null", {"rows.parquet": odd("again", [None] * N, pa.null())}, "rows.parquet", 3, "'again' is missing in 200 rows"),
    Case("one class", {"rows.csv": as_csv(TRAIN_ROWS[:1] * 50)}, "rows.csv", 3, "'again' has the same value in every row"),
    Case("a class for each row", {"rows.csv": as_csv(again(lambda k: f"{SECRET}{k}"))}, "rows.csv", 3, "every row has a class of its own"),
    Case("infinite target", {"rows.jsonl": JSONL.replace('"no"', "1.5").replace('"yes"', "Infinity", 1).replace('"yes"', "2.5")}, "rows.jsonl --estimator ridge", 3, "'again' is infinite in 1 row"),
    Case("a target of dates", {"rows.csv": CSV}, "rows.csv --target since", 3, "'since' is .*, which can be neither a class nor a number"),
    Case("classes for a regression", {"rows.csv": CSV}, "rows.csv --task regression", 3, "'again' is text, and regression needs numbers", "--task classification"),
    Case("numbers for a classifier", {"rows.csv": CSV}, "rows.csv --target spent", 2, "logistic does not predict numbers", "ridge"),
    Case("nothing to learn from", {"rows.csv": as_csv([{"again": "no", "void": ""}, {"again": "yes", "void": ""}] * 9)}, "rows.csv", 3, "no column is left to learn from", "'void' is left out: every value is missing"),
    Case("infinite values", {"rows.jsonl": with_line(JSONL, 3, JSONL.splitlines()[0].replace(str(TRAIN_ROWS[0]["spent"]), "-Infinity"))}, "rows.jsonl", 3, "takes no infinite values, and there are some in 'spent'", "boosting"),
    Case("huge values", {"rows.parquet": odd("spent", [1e300] + [1.0] * (N - 1), pa.float64())}, "rows.parquet", 3, "takes no huge values, and there are some in 'spent'"),
    Case("lists", {"rows.parquet": odd("town", [[SECRET]] * N, pa.list_(pa.string()))}, "rows.parquet", 3, r"no feature can be made of the column 'town' \(list", "--drop town"),
    Case("bytes", {"rows.parquet": odd("town", [b"x"] * N, pa.binary())}, "rows.parquet", 3, r"no feature can be made of the column 'town' \(binary", "--drop town"),
    Case("times beyond time", {"rows.arrow": beyond_time}, "rows.arrow", 3, "'since' holds times beyond the year 292,277 in 1 row, first in row 4", "--drop since"),
    Case("a column that is not there", {"rows.csv": CSV}, "rows.csv --drop agee", 3, "lacks the column 'agee'", "'age'"),
    Case("the target dropped", {"rows.csv": CSV}, "rows.csv --drop again", 2, "'again' is the target and cannot be dropped"),
    Case("weights that are words", {"rows.csv": CSV}, "rows.csv --weight-column town", 3, "'town' is string, not numbers"),
    Case("weights below zero", {"rows.csv": as_csv(column("spent", lambda k: k - 1, TRAIN_ROWS))}, "rows.csv --weight-column spent", 3, "'spent' is missing, negative or infinite in 1 row"),
    Case("a time that is none", {"rows.csv": CSV}, "rows.csv --time-column town", 3, "'town' is missing or no time in 200 rows"),
    Case("a positive class that is none", {"rows.csv": CSV}, "rows.csv --positive maybe", 2, "has no class maybe", "no, yes"),
    Case("no such estimator", {"rows.csv": CSV}, "rows.csv --estimator lgoistic", 2, "no such estimator: lgoistic", "logistic"),
    Case("no such parameter", {"rows.csv": CSV}, "rows.csv --param CC=1", 2, "no parameter CC", "did you mean C"),
    Case("a parameter out of range", {"rows.csv": CSV}, "rows.csv --param C=-1", 2, "'C' parameter .* must be"),
    Case("no parameter at all", {"rows.csv": CSV}, "rows.csv --param C", 2, "not a parameter: C", "NAME=VALUE"),
    Case("one fold", {"rows.csv": CSV}, "rows.csv --cv 1", 2, "one fold leaves nothing"),
    Case("all rows kept back", {"rows.csv": CSV}, "rows.csv --holdout 1.5", 2, "holdout"),
    Case("a name that is a path", {"rows.csv": CSV}, "rows.csv --name ../x", 2, "not a model name"),
    Case("no recipe", {"rows.csv": CSV}, "rows.csv --recipe no.toml", 2, "no such recipe file: no.toml"),
    Case("a recipe that is no TOML", {"rows.csv": CSV, "r.toml": "target = \n"}, "rows.csv --recipe r.toml", 2, "r.toml is not valid TOML.*line 1"),
    Case("a recipe with a mistake", {"rows.csv": CSV, "r.toml": "estmator = 'ridge'"}, "rows.csv --recipe r.toml", 2, "no such setting: estmator", "estimator"),
    Case("two models", {"rows.csv": CSV}, "rows.csv --pipeline mine:make", 2, "an estimator and a pipeline are two models"),
    Case("standard input", {}, "-", 2, "<stdin> can be read only once", "to a file first"),
    Case("a named pipe", {"rows.csv": os.mkfifo}, "rows.csv", 2, "rows.csv can be read only once", "to a file first"),
    Case("files of other columns", {"a.csv": CSV, "b.csv": CSV.replace("town", "city", 1)}, "a.csv b.csv", 3, "lacks the column"),
    Case("a store that is a file", {"rows.csv": CSV, "file": ""}, "rows.csv --store file", 7, "the store file cannot be used: Not a directory"),
    Case("no store at all", {"rows.csv": CSV}, "rows.csv --store gs://x", 2, "not a store: gs://x"),
]  # fmt: skip


@cases(UNTRAINABLE)
def test_data_that_cannot_be_trained_on(case: Case, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.args == "-":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b""))))
    check(case, shop, TRAIN)


NOTED = [
    ("a column of nothing", as_jsonl(column("spent", lambda _: None, TRAIN_ROWS)), "'spent' is left out: every value is missing"),
    ("a word among numbers", as_csv(column("age", lambda k: SECRET if k == 3 else k % 30, TRAIN_ROWS)), "'age' is read as categories: 1 of its 31 distinct values are no numbers, first in row 4"),
    ("a word among numbers that all differ", as_csv(column("age", lambda k: SECRET if k == 3 else k, TRAIN_ROWS)), "'age' is left out: 1 of its 200 distinct values are no numbers, first in row 4"),
    ("no date among dates", as_csv(column("since", lambda k: "2020-02-31" if k == 3 else f"2020-01-{1 + k % 30:02}", TRAIN_ROWS)), "'since' is read as categories: 1 of its 31 distinct values are no dates, first in row 4"),
    ("a class of one row", as_csv(again(lambda k: "yes" if k == 3 else "no")), "no cross-validation"),
    ("words that all differ", as_csv(column("town", lambda k: f"{SECRET}-{k}", TRAIN_ROWS)), "'town' is left out: every value is another, like an id"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "note"), [row[1:] for row in NOTED], ids=[row[0] for row in NOTED])
def test_what_is_odd_and_can_be_trained_on_is_pointed_out(content: str, note: str, shop: Shop) -> None:
    file = "rows.jsonl" if content.startswith("{") else "rows.csv"
    shop.write(file, content)
    code, said = shop.run(*TRAIN.split(), file)
    assert code == 0, said
    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    assert any(note in line for line in notes), said
    assert SECRET not in said
    assert Store.open("made").verify(Ref("rows", 1)).ok
