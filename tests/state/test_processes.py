"""Several processes on one state: nothing is lost, made twice or seen by halves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scorekit.quality.switch import SwitchRules
from scorekit.state import history, migrate, place, revisions
from scorekit.state.ledger import Ledger
from tests.state.processes import Worker, at_once
from tests.state.samples import RULES, record


def test_eight_processes_open_a_database_that_is_not_there(url: str) -> None:
    at_once(url, "hurry", 8)
    found = history.read("bank", last=1000, url=url)
    assert found.switch.position == "open", "80 rows are poor, where 50 are too many"
    assert len([move for move in found.audit if move.to_position == "open"]) == 1
    assert len(found.windows) == 80
    assert {run.outcome for run in found.runs} == {"published"}
    assert len(found.runs) == 8
    assert migrate.upgrade(place.find(url=url)).before == revisions.HEAD


def test_processes_that_trip_and_reset_at_once_leave_one_line_of_changes(migrated: str) -> None:
    at_once(migrated, "quarrel", 3)
    with Ledger.open(url=migrated) as ledger:
        moves, switch = ledger.audit("bank"), ledger.switch("bank")
    assert len(moves) == 150
    assert [move.from_position for move in moves] == ["closed", *(move.to_position for move in moves[:-1])]
    assert switch.position == moves[-1].to_position


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    run = ledger.begin("bank", 1, "feed", "serve")

    def score(place_: int) -> None:
        for number in range(place_, 40, 4):
            record(ledger, run, number, 20, (number % 20,), rules=SwitchRules())

    threads = [threading.Thread(target=score, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.switch("bank").seen, ledger.switch("bank").total_poor) == (800, 40)


def test_a_child_leaves_its_parents_connection_alone(ledger: Ledger) -> None:
    import os

    ledger.trip("bank", "parent", "before")
    parents = ledger._connection()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ledger.reset("bank", "child", "meanwhile")
            code = int(ledger._connection() is parents)
            ledger.close()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    ledger.trip("bank", "parent", "after")
    assert [move.who for move in ledger.audit("bank")] == ["parent", "child", "parent"]


def test_a_process_that_is_killed_at_any_moment_loses_or_counts_nothing_twice(migrated: str) -> None:
    for attempt in range(12):
        with Worker(migrated, "steady", "0") as worker:
            assert worker.line() == "ready"
            for _ in range(attempt):
                worker.line()
            time.sleep(0.0004 * attempt)
            worker.process.kill()
            worker.process.wait()
    with Worker(migrated, "steady", "300") as worker:
        assert worker.process.communicate(timeout=120)[1] == ""
    found = history.read("bank", last=1000, url=migrated)
    assert len(found.windows) == 300
    assert (found.switch.seen, found.switch.total_poor) == (300 * 20, 300)
    assert all(len(window.verdicts) == 4 and len(window.counts) == 3 for window in found.windows)
    assert [run.outcome for run in found.runs] == ["published"]


# The switch against a plain model of it -----------------------------------------------


class Switches(RuleBasedStateMachine):
    """Two processes trip, reset and record; a list of rows says what has to come of it."""

    url: str
    worker: Worker
    ledger: Ledger
    count = 0

    def __init__(self) -> None:
        super().__init__()
        Switches.count += 1
        self.model = f"model-{Switches.count}"
        self.position = "closed"
        self.rows: list[bool] = []
        self.failed = self.clean = 0
        self.recorded: list[dict[str, Any]] = []
        self.moves: list[tuple[str, str, str]] = []

    def _ask(self, other: bool, do: str, **request: Any) -> Any:
        if other:
            return self.worker.ask(do, model=self.model, **request)
        from tests.state.worker import answer

        return answer(self.ledger, {"do": do, "model": self.model, **request})

    def _move(self, who: str, to: str) -> None:
        self.moves.append((who, self.position, to))
        self.position = to

    @rule(other=st.booleans())
    def trip(self, other: bool) -> None:
        assert self._ask(other, "trip", who="Ada", why="feed") == "open"
        self._move("Ada", "open")

    @rule(other=st.booleans(), half_open=st.booleans())
    def reset(self, other: bool, half_open: bool) -> None:
        self._ask(other, "reset", who="Bob", why="mended", half_open=half_open)
        self._move("Bob", "half_open" if half_open else "closed")
        self._forget()

    def _forget(self) -> None:
        self.rows, self.failed, self.clean = [], 0, 0

    @rule(other=st.booleans(), poor=st.lists(st.booleans(), min_size=1, max_size=12), failed=st.booleans())
    def score(self, other: bool, poor: list[bool], failed: bool) -> None:
        request = {
            "run_id": f"run {len(self.recorded) % 2}",
            "number": len(self.recorded),
            "first_row": 100 * len(self.recorded),
            "rows": len(poor),
            "poor": [place for place, is_poor in enumerate(poor) if is_poor],
            "failed": failed,
        }
        self.recorded.append(request)
        before = self.position
        position, tripped, repeated = self._ask(other, "record", **request)
        self._count(poor, failed)
        assert (position, tripped) == (self.position, self.position == "open" != before)
        assert not repeated

    def _count(self, poor: list[bool], failed: bool) -> None:
        """What the rules say, counted in the plainest way."""
        if self.position == "open":
            return
        start = len(self.rows)
        self.rows += [True] * len(poor) if failed else poor
        self.failed = self.failed + 1 if failed else 0
        self.clean = 0 if failed else self.clean + 1
        crowded = any(
            sum(self.rows[max(0, end - RULES.last) : end]) >= RULES.poor
            for end in range(start + 1, len(self.rows) + 1)
        )
        full = sum(self.rows) >= RULES.total or self.failed >= RULES.windows
        if crowded or full or (failed and self.position == "half_open"):
            self._move("scorekit", "open")
        elif self.position == "half_open" and self.clean >= RULES.half_open_windows:
            self._move("scorekit", "closed")
            self._forget()

    @precondition(lambda self: self.recorded)
    @rule(other=st.booleans(), data=st.data())
    def score_again(self, other: bool, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.recorded))
        assert self._ask(other, "record", **request) == [self.position, False, True]

    @invariant()
    def everybody_sees_the_same(self) -> None:
        assert self._ask(True, "switch") == self._ask(False, "switch") == self.position

    @invariant()
    def every_change_stands_in_the_audit(self) -> None:
        audit = self.ledger.audit(self.model)
        assert [(move.who, move.from_position, move.to_position) for move in audit] == self.moves


@pytest.fixture
def machine(migrated: str) -> Iterator[type[Switches]]:
    with Worker(migrated) as worker, Ledger.open(url=migrated) as ledger:
        Switches.url, Switches.worker, Switches.ledger = migrated, worker, ledger
        yield Switches


def test_the_switch_does_what_its_rules_say(machine: type[Switches]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
