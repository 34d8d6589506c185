"""Rows are held against the rules of a policy, as its actions have it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from scorekit.quality.rows import RowRules
from scorekit.schema import MISSING, UNSEEN
from tests.quality.windows import AGE, JOB, NOTE, SCHEMA, SINCE, settings

DAY = 86_400e6


def broken(numeric: np.ndarray, codes: np.ndarray, **content: Any) -> list[tuple[str, str, list[int], bool]]:
    rules = RowRules(settings(**content), SCHEMA)
    return [(code, column, rows.tolist(), mild) for code, column, rows, mild in rules.broken(numeric, codes)]


def table(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Rows that no rule is against."""
    return np.full((count, 2), 40.0), np.zeros((count, 2), dtype=np.int32)


def test_without_rules_nothing_is_looked_at() -> None:
    numeric, codes = table()
    numeric[:], codes[:] = math.nan, UNSEEN
    assert broken(numeric, codes) == []
    assert broken(numeric, codes, columns={"age": {"checks": {"column.psi": "warn"}}}) == []


@pytest.mark.parametrize(
    ("column", "coded", "place"), [("age", False, AGE), ("job", True, JOB), ("note", True, NOTE)]
)
def test_a_value_that_is_required(column: str, coded: bool, place: int) -> None:
    numeric, codes = table()
    (codes if coded else numeric)[[1, 4], place] = MISSING if coded else math.nan
    assert broken(numeric, codes, columns={column: {"required": True}}) == [
        ("required", column, [1, 4], False)
    ]


def test_a_range_holds_its_ends_and_says_nothing_of_missing_values() -> None:
    numeric, codes = table()
    numeric[:, AGE] = [17, 18, 99, 100, math.nan, -math.inf]
    both = {"age": {"at_least": 18, "at_most": 99}}
    assert broken(numeric, codes, columns=both) == [("out_of_range", "age", [0, 3, 5], False)]
    assert broken(numeric, codes, columns={"age": {"at_least": 18}})[0][2] == [0, 5]
    assert broken(numeric, codes, columns={"age": {"at_most": 99}})[0][2] == [3]


@pytest.mark.parametrize("least", ["2024-01-02", "2024-01-02T00:00:00", "2024-01-02T02:00:00+02:00"])
def test_a_range_of_times_is_in_utc(least: str) -> None:
    import tomllib

    bound = tomllib.loads(f"bound = {least}")["bound"]
    numeric, codes = table(3)
    second = 19_724 * DAY  # the 2nd of January 2024
    numeric[:, SINCE] = [second - 1, second, second + DAY]
    assert broken(numeric, codes, columns={"since": {"at_least": bound}}) == [
        ("out_of_range", "since", [0], False)
    ]


def test_a_category_that_training_did_not_see() -> None:
    numeric, codes = table()
    codes[:, JOB] = [0, UNSEEN, MISSING, 2, UNSEEN, 1]
    assert broken(numeric, codes, columns={"job": {"unseen": "row"}}) == [
        ("unseen_not_allowed", "job", [1, 4], False)
    ]
    assert broken(numeric, codes, columns={"job": {"unseen": "allow"}}) == []


RULE = {"age": {"required": True}}


@pytest.mark.parametrize(
    ("action", "harmless"),
    [("row", False), ("window", False), ("fail", False), ("warn", True), ("ignore", None)],
)
def test_the_action_decides_whether_the_row_is_scored(action: str, harmless: bool | None) -> None:
    numeric, codes = table()
    numeric[2, AGE] = math.nan
    expected = [] if harmless is None else [("required", "age", [2], harmless)]
    assert broken(numeric, codes, columns=RULE, checks={"row.required": action}) == expected
    own = {"age": {"required": True, "checks": {"row.required": action}}}
    assert broken(numeric, codes, columns=own, checks={"row.required": "row"}) == expected


def test_several_rules_of_a_row_are_all_said() -> None:
    numeric, codes = table(2)
    numeric[0, AGE], codes[0, JOB] = 200, MISSING
    asked = {"age": {"at_most": 99, "required": True}, "job": {"required": True}}
    assert [found[0] for found in broken(numeric, codes, columns=asked)] == ["out_of_range", "required"]
