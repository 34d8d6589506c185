"""What ``[quality]`` may say, by itself and of a model's columns."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from pydantic import ValidationError

from scorekit.errors import UsageError
from scorekit.quality.settings import QualitySettings, row_rules
from tests.quality.windows import SCHEMA, settings


def test_whole_numbers_dates_and_times_are_taken_as_they_stand() -> None:
    day, moment = dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC)
    read = settings(
        rejected=1,
        thresholds={"alarm": 1},
        columns={"age": {"at_least": 18, "at_most": 99.5}, "since": {"at_least": day, "at_most": moment}},
    )
    assert (read.rejected, read.thresholds.alarm) == (1.0, 1.0)
    age, since = read.columns["age"], read.columns["since"]
    assert (age.at_least, age.at_most, since.at_least, since.at_most) == (18.0, 99.5, day, moment)


def test_nothing_declared_is_what_holds_without_a_policy() -> None:
    assert settings() == QualitySettings()
    assert settings().on_fail == "warn", "nothing is replaced that nobody declared"


@pytest.mark.parametrize(
    "content",
    [
        {"on_fail": "explode"},
        {"on_fial": "warn"},
        {"rejected": 5},
        {"rejected": -0.1},
        {"fallback": 1.5},
        {"rejected": "many"},
        {"rows": {"least": -1}},
        {"rows": {"least": 5, "most": 4}},
        {"rows": {"least": 1.5}},
        {"checks": {"column.psi": "maybe"}},
        {"columns": {"age": {"requird": True}}},
        {"columns": {"age": {"unseen": "window"}}},
        {"columns": {"age": {"at_least": float("nan")}}},
        {"columns": {"age": {"at_least": "young"}}},
        {"columns": {"age": 5}},
        {"thresholds": {"wran": 0.1}},
        {"thresholds": {"alarm": float("nan")}},
        {"thresholds": {"alarm": float("inf")}},
        {"thresholds": {"warn": -3}},
        {"thresholds": {"warn": 0}},
        {"thresholds": {"warn": 0.3}},
        {"thresholds": {"alarm_p": 7}},
        {"thresholds": {"warn_p": -0.01}},
        {"thresholds": {"warn_p": float("nan")}},
        {"thresholds": {"warn": "0.05"}},
        {"thresholds": {"alarm": True}},
        {"rejected": True},
        {"rejected": "0.5"},
        {"rejected": float("nan")},
        {"fallback": "0"},
        {"rows": {"least": "5"}},
        {"rows": {"most": True}},
        {"columns": {"age": {"required": 1}}},
        {"columns": {"age": {"required": "yes"}}},
        {"columns": {"age": {"at_least": True}}},
        {"columns": {"age": {"at_least": "18"}}},
        {"columns": {"since": {"at_most": "2024-01-01"}}},
    ],
)
def test_what_it_may_not_say(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**content)


@pytest.mark.parametrize(
    ("column", "asked", "said", "setting"),
    [
        ("Age", {}, "no column 'Age'", ()),
        ("job", {"at_least": 3}, "has no range", ("at_least",)),
        ("note", {"at_most": 3}, "has no range", ("at_most",)),
        ("age", {"at_least": dt.date(2024, 1, 1)}, "its range is not of that kind", ("at_least",)),
        ("since", {"at_most": 3}, "its range is not of that kind", ("at_most",)),
        ("age", {"unseen": "row"}, "is numeric and has no categories", ("unseen",)),
        ("note", {"unseen": "row"}, "is text and has no categories", ("unseen",)),
        ("age", {"at_least": 5, "at_most": 4}, "at least 5.0 and at most 4.0", ("at_least",)),
    ],
)
def test_what_it_may_not_say_of_a_column(
    column: str, asked: dict[str, Any], said: str, setting: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        row_rules(settings(columns={column: asked}).columns, SCHEMA)
    assert refused.value.code == "policy"
    assert refused.value.setting == ("quality", "columns", column, *setting)


def test_a_column_of_a_similar_name_is_offered() -> None:
    with pytest.raises(UsageError) as refused:
        row_rules(settings(columns={"Age": {}}).columns, SCHEMA)
    assert refused.value.hint == "did you mean 'age'?"


def test_a_column_of_which_nothing_is_asked_has_no_rule() -> None:
    columns = settings(columns={"age": {}, "job": {"checks": {"column.psi": "fail"}}}).columns
    assert row_rules(columns, SCHEMA) == ()
