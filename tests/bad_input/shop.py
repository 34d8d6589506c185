"""A shop's customers as tables, good and bad, and what a command says of them.

Every case runs the command line in a folder of its own: one line says what is wrong, the
code is the right one, nothing half is left and nothing lost. Whatever stands in the data
is said to nobody: the word ``SECRET`` is in most tables, and in no message.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.cli import run

SECRET = "zqx4711"
Row = dict[str, Any]


def shop_rows(count: int) -> list[Row]:
    """Customers of a shop, and whether they came again."""
    rng = np.random.default_rng(5)
    ages, spent = rng.integers(18, 90, count), rng.gamma(2, 30, count).round(2)
    return [
        {
            "age": int(ages[k]),
            "spent": float(spent[k]),
            "town": ("Rome", "Oslo", SECRET)[k % 3],
            "member": bool(rng.integers(0, 2)),
            "since": f"20{10 + k % 15}-0{1 + k % 9}-15",
            "again": "yes" if ages[k] + spent[k] + 40 * rng.normal() > 110 else "no",
        }
        for k in range(count)
    ]


TRAIN_ROWS = shop_rows(200)
NEW_ROWS = [{name: value for name, value in row.items() if name != "again"} for row in TRAIN_ROWS[:12]]

# Writing tables as nobody should --------------------------------------------------------


def as_csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {
            name: str(value).lower() if value is True or value is False else value
            for name, value in row.items()
        }
        for row in rows
    )
    return text.getvalue()


def as_jsonl(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def as_parquet(rows: Sequence[Row] | pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


def as_arrow(rows: Sequence[Row]) -> bytes:
    table = pa.Table.from_pylist(list(rows))
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def with_line(text: str, line: int, content: str) -> str:
    """The text with one more line."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: line - 1], content + "\n", *lines[line - 1 :]])


def column(name: str, values: Callable[[int], Any], rows: Sequence[Row] | None = None) -> list[Row]:
    """Rows with one column made anew; by default those to score."""
    return [
        {**row, name: values(number)} for number, row in enumerate(rows if rows is not None else NEW_ROWS)
    ]


def without(*names: str, rows: Sequence[Row] | None = None) -> list[Row]:
    kept = rows if rows is not None else NEW_ROWS
    return [{name: value for name, value in row.items() if name not in names} for row in kept]


def typed(name: str, values: Sequence[Any], kind: pa.DataType, rows: Sequence[Row] | None = None) -> bytes:
    """Parquet with one column of a type of its own."""
    table = pa.Table.from_pylist(without(name, rows=rows))
    return as_parquet(table.append_column(name, pa.array(values, kind)))


def again(values: Callable[[int], Any]) -> list[Row]:
    """Rows to train on, with another target."""
    return column("again", values, TRAIN_ROWS)


Content = str | bytes | Callable[[Path], object]
"""What stands in a file, or what makes it."""


# Cases ----------------------------------------------------------------------------------


@dataclass
class Shop:
    """A folder to work in, a store, and what the command line said there."""

    folder: Path
    models: Path
    capsys: pytest.CaptureFixture[str]

    def write(self, name: str, content: Content) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def files(self) -> dict[str, bytes | None]:
        """Everything below the folder: nothing may be lost, and nothing be left."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes() if path.is_file() else None
            for path in self.folder.rglob("*")
        }

    def run(self, *args: str) -> tuple[int, str]:
        self.capsys.readouterr()
        code = run(list(args))
        return code, self.capsys.readouterr().err


class Case(NamedTuple):
    """Input, a command, and what comes of it.

    ``says`` is what the error line holds, ``hint`` what the line below does; a regular
    expression each. ``leaves`` are files that are there afterwards and were not before.
    """

    name: str
    files: dict[str, Content]
    args: str
    code: int
    says: str
    hint: str = ""
    leaves: tuple[str, ...] = ()


def cases(table: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", table, ids=[case.name for case in table])


def check(case: Case, shop: Shop, command: str) -> None:
    for name, content in case.files.items():
        shop.write(name, content)
    before = shop.files()
    code, said = shop.run(*command.split(), *case.args.split())
    assert code == case.code, said
    lines = [line for line in said.splitlines() if not line.startswith("note: ")]
    assert re.match(r"error: .*" + case.says, lines[0]), said
    assert len(lines) == 1 + bool(lines[1:]), said
    if case.hint or lines[1:]:
        assert re.match(r"hint: .*" + case.hint, lines[1]), said
    assert SECRET not in said
    after = shop.files()
    assert {name: after[name] for name in after if name in before} == before
    assert sorted(set(after) - set(before)) == sorted(case.leaves)


TRAIN = "train --target again --store made --estimator logistic --cv 2"
