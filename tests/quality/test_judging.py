"""The policy decides over findings; the verdict is one, however the rows came."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import UsageError
from scorekit.quality.judging import Judge
from scorekit.quality.verdict import Verdict
from scorekit.quality.window import Window
from tests.quality import windows
from tests.quality.foreign import bring
from tests.quality.windows import COUNTER, finding, judged, settings, window

NAME = "shop.weekend"


# one verdict -------------------------------------------------------------------------


def pieces(cuts: list[int], seed: int) -> list[Window]:
    """The same thousand rows, which have moved, cut into windows in any order."""
    numeric, codes, scores = windows.rows(1000, seed=5)
    windows.moved_scores(0.1)(numeric, codes, scores)
    windows.unseen_jobs(0.07)(numeric, codes, scores)
    flawed = {("not_a_number", "age"): 13, ("required", "job"): 31, ("required", "age"): 97}
    made = []
    for start, end in pairwise([0, *sorted(cuts), 1000]):
        found = {flaw: sum(row % every == 0 for row in range(start, end)) for flaw, every in flawed.items()}
        made.append(
            Window(
                rows=end - start,
                rejected=sum(row % 13 == 0 for row in range(start, end)),
                fallback=sum(row % 7 == 0 for row in range(start, end)),
                flaws={flaw: count for flaw, count in found.items() if count},
                counts=COUNTER.count(numeric[start:end], codes[start:end], scores[start:end]),
                ids=windows.ids(*(row % 700 for row in range(start, end))),
            )
        )
    random.Random(seed).shuffle(made)
    return made


def told(verdict: Verdict) -> list[Any]:
    found = [
        (each.check, each.column, each.state, each.action, each.message, each.value, each.expected)
        for each in verdict.findings
    ]
    moved = [
        (column.name, column.state, column.p_warn, column.p_alarm, column.counts.tolist(), index.psi)
        for column in (*verdict.features, *verdict.scores)
        for index in [column.index]
        if index is not None
    ]
    return [verdict.state, verdict.outcome, found, moved]


@given(st.lists(st.integers(0, 1000), max_size=6), st.integers(0, 1000))
def test_the_verdict_is_the_same_to_the_bit_for_any_split_in_any_order(cuts: list[int], seed: int) -> None:
    (whole,) = pieces([], 0)
    total = Window()
    for piece in pieces(cuts, seed):
        total.add(piece)
    assert told(judged(total)) == told(judged(whole))
    assert finding(judged(total), "input.duplicates").value == 300


@given(st.lists(st.integers(0, 1000), max_size=4), st.integers(0, 1000))
def test_a_window_that_was_written_down_is_judged_the_same(cuts: list[int], seed: int) -> None:
    total = Window()
    for piece in pieces(cuts, seed):
        total.add(Window.from_dict(piece.to_dict()))
    assert told(judged(Window.from_dict(total.to_dict()))) == told(judged(total))


def test_the_worst_finding_comes_first_and_is_the_state() -> None:
    verdict = judged(window(windows.moved_scores(0.3), flaws={("required", "age"): 1}))
    order = ["alarm", "unknown", "warn", "insufficient", "ok"]
    places = [order.index(found.state) for found in verdict.findings]
    assert places == sorted(places)
    assert verdict.state == verdict.findings[0].state == "alarm"
    assert {found.check for found in verdict.reasons} == {"score.psi"}


# the policy --------------------------------------------------------------------------

MOVED = windows.moved_ages(20)


def test_what_the_policy_says_of_a_check_holds_over_the_default() -> None:
    assert judged(window(MOVED)).outcome == "pass"
    assert judged(window(MOVED), checks={"column.psi": "window"}).outcome == "window"
    assert judged(window(MOVED), checks={"column.psi": "fail"}).outcome == "fail"


def test_what_it_says_of_a_column_holds_over_both() -> None:
    own = {"age": {"checks": {"column.psi": "fail"}}}
    assert judged(window(MOVED), columns=own).outcome == "fail"
    assert judged(window(MOVED), columns=own, checks={"column.psi": "ignore"}).outcome == "fail"
    mild = {"age": {"checks": {"column.psi": "warn"}}}
    verdict = judged(window(MOVED), columns=mild, checks={"column.psi": "fail"})
    assert verdict.outcome == "pass"
    assert finding(verdict, "column.psi", "age").action == "warn"
    assert finding(verdict, "column.psi", "job").action == "fail"


def test_what_is_ignored_is_not_heard_at_all() -> None:
    moved = {found.check for found in judged(window(MOVED)).findings if found.state != "ok"}
    verdict = judged(window(MOVED), checks=dict.fromkeys(moved, "ignore"))
    assert not moved & {found.check for found in verdict.findings}
    assert (verdict.state, verdict.outcome) == ("ok", "pass")
    assert [column.state for column in verdict.features if column.name == "age"] == ["alarm"]


def test_what_is_ignored_for_one_column_is_heard_of_the_others() -> None:
    verdict = judged(window(MOVED), columns={"age": {"checks": {"column.psi": "ignore"}}})
    assert {found.column for found in verdict.findings if found.check == "column.psi"} == {"job", "since"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"checks": {"column.ps": "warn"}}, "there is no check 'column.ps'"),
        ({"columns": {"age": {"checks": {"nothing.such": "warn"}}}}, "there is no check 'nothing.such'"),
        ({"checks": {"column.psi": "row"}}, "its action is not row"),
        ({"checks": {"row.rejected": "row"}}, "its action is not row"),
        ({"columns": {"age": {"checks": {"input.rows": "warn"}}}}, "not of one column"),
        ({"columns": {"age": {"checks": {"score.psi": "warn"}}}}, "not of one column"),
    ],
)
def test_what_a_policy_asks_of_checks_has_to_be_possible(content: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        Judge(settings(**content), COUNTER)
    assert refused.value.code == "policy"
    assert refused.value.setting[0] == "quality"
    assert refused.value.hint


# checks of other packages ------------------------------------------------------------


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a distribution that brings a check."""

    def installed(check: str, name: str = NAME) -> None:
        bring(check, tmp_path, name)
        monkeypatch.syspath_prepend(str(tmp_path))

    return installed


def test_a_check_of_another_package_is_made_where_the_policy_names_it(install: Any) -> None:
    install("Weekend")
    assert NAME not in {found.check for found in judged(window()).findings}
    verdict = judged(window(), checks={NAME: "fail"})
    found = finding(verdict, NAME)
    assert (found.state, found.action, verdict.outcome) == ("alarm", "fail", "fail")
    assert type(found.value) is float


def test_one_that_is_named_for_a_column_is_made_too(install: Any) -> None:
    install("Weekend")
    verdict = judged(window(), columns={"age": {"checks": {NAME: "ignore"}}})
    assert finding(verdict, NAME).action == "window", "its own action, for what is of no column"


@pytest.mark.parametrize(
    "check", ["Raises", "RaisesLate", "FindsNothing", "FindsNonsense", "FindsAnotherState"]
)
def test_a_check_that_raises_is_unknown_and_not_good(check: str, install: Any) -> None:
    install(check)
    verdict = judged(window(), checks={NAME: "window"})
    assert finding(verdict, NAME).state == "unknown"
    assert (verdict.state, verdict.outcome) == ("unknown", "window")
    mild = judged(window(), checks={NAME: "warn"})
    assert (mild.state, mild.outcome) == ("unknown", "pass"), "never passed off as ok"


@pytest.mark.parametrize("check", ["CannotBeMade", "HasNoId", "NotThere", "Renamed", "Acts"])
def test_a_check_that_cannot_be_used_is_refused_before_anything_is_scored(check: str, install: Any) -> None:
    install(check)
    with pytest.raises(UsageError, match=NAME) as refused:
        Judge(settings(checks={NAME: "warn"}), COUNTER)
    assert refused.value.setting == ("quality", "checks", NAME)
