"""The same rows are the same columns, to the bit, whichever format they come in and however they are cut."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.engine.columns import Decoder
from scorekit.schema import Feature, Schema
from scorekit.tables import open_table
from tests.tables.samples import ENDINGS, Row, described, quick, score_input, small_blocks, source, write

TYPES = {
    "amount": pa.float64(),
    "job": pa.string(),
    "job.title": pa.string(),
    "count": pa.int64(),
    'flag "now"': pa.bool_(),
    "single": pa.float32(),
    "seen, at": pa.timestamp("us"),
    "born": pa.date32(),
    "note ☃": pa.string(),
}
KINDS = {
    "amount": "numeric",
    "job": "category",
    "job.title": "category",
    "count": "numeric",
    'flag "now"': "boolean",
    "single": "numeric",
    "seen, at": "timestamp",
    "born": "timestamp",
    "note ☃": "text",
}
LEVELS = {"job": ("a", 'b"', "ü,x"), "job.title": ("line\nbreak", "x")}
SCHEMA = Schema(
    features=tuple(
        Feature(name=name, kind=kind, arrow_type=str(TYPES[name]), nullable=True, levels=LEVELS.get(name, ()))
        for name, kind in KINDS.items()
    ),
    na_values=("?", "NA", "-999", "0.1"),
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(
    [
        '"',
        '""',
        ",",
        ";",
        "\n",
        "\r\n",
        "\r",
        'a"b',
        '","',
        "007",
        "1.50",
        "true",
        "null",
        " a ",
        "?",
        "NA",
        "",
        "#",
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.none()
            | st.floats()
            | st.sampled_from([5e-324, 1.7976931348623157e308, -0.0, 1e22, -999.0, 0.1]),
            "job": st.none() | st.sampled_from(LEVELS["job"]) | TEXTS,
            "job.title": st.none() | st.sampled_from(LEVELS["job.title"]) | TEXTS,
            "count": st.none() | st.integers(-(2**63), 2**63 - 1) | st.just(-999),
            'flag "now"': st.none() | st.booleans(),
            "single": st.none() | st.floats(width=32) | st.sampled_from([0.10000000149011612, -999.0]),
            "seen, at": st.none() | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1)),
            "born": st.none() | st.dates(dt.date(1, 1, 1), dt.date(9999, 1, 1)),
            "note ☃": st.none() | TEXTS,
        }
    ),
    min_size=1,
    max_size=12,
)


def expected(rows: list[Row]) -> list[object]:
    """What the decoder makes of the rows themselves."""
    plain = [row | {name: _iso(row[name]) for name in ("seen, at", "born")} for row in rows]
    return described(Decoder(SCHEMA, keep_texts=True).rows(plain))


def _iso(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()


@quick
@given(rows=ROWS, block=st.integers(1, 300), chunk_rows=st.integers(1, 14), group_rows=st.integers(1, 14))
def test_every_format_gives_the_same_columns_to_the_bit(
    rows: list[Row], block: int, chunk_rows: int, group_rows: int, tmp_path: Path
) -> None:
    wanted = expected(rows)
    for ending in ENDINGS:
        path = write(tmp_path / f"rows.{ending}", rows, TYPES, group_rows=group_rows)
        with pytest.MonkeyPatch.context() as patch:
            small_blocks(patch, block)
            read = score_input(path, SCHEMA, chunk_rows=chunk_rows)
        assert described(read.columns) == wanted, ending
        assert not read.bad
        assert read.most <= chunk_rows


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_number_that_means_missing_does_so_in_every_format(ending: str, tmp_path: Path) -> None:
    rows = [dict.fromkeys(TYPES) | {"amount": -999.0, "count": -999, "single": 0.10000000149011612}]
    columns = score_input(write(tmp_path / f"rows.{ending}", rows, TYPES), SCHEMA).columns
    assert described(columns) == expected([dict.fromkeys(TYPES)])


def test_a_number_that_means_missing_does_so_where_a_line_holds_it_for_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    others = {"count": "-999.0", 'flag "now"': -999.0, "seen, at": -999, "born": -9.99e2, "job": -999}
    path.write_text(f"{json.dumps(dict.fromkeys(TYPES) | others)}\n")
    assert described(score_input(path, SCHEMA).columns) == expected([dict.fromkeys(TYPES)])
    path.write_text(f"{json.dumps(dict.fromkeys(TYPES) | {'born': 20240101, 'seen, at': 20240101.12})}\n")
    flaws = score_input(path, SCHEMA).columns.flaws
    assert [(flaw.code, flaw.column) for flaw in flaws] == [
        ("not_a_timestamp", "seen, at"),
        ("not_a_timestamp", "born"),
    ]


@quick
@given(rows=ROWS, block=st.integers(1, 300), chunk_rows=st.integers(1, 14), skip=st.integers(0, 13))
def test_rows_can_be_skipped_wherever_a_block_or_chunk_ends(
    rows: list[Row], block: int, chunk_rows: int, skip: int, tmp_path: Path
) -> None:
    for ending in ENDINGS:
        path = write(tmp_path / f"rows.{ending}", rows, TYPES, group_rows=3)
        with pytest.MonkeyPatch.context() as patch:
            small_blocks(patch, block)
            whole = score_input(path, SCHEMA, chunk_rows=chunk_rows)
            rest = score_input(path, SCHEMA, chunk_rows=chunk_rows, skip_rows=skip)
        assert described(rest.columns) == described(whole.columns, start=min(skip, len(rows)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_wanted_columns_come_in_the_order_of_the_file(ending: str, tmp_path: Path) -> None:
    rows = [dict.fromkeys(TYPES) | {"job": "a", "amount": 1.5}]
    path = write(tmp_path / f"rows.{ending}", rows, TYPES)

    reader = open_table(source(path), columns=["job.title", "no such", "amount", "job"], types={})
    (batch,) = reader.batches()
    assert batch.rows.schema.names == ["amount", "job", "job.title"]
    assert reader.names == tuple(TYPES)
    reader.close()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("columns", [(), ("no such",)])
def test_rows_are_counted_also_when_no_column_is_wanted(
    ending: str, columns: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [dict.fromkeys(TYPES) | {"amount": 1.5}] * 5
    path = write(tmp_path / f"rows.{ending}", rows, TYPES)
    reader = open_table(source(path), columns=columns, types={}, chunk_rows=2)
    assert [(batch.first_row, batch.rows.num_rows, batch.rows.num_columns) for batch in reader.batches()] == [
        (0, 2, 0),
        (2, 2, 0),
        (4, 1, 0),
    ]
