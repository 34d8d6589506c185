"""Data that cannot be scored, outputs that cannot be written, models and settings that are not there."""

# ruff: noqa: E501 - tables with a line for each case

from __future__ import annotations

import os

import pyarrow as pa

from tests.bad_input.shop import (
    NEW_ROWS,
    SECRET,
    Case,
    Shop,
    as_csv,
    as_jsonl,
    as_parquet,
    cases,
    check,
    column,
    typed,
    without,
)

NEW = as_csv(NEW_ROWS)
ROWS = len(NEW_ROWS)
UNSCORABLE = [
    Case("a column missing", {"rows.csv": as_csv(without("town"))}, "rows.csv", 3, "rows.csv: the data lacks the column 'town'"),
    Case("columns missing", {"rows.jsonl": as_jsonl(without("town", "age"))}, "rows.jsonl", 3, "rows.jsonl: the data lacks the columns 'age', 'town'"),
    Case("a column renamed", {"rows.parquet": as_parquet(pa.Table.from_pylist(NEW_ROWS).rename_columns(["AGE", "spent", "town", "member", "since"]))}, "rows.parquet", 3, "lacks the column 'age'", "'AGE'; was it renamed"),
    Case("the second of two files", {"a.csv": NEW, "b.csv": as_csv(without("town"))}, "a.csv b.csv -o out.csv", 3, "b.csv: the data lacks the column 'town'"),
    Case("dates where numbers stood", {"rows.parquet": typed("age", range(ROWS), pa.timestamp("us"))}, "rows.parquet", 3, r"rows.parquet: column 'age' is timestamp\[us\], but the model was trained on int64"),
    Case("lists where words stood", {"rows.parquet": typed("town", [[SECRET]] * ROWS, pa.list_(pa.string()))}, "rows.parquet", 3, "rows.parquet: column 'town' is list"),
    Case("words in all numbers", {"rows.csv": as_csv(column("age", lambda _: SECRET))}, "rows.csv", 3, "all 12 rows were rejected; the first: rows.csv: row 1, column 'age': not a number", "see rows.scores.errors.jsonl", ("rows.scores.errors.jsonl",)),
    Case("all rows ragged", {"rows.csv": "age,spent,town,member,since\n1\n2\n"}, "rows.csv", 3, "all 2 rows were rejected; the first: rows.csv: line 2", "see rows.scores.errors.jsonl", ("rows.scores.errors.jsonl",)),
    Case("an id that is not there", {"rows.csv": NEW}, "rows.csv --id-column twon", 3, "rows.csv: the data lacks the column 'twon'", "'town'"),
    Case("something to carry that is not there", {"rows.csv": NEW}, "rows.csv --passthrough nope", 3, "lacks the column 'nope'"),
    Case("something to carry that clashes", {"rows.csv": as_csv(column("score", lambda _: 1))}, "rows.csv --passthrough all", 2, "'score' cannot be carried"),
    Case("files with other ids", {"a.csv": as_csv(column("id", str)), "b.parquet": as_parquet(column("id", lambda k: [k]))}, "a.csv b.parquet --id-column id -o out.csv", 3, "b.parquet: column 'id' is list.*, but string in the first rows"),
    Case("files with other columns to carry", {"a.csv": as_csv(column("extra", str)), "b.csv": NEW}, "a.csv b.csv --passthrough all -o out.csv", 3, "b.csv: the columns to carry are others than in a.csv", "--passthrough"),
    # outputs
    Case("output equal to input", {"rows.csv": NEW}, "rows.csv -o rows.csv --force", 2, "the output rows.csv is one of the inputs", "-o"),
    Case("output equal to input by another name", {"rows.csv": NEW}, "rows.csv -o ./rows.csv --force", 2, "the output ./rows.csv is one of the inputs"),
    Case("output a link to the input", {"rows.csv": NEW, "link.csv": lambda path: path.symlink_to("rows.csv")}, "rows.csv -o link.csv --force", 2, "the output link.csv is one of the inputs"),
    Case("output folder equal to input folder", {"rows/a.csv": NEW}, "rows -o rows --force", 2, "the output rows/a.csv is one of the inputs"),
    Case("output folder within the input folder", {"rows/a.csv": NEW}, "rows -o rows/out/", 2, "rows/out/ lies within the input rows"),
    Case("errors file equal to input", {"rows.csv": NEW}, "rows.csv -o out.csv --errors-file rows.csv", 2, "the errors file rows.csv is one of the inputs", "--errors-file"),
    Case("errors file equal to output", {"rows.csv": NEW}, "rows.csv -o out.csv --errors-file ./out.csv", 2, "the errors file ./out.csv is the output out.csv"),
    Case("errors file beside the output an input", {"out.errors.jsonl": as_jsonl(NEW_ROWS)}, "out.errors.jsonl -o out.csv", 2, "out.errors.jsonl is one of the inputs"),
    Case("errors file in no folder", {"rows.csv": NEW}, "rows.csv --errors-file no/errors.jsonl", 2, "no such folder for the errors file: no", "mkdir -p no"),
    Case("errors file a folder", {"rows.csv": NEW, "dir/x": ""}, "rows.csv --errors-file dir", 2, "the errors file dir is a folder"),
    Case("one errors file for two outputs", {"rows/a.csv": NEW, "rows/b.csv": NEW}, "rows --errors-file e.jsonl", 2, "one errors file cannot explain 2 outputs", "leave --errors-file out"),
    Case("output in no folder", {"rows.csv": NEW}, "rows.csv -o no/out.csv", 2, "no such folder for the output: no", "mkdir -p no"),
    Case("output below a file", {"rows.csv": NEW}, "rows.csv -o rows.csv/out.csv", 2, "no folder for the output: rows.csv is a file"),
    Case("output folder in no folder", {"rows.csv": NEW}, "rows.csv -o no/deeper/", 2, "no such folder for the output: no"),
    Case("output folder a file", {"rows/a.csv": NEW, "rows.scores": "mine"}, "rows", 2, "cannot make the folder rows.scores: File exists"),
    Case("output exists", {"rows.csv": NEW, "out.csv": "mine"}, "rows.csv -o out.csv", 2, "the output out.csv exists", "--force"),
    Case("output older than the input", {"out.csv": lambda path: (path.write_text("mine"), os.utime(path, (1, 1))), "rows.csv": NEW}, "rows.csv -o out.csv --resume", 2, "the output out.csv exists", "--force"),
    Case("output of no format", {"rows.csv": NEW}, "rows.csv -o out.xls", 2, "out.xls: the ending says no table format"),
    Case("lists into CSV", {"rows.parquet": as_parquet(column("l", lambda k: [k]))}, "rows.parquet -o out.csv --passthrough l", 2, "column 'l' is list.*CSV cannot hold"),
    Case("no such format", {"rows.csv": NEW}, "rows.csv --format xls", 2, "no table format is called 'xls'"),
    Case("several inputs and no output", {"a.csv": NEW, "b.csv": NEW}, "a.csv b.csv", 2, "several inputs need an output", "-o"),
    Case("the same input twice", {"a.csv": NEW}, "a.csv ./a.csv -o out.csv", 2, "a.csv: stands twice"),
    Case("two files of one name", {"a/x.csv": NEW, "b/x.csv": NEW}, "a b -o out/", 2, "two inputs are called 'x.csv'"),
    Case("a pattern that matches nothing", {"a.csv": NEW}, "b*.csv -o out.csv", 2, "no file matches"),
    Case("fewer errors than none", {"rows.csv": NEW}, "rows.csv --max-errors -1", 2, "--max-errors: has to be at least 0"),
    Case("resume into standard output", {"rows.csv": NEW}, "rows.csv -o - --resume", 2, "what was written to - is gone", "leave --resume out"),
    Case("resume from a pipe", {"rows.csv": os.mkfifo}, "rows.csv -o out.csv --resume", 2, "rows.csv can be read only once", "leave --resume out"),
    # models
    Case("no such model", {"rows.csv": NEW}, "rows.csv -m shpo", 4, "no model shpo", "did you mean shop"),
    Case("no such version", {"rows.csv": NEW}, "rows.csv -m shop:7", 4, "shop has no version 7, only 1", "models list"),
    Case("no such alias", {"rows.csv": NEW}, "rows.csv -m shop@prod", 4, "shop has no alias prod, only champion"),
    Case("no version at all", {"rows.csv": NEW}, "rows.csv -m shop:x", 2, "not a version: shop:x", "name:7"),
    Case("a model that is a path", {"rows.csv": NEW}, "rows.csv -m ../shop", 2, "not a model name"),
    Case("an empty store", {"rows.csv": NEW}, "rows.csv --store nowhere", 4, "no model shop in nowhere"),
    # settings
    Case("a setting of the wrong type", {"rows.csv": NEW, "scorekit.toml": "threads = 'x'"}, "rows.csv", 2, "scorekit.toml:1: threads takes a whole number", "without quotes"),
    Case("settings that are no TOML", {"rows.csv": NEW, "scorekit.toml": "threads = \n"}, "rows.csv", 2, "scorekit.toml is not valid TOML.*line 1"),
    Case("settings that are not UTF-8", {"rows.csv": NEW, "scorekit.toml": b"model = '\xff'"}, "rows.csv", 2, "scorekit.toml is not valid TOML"),
    Case("no such setting", {"rows.csv": NEW, "scorekit.toml": "[score-batch]\nthreds = 1"}, "rows.csv", 2, "scorekit.toml:2: no such setting: threds", "threads"),
    Case("a table that is a value", {"rows.csv": NEW, "scorekit.toml": "score-batch = 1"}, "rows.csv", 2, "scorekit.toml:1: score-batch is a table"),
    Case("settings that are a folder", {"rows.csv": NEW, "scorekit.toml/x": ""}, "rows.csv", 2, "cannot read scorekit.toml"),
    Case("no settings where they should be", {"rows.csv": NEW}, "rows.csv --config no.toml", 2, "no such settings file: no.toml"),
]  # fmt: skip


@cases(UNSCORABLE)
def test_data_that_cannot_be_scored(case: Case, shop: Shop) -> None:
    check(case, shop, "score")
