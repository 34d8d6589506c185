"""What is not bad, though it looks so."""

# ruff: noqa: E501 - tables with a line for each case

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bad_input.shop import (
    NEW_ROWS,
    SECRET,
    TRAIN,
    Content,
    Row,
    Shop,
    as_csv,
    as_jsonl,
    as_parquet,
    column,
    typed,
)

NEW = as_csv(NEW_ROWS)


def since(text: str) -> list[Row]:
    return column("since", lambda k: text if k == 3 else "2020-01-15")


FINE: list[tuple[str, str, Content, int, dict[str, int]]] = [
    ("more columns", "csv", as_csv(column("extra", lambda _: SECRET)), 12, {}),
    ("columns in another order", "csv", as_csv([dict(reversed(row.items())) for row in NEW_ROWS]), 12, {}),
    ("integers with nulls", "parquet", as_parquet(column("age", lambda k: None if k % 2 else k)), 12, {}),
    ("integers with gaps", "csv", as_csv(column("age", lambda k: "" if k % 2 else k)), 12, {}),
    ("integers as floats", "parquet", as_parquet(column("age", lambda k: k / 2)), 12, {}),
    ("a column of nothing", "jsonl", as_jsonl(column("age", lambda _: None)), 12, {}),
    ("a column of nulls", "parquet", typed("town", [None] * len(NEW_ROWS), pa.null()), 12, {}),
    ("numbers written as words", "parquet", as_parquet(column("age", str)), 12, {}),
    ("a word among numbers", "csv", as_csv(column("age", lambda k: SECRET if k == 3 else k)), 11, {"not_a_number:age": 1}),
    ("a word among numbers in JSON", "jsonl", as_jsonl(column("age", lambda k: SECRET if k == 3 else k)), 11, {"not_a_number:age": 1}),
    ("an unseen category", "csv", as_csv(column("town", lambda k: f"{SECRET}!" if k == 3 else "Rome")), 12, {"unseen:town": 1}),
    ("infinities", "parquet", as_parquet(column("spent", lambda k: {3: float("inf"), 4: -float("inf")}.get(k, 1.0))), 10, {"infinite:spent": 2}),
    ("infinities as text", "csv", as_csv(column("spent", lambda k: {3: "inf", 4: "-inf"}.get(k, 1.0))), 10, {"infinite:spent": 2}),
    ("not a number as text", "csv", as_csv(column("spent", lambda k: "NaN" if k == 3 else 1.0)), 12, {}),
    ("no truth", "csv", as_csv(column("member", lambda k: SECRET if k == 3 else "true")), 11, {"not_a_boolean:member": 1}),
    ("a day that is none", "csv", as_csv(since("2020-02-31")), 11, {"not_a_timestamp:since": 1}),
    ("a year beyond the calendar", "csv", as_csv(since("20201-01-01")), 11, {"not_a_timestamp:since": 1}),
    ("the first and the last day", "csv", as_csv(since("9999-12-31") + since("0001-01-01")), 24, {}),
    ("header only", "csv", NEW.splitlines()[0], 0, {}),
    ("no rows", "parquet", as_parquet(pa.Table.from_pylist(NEW_ROWS).slice(0, 0)), 0, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "content", "scored", "flags"), [row[1:] for row in FINE], ids=[row[0] for row in FINE]
)
def test_what_is_odd_and_can_be_scored(
    ending: str, content: Content, scored: int, flags: dict[str, int], shop: Shop
) -> None:
    shop.write(f"rows.{ending}", content)
    code, said = shop.run("score", f"rows.{ending}", "-o", "out.jsonl")
    assert code == 0, said
    assert SECRET not in said
    rows = [json.loads(line) for line in (shop.folder / "out.jsonl").read_text().splitlines()]
    assert sum(row["score"] is not None for row in rows) == scored
    found = [flag for row in rows for flag in row["quality_flags"].split(";") if flag]
    assert {flag: found.count(flag) for flag in found} == flags
    assert (shop.folder / "out.errors.jsonl").exists() == any(row["score"] is None for row in rows)


ODD_NAMES = (
    "a b",
    "a.b",
    "it's",
    'say "x"',
    "🎉",
    "new\nline",
    "tab\t",
    "c,d",
    ";",
    "",
    "[/]",
    "{0}",
    "%s",
    "a\\b",
    "-x",
    "score",
)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_names_of_every_kind_go_through_training_and_scoring(ending: str, shop: Shop) -> None:
    rng = np.random.default_rng(1)
    rows = [
        {
            **{name: f"c{rng.integers(3)}" if place % 2 else float(rng.normal()) for place, name in enumerate(ODD_NAMES)},
            "again": ("no", "yes")[k % 2],
            "new\nline": f"id {k}",
        }
        for k in range(60)
    ]  # fmt: skip
    writer: dict[str, Callable[[Sequence[Row]], Content]] = {
        "csv": as_csv,
        "jsonl": as_jsonl,
        "parquet": as_parquet,
    }
    shop.write(f"odd.{ending}", writer[ending](rows))
    code, said = shop.run(*TRAIN.split(), f"odd.{ending}", "--cv", "0", "--id-column", "new\nline")
    assert code == 0, said
    carried = [name for name in ODD_NAMES if name != "score"]
    wanted = [word for name in carried for word in (f"--passthrough={name}",)]
    code, said = shop.run(
        "score", f"odd.{ending}", "-m", "odd", "--store", "made", "-o", f"out.{ending}", *wanted
    )
    assert code == 0, said
    out = shop.folder / f"out.{ending}"
    if ending == "parquet":
        found = pq.read_table(out).to_pylist()
    elif ending == "jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        with out.open(newline="") as file:
            found = list(csv.DictReader(file))
    assert list(found[0])[: len(carried)] == ["new\nline", *(name for name in carried if name != "new\nline")]
    assert [row["🎉"] for row in found] == (
        [row["🎉"] for row in rows] if ending != "csv" else [str(row["🎉"]) for row in rows]
    )
    assert all(row["score"] for row in found)


def test_five_thousand_columns(shop: Shop) -> None:
    rng = np.random.default_rng(2)
    wide = {f"c{k}": rng.normal(size=30).round(3).tolist() for k in range(5000)}
    rows = pa.table({**wide, "again": ["no", "yes"] * 15})
    shop.write("wide.csv", as_csv(rows.to_pylist()))
    code, said = shop.run(*TRAIN.split(), "wide.csv", "--estimator", "tree", "--cv", "0")
    assert code == 0, said
    code, said = shop.run("score", "wide.csv", "-m", "wide", "--store", "made", "--passthrough", "all")
    assert code == 0, said
    with (shop.folder / "wide.scores.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 30
    assert len(found[0]) == 5001 + 4
    lacking = rows.drop_columns(["c7", "c4000"])
    shop.write("less.csv", as_csv(lacking.to_pylist()))
    code, said = shop.run("score", "less.csv", "-m", "wide", "--store", "made")
    assert code == 3
    assert said.startswith("error: less.csv: the data lacks the columns 'c7', 'c4000'\n")
