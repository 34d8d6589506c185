"""Files and records that cannot be read: training refuses them, scoring explains them."""

# ruff: noqa: E501 - tables with a line for each case

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest

from tests.bad_input.shop import (
    SECRET,
    TRAIN,
    TRAIN_ROWS,
    Case,
    Content,
    Shop,
    as_arrow,
    as_csv,
    as_jsonl,
    as_parquet,
    cases,
    check,
    with_line,
)

CSV, JSONL, PARQUET = as_csv(TRAIN_ROWS), as_jsonl(TRAIN_ROWS), as_parquet(TRAIN_ROWS)
HEADER = CSV.splitlines()[0]
DAMAGED = PARQUET[:100] + bytes(200) + PARQUET[300:]

UNREADABLE = [
    Case("no such file", {"rows.csv": CSV}, "row.csv", 2, "row.csv: no such file", "there is rows.csv"),
    Case("no such folder", {}, "nowhere/rows.csv", 2, "no such file", "there is no folder nowhere"),
    Case("a link to nothing", {"rows.csv": lambda path: path.symlink_to("gone.csv")}, "rows.csv", 2, "no such file", "a link to gone.csv"),
    Case("a folder without tables", {"rows/readme": "words"}, "rows", 2, "rows: no tables in this folder", "tables end in .parquet"),
    Case("an ending that says nothing", {"rows.txt": CSV}, "rows.txt", 2, "the ending says no table format", "--format"),
    Case("empty CSV", {"rows.csv": ""}, "rows.csv", 3, "rows.csv: empty file"),
    Case("empty JSON lines", {"rows.jsonl": ""}, "rows.jsonl", 3, "rows.jsonl: empty file"),
    Case("empty Parquet", {"rows.parquet": ""}, "rows.parquet", 3, "rows.parquet: empty file"),
    Case("empty Arrow", {"rows.arrow": ""}, "rows.arrow", 3, "rows.arrow: empty file"),
    Case("blank CSV", {"rows.csv": "\n\n"}, "rows.csv", 3, "rows.csv: no header, only blank lines"),
    Case("blank JSON lines", {"rows.jsonl": "\n\n"}, "rows.jsonl", 3, "rows.jsonl: holds no records"),
    Case("Parquet without its end", {"rows.parquet": PARQUET[:-20]}, "rows.parquet", 3, "cut off or damaged", "copy it again"),
    Case("the start of a Parquet file", {"rows.parquet": PARQUET[:300]}, "rows.parquet", 3, "cut off or damaged", "copy it again"),
    Case("Parquet damaged in its middle", {"rows.parquet": DAMAGED}, "rows.parquet", 3, "damaged in row group 0", "write the file again"),
    Case("Arrow without its end", {"rows.arrow": as_arrow(TRAIN_ROWS)[:-20]}, "rows.arrow", 3, "cut off or damaged", "copy it again"),
    Case("gzip without its end", {"rows.csv.gz": gzip.compress(CSV.encode())[:-500]}, "rows.csv.gz", 3, "cut off or damaged", "copy the file again"),
    Case("no gzip at all", {"rows.csv.gz": CSV}, "rows.csv.gz", 3, "not compressed with gzip"),
    Case("Parquet called CSV", {"rows.csv": PARQUET}, "rows.csv", 3, "this is Parquet"),
    Case("CSV called Parquet", {"rows.parquet": CSV}, "rows.parquet", 3, "not a Parquet file"),
    Case("UTF-16", {"rows.csv": CSV.encode("utf-16")}, "rows.csv", 3, "rows.csv:1: UTF-16 text", "iconv"),
    Case("a header that is not UTF-8", {"rows.csv": CSV.replace("age", "ä", 1).encode("latin-1")}, "rows.csv", 3, "rows.csv:1: the header is not UTF-8"),
    Case("two columns of one name", {"rows.csv": CSV.replace("spent", "age", 1)}, "rows.csv", 3, "rows.csv: the column name 'age' stands more than once", "rename or drop"),
    Case("two columns of one name in Parquet", {"rows.parquet": as_parquet(pa.table([[1], [2]], names=["age", "age"]))}, "rows.parquet", 3, "'age' stands more than once"),
    Case("a JSON array", {"rows.json": json.dumps(TRAIN_ROWS)}, "rows.json", 3, "rows.json:1: a JSON array", "jq"),
    Case("no JSON object at all", {"rows.jsonl": f'"{SECRET}"\n2\n'}, "rows.jsonl", 3, "rows.jsonl:1: "),
]  # fmt: skip


@cases(UNREADABLE)
@pytest.mark.parametrize("command", ["score", TRAIN], ids=["score", "train"])
def test_a_file_that_cannot_be_read(command: str, case: Case, shop: Shop) -> None:
    check(case, shop, command)


# Records that cannot be read ------------------------------------------------------------

BAD_RECORDS = [
    ("ragged", "rows.csv", with_line(CSV, 5, f"{SECRET},2"), "expected 6 fields, found 2"),
    ("too many fields", "rows.csv", with_line(CSV, 5, f"1,2,{SECRET},true,2020-01-01,no,7"), "expected 6 fields, found 7"),
    ("not UTF-8", "rows.csv", with_line(CSV, 5, f"1,2,{SECRET}ä,true,2020-01-01,no").encode("latin-1"), "not UTF-8"),
    ("wrongly quoted", "rows.csv", with_line(CSV, 5, f'1,2,"{SECRET}"x,true,2020-01-01,no'), "a quote closes before the end of its field"),
    ("a quote never closed", "rows.csv", with_line(CSV, 5, f'"{SECRET},1'), "a quote is never closed"),
    ("a NUL byte", "rows.csv", with_line(CSV, 5, f"1,2,{SECRET}\0,true,2020-01-01,no"), "holds a NUL byte"),
    ("no object", "rows.jsonl", with_line(JSONL, 5, f'["{SECRET}"]'), "not a JSON object"),
    ("no JSON", "rows.jsonl", with_line(JSONL, 5, f"{{{SECRET}"), "not JSON at character 2"),
    ("JSON cut off", "rows.jsonl", with_line(JSONL, 5, f'{{"age": 3, "town": "{SECRET}'), "not JSON"),
    ("JSON that is not UTF-8", "rows.jsonl", with_line(JSONL, 5, f'{{"town": "{SECRET}ä"}}').encode("latin-1"), "not UTF-8"),
]  # fmt: skip
records = pytest.mark.parametrize(
    ("file", "content", "says"), [row[1:] for row in BAD_RECORDS], ids=[row[0] for row in BAD_RECORDS]
)


@records
def test_training_refuses_a_record_that_cannot_be_read_and_names_its_line(
    file: str, content: Content, says: str, shop: Shop
) -> None:
    check(Case("", {file: content}, file, 3, f"{file}:5: {says}", "mend the line"), shop, TRAIN)


@records
def test_scoring_explains_it_and_scores_the_others(
    file: str, content: Content, says: str, shop: Shop
) -> None:
    shop.write(file, content)
    code, said = shop.run("score", file, "-o", "out.jsonl")
    assert code == 0, said
    scored = [json.loads(line) for line in (shop.folder / "out.jsonl").read_text().splitlines()]
    rejected = [number for number, row in enumerate(scored) if row["score_source"] == "rejected"]
    (error,) = map(json.loads, (shop.folder / "out.errors.jsonl").read_text().splitlines())
    assert len(scored) == len(TRAIN_ROWS) + 1
    assert rejected == [error["row"] - 1]
    assert error["line"] == 5
    assert says in error["message"]
    assert SECRET not in said + json.dumps(error)


@records
def test_scoring_that_allows_no_error_names_the_line_and_where_it_is_explained(
    file: str, content: Content, says: str, shop: Shop
) -> None:
    case = Case(
        "", {file: content}, f"{file} -o out.csv --max-errors 0", 3,
        f"1 row was rejected, allowed are 0; the first: {file}: line 5: {says}", "see out.errors.jsonl",
        leaves=("out.errors.jsonl",),
    )  # fmt: skip
    check(case, shop, "score")
