"""Alerts are told when something changes, grows worse or goes on, and never twice for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.alerts import Alert, AlertState, Decided, decide
from scorekit.alerts.decision import fingerprint_of
from scorekit.quality.verdict import Finding

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COOL_DOWN = 6 * HOUR


class World:
    """Decides one window after the other, as the state database would."""

    def __init__(self) -> None:
        self.states: dict[str, AlertState] = {}

    def window(self, hours: float, *findings: Finding) -> tuple[Alert, ...]:
        decided = self.decided(hours, *findings)
        self.states |= {state.fingerprint: state for state in decided.states}
        return decided.alerts

    def decided(self, hours: float, *findings: Finding) -> Decided:
        return decide("bank", self.states.values(), findings, START + hours * HOUR, COOL_DOWN, {"version": 3})


def finding(
    state: str = "alarm", column: str = "age", check: str = "column.psi", **kwargs: object
) -> Finding:
    return Finding(check, state, f"it is {state}", column, value=0.3, expected=0.1, **kwargs)  # type: ignore[arg-type]


def told(alerts: tuple[Alert, ...]) -> list[tuple[str, str]]:
    return [(alert.status, alert.severity) for alert in alerts]


def test_what_is_good_is_not_told() -> None:
    assert World().decided(0, finding("ok"), finding("insufficient", "job")) == Decided((), ())


def test_it_is_told_once_until_the_cool_down_ends_and_when_it_is_good_again() -> None:
    world = World()
    (first,) = world.window(0, finding())
    assert (first.model, first.check, first.column) == ("bank", "column.psi", "age")
    assert (first.status, first.severity, first.summary) == ("firing", "critical", "it is alarm")
    assert first.details["version"] == 3
    assert first.details["value"] == 0.3
    assert first.created == START
    assert world.window(1, finding()) == ()
    assert world.window(5.9, finding()) == ()
    (again,) = world.window(6, finding())
    assert again.fingerprint == first.fingerprint
    assert again.details["since"] == START.isoformat()
    assert world.window(7, finding()) == ()
    (good,) = world.window(8, finding("ok"))
    assert (good.status, good.severity, good.summary) == ("resolved", "critical", "it is ok")
    assert good.details["since"] == START.isoformat()
    assert world.window(20, finding("ok")) == ()
    assert told(world.window(21, finding())) == [("firing", "critical")]


def test_growing_worse_is_told_at_once_and_growing_better_is_not() -> None:
    world = World()
    assert told(world.window(0, finding("warn"))) == [("firing", "warning")]
    assert told(world.window(1, finding("alarm"))) == [("firing", "critical")]
    assert world.window(2, finding("warn")) == ()
    assert world.window(3, finding("alarm")) == ()
    assert told(world.window(7, finding("warn"))) == [("firing", "warning")]
    assert told(world.window(8, finding("ok"))) == [("resolved", "critical")]


def test_a_check_that_could_not_run_is_critical() -> None:
    assert told(World().window(0, finding("unknown"))) == [("firing", "critical")]


def test_what_a_policy_ignores_is_not_told_and_is_over_once_it_does() -> None:
    world = World()
    assert world.window(0, finding(action="ignore")) == ()
    world.window(1, finding())
    assert told(world.window(2, finding(action="ignore"))) == [("resolved", "critical")]


def test_too_few_rows_change_nothing() -> None:
    world = World()
    world.window(0, finding())
    assert world.window(10, finding("insufficient")) == ()
    assert told(world.window(11, finding())) == [("firing", "critical")]


def test_a_check_that_is_silent_of_a_column_has_found_it_good() -> None:
    world = World()
    world.window(0, finding(check="row.invalid"))
    (good,) = world.window(1, finding("ok"))
    assert (good.check, good.status, good.summary) == ("row.invalid", "resolved", "nothing is wrong any more")


def test_two_things_wrong_with_one_column_are_one_alert_as_bad_as_the_worse() -> None:
    both = [
        Finding("row.invalid", "warn", "3 rows: infinite", "age"),
        Finding("row.invalid", "alarm", "2 rows: not a number", "age"),
        Finding("row.invalid", "alarm", "2 rows: not a number", "age"),
    ]
    (alert,) = World().window(0, *both)
    assert (alert.severity, alert.summary) == ("critical", "3 rows: infinite; 2 rows: not a number")


def test_a_clock_that_goes_backwards_silences_for_one_cool_down_at_most() -> None:
    world = World()
    world.window(1000, finding())
    assert world.window(0, finding()) == ()
    assert world.window(5.9, finding()) == ()
    assert told(world.window(6, finding())) == [("firing", "critical")]
    assert told(world.window(-500, finding("ok"))) == [("resolved", "critical")]
    assert told(world.window(-501, finding("warn"))) == [("firing", "warning")]
    assert told(world.window(-502, finding("alarm"))) == [("firing", "critical")]


def test_a_fingerprint_is_of_model_check_and_column() -> None:
    names = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("a", "b", "")]
    assert len({fingerprint_of(*name) for name in names}) == 4
    assert fingerprint_of("bank", "column.psi", "age") == "fe93d66f2372fcc6"
    assert len(fingerprint_of("bank", "column.psi", "\ud800")) == 16


STATES = st.sampled_from(["ok", "insufficient", "warn", "unknown", "alarm"])


@given(st.lists(st.tuples(STATES, st.floats(-48, 48)), max_size=30))
def test_whatever_happens_what_was_told_last_is_what_holds(steps: list[tuple[str, float]]) -> None:
    world = World()
    last: Alert | None = None
    for state, hours in steps:
        alerts = world.window(hours, finding(state))
        assert len(alerts) <= 1
        before, last = last, alerts[0] if alerts else last
        if state in ("warn", "unknown", "alarm"):
            assert last is not None
            assert last.status == "firing"
            assert state == "warn" or last.severity == "critical" or told_worse(world)
        elif state == "ok":
            assert last is None or last.status == "resolved"
        else:
            assert last is before
        assert world.decided(hours, finding(state)).alerts == ()


def told_worse(world: World) -> bool:
    """A worse state was told since it fires, and only a reminder was milder."""
    return all(state.severity == "critical" for state in world.states.values())


@pytest.mark.parametrize("count", [0, 3])
def test_each_column_has_its_own(count: int) -> None:
    alerts = World().window(0, *(finding(column=f"x{number}") for number in range(count)))
    assert [alert.column for alert in alerts] == [f"x{number}" for number in range(count)]
