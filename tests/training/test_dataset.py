from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from scorekit.errors import DataError, SchemaError, ScorekitError, UsageError
from scorekit.training.dataset import Dataset, read_dataset, take_apart
from tests.training.samples import bank, made, recipe


def apart(table: pa.Table, na: tuple[str, ...] = (), **given: Any) -> Dataset:
    return take_apart(table, recipe(**given), na)


def _jsonl(table: pa.Table, path: str) -> None:
    import json

    Path(path).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


WRITERS: dict[str, Callable[[pa.Table, str], Any]] = {
    "rows.parquet": pq.write_table,
    "rows.csv": pyarrow.csv.write_csv,
    "rows.jsonl": _jsonl,
    "rows.feather": pyarrow.feather.write_feather,
}


def test_the_fingerprint_is_of_the_rows_whatever_their_format(tmp_path: Path) -> None:
    found = {}
    for name, write in WRITERS.items():
        write(bank(300), str(tmp_path / name))
        found[name] = read_dataset([str(tmp_path / name)], recipe(target="y"))
    assert len({dataset.fingerprint for dataset in found.values()}) == 1
    assert len({dataset.schema.names for dataset in found.values()}) == 1
    for name, dataset in found.items():
        data = (tmp_path / name).read_bytes()
        assert dataset.files[0].sha256 == hashlib.sha256(data).hexdigest()
        assert dataset.files[0].size == len(data)


@pytest.mark.parametrize("change", ["number", "letter", "target", "weight", "order", "name"])
def test_the_fingerprint_knows_every_change(change: str) -> None:
    table = made({"weight": [1.0] * 60})
    before = apart(table, weight_column="weight").fingerprint
    if change == "order":
        other = table.take(list(range(59, -1, -1)))
    elif change == "name":
        other = table.rename_columns(["number", "letters", "target", "weight"])
    else:
        values = table.column(change).to_pylist()
        values[5] = {"number": 9.5, "letter": None, "weight": 2.0}.get(
            change, "no" if values[5] == "yes" else "yes"
        )
        other = table.set_column(table.column_names.index(change), change, pa.array(values))
    assert apart(other, weight_column="weight").fingerprint != before


def test_missing_numbers_are_one_thing_however_they_are_written() -> None:
    nan = np.array([np.nan], dtype=np.float64)
    other = (nan.view(np.uint64) | 1).view(np.float64)
    written = [
        pa.array([None, *range(59)], pa.float64()),
        pa.array(np.concatenate([nan, np.arange(59.0)])),
        pa.array(np.concatenate([other, np.arange(59.0)])),
    ]
    assert len({apart(made({"x": array})).fingerprint for array in written}) == 1


def test_columns_with_another_use_are_no_features() -> None:
    table = made(
        {
            "id": [str(k) for k in range(60)],
            "w": [1.0] * 60,
            "when": [dt.date(2020, 1, 1) + dt.timedelta(k) for k in range(60)],
            "junk": [1] * 60,
            "nested": [[1]] * 60,
        }
    )
    dataset = apart(table, id_columns=("id",), drop=("junk", "nested"), weight_column="w", time_column="when")
    assert dataset.schema.names == ("number", "letter")
    assert {column.name: column.arrow_type for column in dataset.carried} == {
        "id": "string",
        "w": "double",
        "when": "date32[day]",
        "junk": "int64",
        "target": "string",
    }
    assert dataset.period == ("2020-01-01", "2020-02-29")


@pytest.mark.parametrize(
    ("columns", "given", "kind", "message", "hint"),
    [
        ({}, {"target": "targt"}, SchemaError, "no column 'targt' to be the target", "'target'"),
        ({}, {"target": "TARGET"}, SchemaError, "no column 'TARGET' to be the target", "mean 'target'"),
        ({}, {"target": "zzz"}, SchemaError, "no column 'zzz'", "it has 'number', 'letter', 'target'"),
        ({}, {"id_columns": ("lettre",)}, SchemaError, "lacks the column 'lettre'", "'letter'"),
        ({}, {"drop": ("x", "y")}, SchemaError, "lacks the columns 'x', 'y'", None),
        ({}, {"drop": ("target",)}, UsageError, "'target' is the target and cannot be dropped", None),
        ({}, {"weight_column": "letter"}, SchemaError, "weight column 'letter' is string", None),
        (
            {"w": [1.0, -1.0, None] * 20},
            {"weight_column": "w"},
            DataError,
            r"'w' is missing, negative or infinite in 40 rows, first in row 2$",
            None,
        ),
        ({"w": [0] * 60}, {"weight_column": "w"}, DataError, "zero in every row", None),
        (
            {"t": ["2020-01-01", "no", None] * 20},
            {"time_column": "t"},
            DataError,
            r"'t' is missing or no time in 40 rows, first in row 2$",
            None,
        ),
        ({}, {"drop": ("number", "letter")}, DataError, "no column is left", None),
        ({"odd": [b"x"] * 60}, {}, SchemaError, r"column 'odd' \(binary\)", "--drop odd"),
        (
            {"far": pa.array([2**62] * 60, pa.timestamp("s"))},
            {},
            DataError,
            r"'far' holds times beyond the year 292,277 in 60 rows, first in row 1$",
            "--drop far",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    columns: Any, given: dict[str, Any], kind: type[ScorekitError], message: str, hint: str | None
) -> None:
    with pytest.raises(kind, match=message) as caught:
        apart(made(columns), **given)
    assert caught.value.exit_code == (2 if kind is UsageError else 3)
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_no_rows_and_doubled_names_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        apart(made({}).slice(0, 0))
    doubled = pa.table([[1, 2], [3, 4], ["a", "b"]], names=["x", "x", "target"])
    with pytest.raises(SchemaError, match="'x' stands 2 times"):
        apart(doubled)


def test_times_are_read_from_dates_numbers_and_text() -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(int(k)) for k in np.random.default_rng(0).permutation(60)]
    as_dates = apart(made({"t": days}), time_column="t")
    as_text = apart(made({"t": [str(day) for day in days]}), time_column="t")
    counted = apart(made({"t": [day.toordinal() for day in days]}), time_column="t")
    assert as_dates.times is not None
    assert as_text.times is not None
    assert counted.times is not None
    assert as_dates.times.tolist() == as_text.times.tolist()
    assert np.argsort(counted.times).tolist() == np.argsort(as_dates.times).tolist()
    assert counted.period == ("737425", "737484")


def test_standard_input_cannot_be_trained_on() -> None:
    from scorekit.tables import Source
    from scorekit.training.dataset import _data_file

    with pytest.raises(UsageError, match="can be read only once"):
        _data_file(Source("<stdin>", "-", "csv", "stdin"))
