"""The kill switch: however rows are cut into windows, it trips as a plain rolling count does."""

from __future__ import annotations

import json
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from scorekit.quality.switch import PoorRows, SwitchRules, SwitchState, WindowOutcome, advance, suggested

GAPS = st.lists(st.integers(0, 4), max_size=14)
ROWS = GAPS.map(lambda gaps: [poor for gap in gaps for poor in [False] * gap + [True]])
"""Rows by how many good ones stand before each poor one: close to where a rule trips."""
RULES = st.tuples(st.integers(1, 5), st.integers(0, 7)).map(
    lambda pair: SwitchRules(poor=pair[0], last=pair[0] + pair[1])
)


def positions(rows: list[bool]) -> np.ndarray:
    return np.flatnonzero(np.array(rows, dtype=bool)).astype(np.int64)


def outcome(rows: list[bool], rules: SwitchRules, *, failed: bool = False, cuts: int = 1) -> WindowOutcome:
    poor = PoorRows(rules)
    for chunk in np.array_split(np.array(rows, dtype=bool), cuts):
        poor.add(len(chunk), positions(list(chunk)))
    return WindowOutcome.of(poor, failed=failed)


def rolling(rows: list[bool], rules: SwitchRules) -> int | None:
    """The row at which a plain rolling count trips."""
    last: deque[bool] = deque(maxlen=rules.last)
    for number, poor in enumerate(rows):
        last.append(poor)
        if sum(last) >= (rules.poor or 0):
            return number
    return None


def split(data: st.DataObject, rows: list[bool]) -> list[list[bool]]:
    ends = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    return [rows[start:end] for start, end in zip([0, *ends], [*ends, len(rows)], strict=True)]


@settings(max_examples=600)
@given(ROWS, RULES, st.data())
def test_it_trips_in_the_window_where_a_rolling_count_does(
    rows: list[bool], rules: SwitchRules, data: st.DataObject
) -> None:
    state, end, trips_at = SwitchState(), 0, rolling(rows, rules)
    for window in split(data, rows):
        state, reason = advance(state, outcome(window, rules, cuts=data.draw(st.integers(1, 4))), rules)
        end += len(window)
        assert (state.position == "open") == (trips_at is not None and trips_at < end)
        if reason is not None:
            assert reason.endswith(f"among the last {rules.last}")
    assert len(state.recent) < (rules.poor or 0)


@settings(max_examples=600)
@given(ROWS, RULES, st.data())
def test_every_row_of_a_failed_window_is_poor(
    rows: list[bool], rules: SwitchRules, data: st.DataObject
) -> None:
    state, said = SwitchState(), []
    for window in split(data, rows):
        failed = data.draw(st.booleans())
        said += [True] * len(window) if failed else window
        state, _ = advance(state, outcome(window, rules, failed=failed), rules)
        assert (state.position == "open") == (rolling(said, rules) is not None)


@given(ROWS, RULES, st.integers(1, 5), st.integers(0, 80))
def test_what_was_counted_survives_a_restart_anywhere(
    rows: list[bool], rules: SwitchRules, cuts: int, at: int
) -> None:
    whole, poor = outcome(rows, rules, cuts=cuts), PoorRows(rules)
    poor.add(len(rows[:at]), positions(rows[:at]))
    poor = PoorRows.from_dict(json.loads(json.dumps(poor.to_dict())))
    poor.add(len(rows[at:]), positions(rows[at:]))
    assert WindowOutcome.of(poor, failed=False) == whole


@given(st.lists(ROWS, max_size=6), st.integers(1, 60))
def test_the_total_counts_over_windows(windows: list[list[bool]], total: int) -> None:
    rules, state, count = SwitchRules(total=total), SwitchState(), 0
    for window in windows:
        state, _ = advance(state, outcome(window, rules), rules)
        count += sum(window)
        assert (state.position == "open") == (count >= total)


def test_failed_windows_in_a_row() -> None:
    rules, state = SwitchRules(windows=2), SwitchState()
    bad, good = WindowOutcome(10, 10, failed=True), WindowOutcome(10, 0)
    for window in (bad, good, bad):
        state, reason = advance(state, window, rules)
        assert reason is None
    state, reason = advance(state, bad, rules)
    assert (state.position, reason) == ("open", "2 windows failed in a row")


def test_open_stays_open() -> None:
    state = SwitchState("open", seen=7, total_poor=3)
    for window in (WindowOutcome(1000, 0), WindowOutcome(10, 10, failed=True)):
        assert advance(state, window, SwitchRules(windows=1)) == (state, None)


def test_clean_windows_close_a_half_open_switch() -> None:
    rules, state = SwitchRules(windows=1, half_open_windows=2), SwitchState("half_open")
    state, reason = advance(state, WindowOutcome(10, 1), rules)
    assert (state.position, state.clean_windows, reason) == ("half_open", 1, None)
    state, reason = advance(state, WindowOutcome(0, 0), rules)
    assert state.clean_windows == 1, "a window without rows shows nothing"
    assert advance(state, WindowOutcome(10, 0), rules) == (SwitchState(), "2 clean windows in a row")


def test_windows_that_say_nothing_close_no_switch() -> None:
    rules, state = SwitchRules(windows=1, half_open_windows=2), SwitchState("half_open")
    clean, unknown = WindowOutcome(10, 0), WindowOutcome(10, 0, clean=False)
    for window in (unknown, unknown, clean, unknown, clean):
        state, reason = advance(state, window, rules)
        assert (state.position, reason) == ("half_open", None)
    assert advance(state, clean, rules)[0].position == "closed"


def test_who_has_no_rules_leaves_the_switch_to_those_who_have() -> None:
    rules, state = SwitchRules(last=100, poor=3, half_open_windows=1), SwitchState()
    state, _ = advance(state, outcome([True] * 2, rules), rules)
    none = SwitchRules()
    state, _ = advance(state, outcome([False] * 5, none), none)
    assert (state.recent, state.seen) == ((0, 1), 7)
    assert advance(state, outcome([True], rules), rules)[0].position == "open"
    for window in (WindowOutcome(10, 0), WindowOutcome(10, 10, failed=True)):
        for _ in range(5):
            half, reason = advance(SwitchState("half_open", clean_windows=9), window, none)
            assert (half.position, reason) == ("half_open", None)


def test_three_clean_windows_unless_told_otherwise() -> None:
    assert SwitchRules(windows=2).closes_after == 3
    assert SwitchRules(half_open_windows=5).declared
    assert not SwitchRules().declared


@given(ROWS, RULES, st.data())
def test_a_part_of_a_window_counts_as_a_window_of_those_rows(
    rows: list[bool], rules: SwitchRules, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    spans = [(place, place + 1) for place, keep in enumerate(kept) if keep]
    chosen = [row for row, keep in zip(rows, kept, strict=True) if keep]
    failed = data.draw(st.booleans())
    whole, plain = (outcome(each, rules, failed=failed) for each in (rows, chosen))
    part = whole.part(spans, rules)
    if failed or len({*whole.head, *whole.tail}) == whole.poor:
        assert part == plain
    else:
        assert part.rows == plain.rows
        assert part.reached >= plain.reached
        if rows:
            assert part.poor == -(-whole.poor * len(chosen) // len(rows))


@pytest.mark.parametrize("rules", [SwitchRules(total=99), SwitchRules(windows=5, half_open_windows=1)])
def test_a_failed_window_opens_a_half_open_switch(rules: SwitchRules) -> None:
    state, reason = advance(SwitchState("half_open"), WindowOutcome(10, 10, failed=True), rules)
    assert (state.position, reason) == ("open", "a window failed while the switch was half open")


def test_poor_rows_open_a_half_open_switch_too() -> None:
    rules = SwitchRules(total=3, half_open_windows=1)
    state, reason = advance(SwitchState("half_open"), WindowOutcome(10, 3), rules)
    assert state.position == "open"
    assert reason == "3 poor scores since the last reset; the limit is 3"


def test_without_rules_nothing_trips() -> None:
    state, reason = advance(SwitchState(), outcome([True] * 50, SwitchRules(), failed=True), SwitchRules())
    assert (state.position, state.total_poor, reason) == ("closed", 50, None)


@given(st.integers(1, 3000), st.floats(1e-5, 0.3))
def test_the_suggested_number_is_the_smallest_that_chance_does_not_reach(last: int, rate: float) -> None:
    try:
        found = suggested(last, rate)
    except ValueError:
        assert rate**last > 1e-4 * (1 - 1e-9)
        return
    assert binom.sf(found - 1, last, rate) <= 1e-4 < binom.sf(found - 2, last, rate)


def test_one_percent_of_a_thousand() -> None:
    assert suggested(1000, 0.01) == 25


@pytest.mark.parametrize("numbers", [{"poor": 3}, {"last": 3}, {"poor": 4, "last": 3}, {"total": 0}])
def test_rules_that_mean_nothing_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"poor score|number of 1 or more"):
        SwitchRules(**numbers)
