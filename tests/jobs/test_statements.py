"""What is said of jobs in plain SQL, held to the tables."""

from __future__ import annotations

import dataclasses
import re

import pytest

from scorekit.state import jobs, models

STATEMENTS = {name: text for name, text in vars(jobs).items() if name[0].isupper() and isinstance(text, str)}
TABLE = models.Base.metadata.tables["scorekit_jobs"]


def test_a_job_is_read_as_the_table_has_it() -> None:
    columns = [column.name for column in TABLE.columns]
    assert [name.strip() for name in jobs._COLUMNS.split(",")] == columns
    assert {field.name for field in dataclasses.fields(jobs.Job)} == set(columns)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_names_columns_of_the_table(name: str) -> None:
    text = re.sub(r":[a-z_]+|'[^']*'", "", STATEMENTS[name])
    assert set(re.findall(r"scorekit_\w+", text)) == {"scorekit_jobs"}
    words = set(re.findall(r"\b[a-z_]+\b", text)) - {"scorekit_jobs"}
    assert words <= set(TABLE.columns.keys())
    assert words


def test_what_is_inserted_has_every_column_that_must_be() -> None:
    given = {name.strip() for name in STATEMENTS["WRITE_JOB"].split("(")[1].split(")")[0].split(",")}
    assert {column.name for column in TABLE.columns if not column.nullable} <= given
