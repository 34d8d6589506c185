"""The ledger: what is counted once, latched, written down and read back, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.quality.switch import SwitchRules, SwitchState
from scorekit.quality.verdict import Finding
from scorekit.state import history, moments, rows
from scorekit.state import ledger as ledger_module
from scorekit.state.ledger import Ledger, Recorded
from tests.state import samples
from tests.state.samples import record


def test_a_switch_nobody_touched_is_closed(ledger: Ledger) -> None:
    assert ledger.switch("bank") == SwitchState()
    assert ledger.switch("bank").since is None
    assert ledger.audit("bank") == ()


def test_failed_windows_trip_it_and_say_by_which_rule(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch", "scores.parquet")
    rules = SwitchRules(windows=2)
    first = record(ledger, run, 0, failed=True, rules=rules)
    assert (first.tripped, first.reason, first.state.position) == (False, None, "closed")
    second = record(ledger, run, 1, failed=True, rules=rules)
    assert (second.tripped, second.reason) == (True, "2 windows failed in a row")
    third = record(ledger, run, 2, rules=rules)
    assert (third.tripped, third.state.position) == (False, "open")
    (change,) = ledger.audit("bank")
    assert (change.who, change.from_position, change.to_position) == ("scorekit", "closed", "open")
    assert (change.why, change.run_id) == ("2 windows failed in a row", "night")
    assert ledger.switch("bank").since == change.at
    assert ledger.switch("other").position == "closed"


def test_poor_rows_are_counted_over_windows_runs_and_processes(migrated: str) -> None:
    with Ledger.open(url=migrated) as one, Ledger.open(url=migrated) as other:
        record(one, one.begin("bank", 7, "a", "stream"), 0, 20, (17, 19))
        tripped = record(other, other.begin("bank", 8, "b", "serve"), 0, 20, (0, 6))
        assert tripped.reason == "4 poor scores among the last 10"
        assert one.switch("bank").position == "open"


def test_a_run_that_is_repeated_counts_once(ledger: Ledger) -> None:
    for attempt in range(3):
        run = ledger.begin("bank", 7, "night", "batch")
        recorded = record(ledger, run, 0, failed=True)
        ledger.finish(run, "degraded", 100)
        assert recorded.repeated == (attempt > 0)
        assert recorded.state.bad_windows == 1
        assert not recorded.tripped or attempt == 0
    assert len(history_of(ledger).runs) == 1


def test_a_run_of_another_model_is_another_and_one_of_another_version_is_not(ledger: Ledger) -> None:
    runs = [("bank", 7), ("bank", 8), ("other", 7)]
    recorded = [record(ledger, ledger.begin(*which, "night", "batch"), 0, 20, (1,)) for which in runs]
    assert [each.repeated for each in recorded] == [False, True, False]
    assert [each.state.total_poor for each in recorded] == [1, 1, 1]
    assert [run.version for run in history_of(ledger).runs] == [7, 8]


def test_a_window_without_rows_counts_once_too(ledger: Ledger) -> None:
    for version in (7, 7, 8):
        run = ledger.begin("bank", version, "night", "batch")
        recorded = record(ledger, run, 0, 0, failed=True, digest="none")
    assert (recorded.repeated, recorded.state.bad_windows) == (True, 1)
    assert record(ledger, run, 0, 0, failed=True, digest="other").tripped


def test_other_rows_under_the_same_run_id_are_counted(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch")
    first = record(ledger, run, 0, 20, (1,), digest="monday")
    other = record(ledger, run, 0, 20, (1, 2), digest="tuesday")
    again = record(ledger, run, 0, 20, (1,), digest="monday")
    assert [each.repeated for each in (first, other, again)] == [False, False, True]
    assert (again.state.seen, again.state.total_poor) == (40, 3)
    assert [window.rejected for window in history_of(ledger).windows] == [2, 1]


def test_rows_that_nobody_knows_are_others_where_they_go_elsewhere(ledger: Ledger) -> None:
    for output in ("one.parquet", "other.parquet", "one.parquet"):
        run = ledger.begin("bank", 7, "night", "batch", output)
        recorded = record(ledger, run, 0, 20, (1,))
    assert (recorded.repeated, recorded.state.seen) == (True, 40)
    for output in ("one.parquet", "other.parquet"):
        run = ledger.begin("bank", 7, "night", "batch", output)
        record(ledger, run, 0, 20, (1,), digest="known")
    assert ledger.switch("bank").seen == 60


def test_rows_cut_into_other_windows_count_once(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "feed", "stream")
    record(ledger, run, 0, 40, (1,))
    record(ledger, run, 1, 40, (2,))
    inside = record(ledger, run, 7, 20, (3,), first_row=50)
    across = record(ledger, run, 8, 30, (3,), first_row=30)
    assert inside.repeated
    assert across.repeated
    assert ledger.switch("bank").total_poor == 2
    beyond = record(ledger, run, 9, 40, (3,), first_row=80)
    assert (beyond.repeated, beyond.state.total_poor) == (False, 3)


def test_a_window_that_grew_counts_by_what_it_grew(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "feed", "stream")
    record(ledger, run, 3, 40, (1,), first_row=120)
    grown = record(ledger, run, 3, 70, (1, 50), first_row=120)
    assert (grown.repeated, grown.state.seen, grown.state.total_poor) == (False, 70, 2)
    assert record(ledger, run, 3, 40, (1,), first_row=120).repeated
    assert record(ledger, run, 3, 70, (1, 50), first_row=120).repeated, "what it lost was counted too"


WINDOWS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 15)), max_size=12)


@given(WINDOWS)
def test_however_windows_overlap_each_row_counts_once(windows: list[tuple[int, int]]) -> None:
    rules, poor = SwitchRules(last=1000, poor=40), {row for row in range(50) if row % 3 == 0}
    with tempfile.TemporaryDirectory() as folder, Ledger.open(url=f"sqlite:///{folder}/state.db") as ledger:
        run = ledger.begin("bank", 7, "feed", "stream")
        covered: set[int] = set()
        for number, (first, count) in enumerate(windows):
            rows = set(range(first, first + count))
            found = tuple(row - first for row in sorted(rows & poor))
            made = record(ledger, run, number, count, found, first_row=first, rules=rules)
            assert made.repeated == (rows <= covered)
            covered |= rows
            assert (made.state.seen, made.state.total_poor) == (len(covered), len(covered & poor))


def test_rows_between_others_are_counted(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "feed", "stream")
    for first in (0, 60, 30):
        record(ledger, run, first, 10, first_row=first)
    across = record(ledger, run, 99, 80, (5, 15, 35, 75), first_row=0, rules=SwitchRules(poor=9, last=99))
    assert (across.state.seen, across.state.total_poor) == (80, 2)


def test_a_window_that_is_repeated_is_shown_as_it_was_last(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch")
    record(ledger, run, 0, failed=True)
    record(ledger, run, 0)
    (window,) = history_of(ledger).windows
    assert (window.state, window.outcome, window.reason) == ("ok", "pass", "")
    assert len(window.verdicts) == 4


def test_everything_that_was_judged_is_written_down(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch", "out\udcff.parquet")
    record(ledger, run, 3, 100, (1, 2), failed=True)
    ledger.finish(run, "degraded", 100)
    found = history_of(ledger)
    (window,), (past,) = found.windows, found.runs
    assert (window.version, window.run_id, window.kind, window.number) == (7, "night", "batch", 3)
    assert (window.first_row, window.rows, window.rejected) == (300, 100, 2)
    assert window.reason == "score.psi score: the scores have moved"
    assert window.counts == {
        ("feature", "age"): (31, 39, 30),
        ("feature", "score"): (1, 2, 3),
        ("score", "score"): (90, 5, 5),
    }
    assert set(window.psi()) == {"age", "score"}
    said = {(each.check, each.column): each for each in window.verdicts}
    assert said["score.psi", "score"].value == pytest.approx(samples.verdict(failed=True).findings[0].value)
    assert said["input.rows", ""].value is None
    assert (past.outcome, past.rows, past.output) == ("degraded", 100, "out\\udcff.parquet")
    assert past.finished is not None
    assert past.finished >= past.started


def test_a_run_or_window_that_is_repeated_stands_last(ledger: Ledger) -> None:
    for name in ("monday", "tuesday", "monday"):
        run = ledger.begin("bank", 7, name, "batch")
        for number in (0, 1):
            record(ledger, run, number)
    found = history_of(ledger)
    assert [past.run_id for past in found.runs] == ["tuesday", "monday"]
    seen = [(window.run_id, window.number) for window in found.windows]
    assert seen == [("tuesday", 0), ("tuesday", 1), ("monday", 0), ("monday", 1)]
    assert [window.run_id for window in history_of(ledger, last=1).windows] == ["monday"]


def test_what_the_fallback_answered_is_added_once(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch")
    record(ledger, run, 0, failed=True)
    before = ledger.switch("bank")
    found = (Finding("fallback.psi", "warn", "its answers have moved", "rung 1", value=0.2),)
    for _ in range(2):
        ledger.amend(run, 0, 100, found)
    (window,) = history_of(ledger).windows
    assert (window.fallback, window.state) == (100, "alarm")
    said = [each for each in window.verdicts if each.check == "fallback.psi"]
    assert [(each.column, each.state, each.value) for each in said] == [("rung 1", "warn", 0.2)]
    assert len(window.verdicts) == 5
    assert ledger.switch("bank") == before
    ledger.amend(run, 7, 100, found)
    assert len(history_of(ledger).windows) == 1


def test_a_window_is_counted_whatever_becomes_of_its_alerts(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch")

    def fail(cursor: Any, recorded: Recorded) -> None:
        cursor.execute("DELETE FROM scorekit_windows")
        cursor.execute("SELECT nothing FROM nowhere")

    def crash(cursor: Any, recorded: Recorded) -> None:
        raise RuntimeError("SECRET")

    for number, tell in enumerate((fail, crash)):
        made = record(ledger, run, number, 20, (1,), tell=tell)
        assert (made.state.seen, made.untold is not None) == (20 * number + 20, True)
    assert made.untold == "alerts were not written down: RuntimeError was raised"
    assert len(history_of(ledger).windows) == 2


def test_alerts_are_in_the_transaction_of_the_window(ledger: Ledger) -> None:
    """Stopped between the two, neither is there."""
    run = ledger.begin("bank", 7, "night", "batch")

    def stopped(cursor: Any, recorded: Recorded) -> None:
        assert recorded.state.seen == 20
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(ledger, run, 0, 20, (1,), tell=stopped)
    assert (ledger.switch("bank").seen, history_of(ledger).windows) == (0, ())


def history_of(ledger: Ledger, **limits: object) -> history.History:
    return history.read("bank", url=address(ledger), **limits)


def address(ledger: Ledger) -> str:
    """The URL of a ledger's database."""
    return ledger.shown if "://" in ledger.shown else f"sqlite:///{ledger.shown}"


def test_only_a_person_closes_it_and_everything_stands_in_the_audit(ledger: Ledger) -> None:
    ledger.trip("bank", "Ada", "wrong feed")
    run = ledger.begin("bank", 7, "night", "batch")
    assert record(ledger, run, 0).state.position == "open"
    ledger.reset("bank", "Bob", "feed mended", half_open=True)
    assert record(ledger, run, 1).state.position == "half_open"
    closed = record(ledger, run, 2)
    assert (closed.state.position, closed.tripped) == ("closed", False)
    assert closed.reason == "2 clean windows in a row"
    moves = [(move.who, move.from_position, move.to_position, move.why) for move in ledger.audit("bank")]
    assert moves == [
        ("Ada", "closed", "open", "wrong feed"),
        ("Bob", "open", "half_open", "feed mended"),
        ("scorekit", "half_open", "closed", "2 clean windows in a row"),
    ]


def test_a_reset_counts_from_nothing(ledger: Ledger) -> None:
    run = ledger.begin("bank", 7, "night", "batch")
    record(ledger, run, 0, 20, (18, 19))
    assert ledger.reset("bank", "Ada", "known") == SwitchState()
    assert record(ledger, run, 1, 20, (0, 1)).state.total_poor == 2


def test_a_new_process_takes_over_what_stands_there(migrated: str) -> None:
    with Ledger.open(url=migrated) as first:
        tripped = first.trip("bank", "Ada", "wrong feed")
    with Ledger.open(url=migrated) as second:
        found = second.switch("bank")
        assert (found, found.since, found.updated) == (tripped, tripped.since, tripped.updated)
        assert len(second.audit("bank")) == 1


def test_a_clock_that_goes_backwards_changes_no_order(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=each) for each in range(40)])
    monkeypatch.setattr(ledger_module, "now", lambda: next(times))
    run = ledger.begin("bank", 7, "night", "batch")
    for number in range(3):
        record(ledger, run, number)
    ledger.trip("bank", "Ada", "first")
    ledger.reset("bank", "Ada", "second")
    ledger.trip("bank", "Ada", "third")
    assert [move.why for move in ledger.audit("bank")] == ["first", "second", "third"]
    assert ledger.switch("bank").position == "open"
    assert [window.number for window in history_of(ledger).windows] == [0, 1, 2]
    assert [window.number for window in history_of(ledger, last=2).windows] == [1, 2]


def test_times_are_utc_wherever_one_is(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        before = moments.now()
        ledger.trip("bank", "Ada", "feed")
        (change,) = ledger.audit("bank")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert before <= change.at <= moments.now()
    assert change.at.utcoffset() == timedelta(0)


def test_text_that_a_database_would_not_take_is_written_all_the_same(ledger: Ledger) -> None:
    ledger.trip("bank", "Ada\0", "a name that is no text: \udcff; 'quoted'; %s :model")
    (change,) = ledger.audit("bank")
    assert (change.who, change.why) == ("Ada\\0", "a name that is no text: \\udcff; 'quoted'; %s :model")


def test_switches_survive_the_trip_through_json() -> None:
    state = SwitchState("half_open", 100, 7, 1, 2, (3, 99))
    row = rows.switch_row(state)
    order = ("position", "seen", "total_poor", "bad_windows", "clean_windows", "recent")
    assert rows.read_switch([*(row[name] for name in order), None, None]) == state
    assert json.loads(row["recent"]) == [3, 99]


PROGRAM = """
import sys
from scorekit.state.ledger import Ledger
from tests.state.samples import record
with Ledger.open(sys.argv[1]) as ledger:
    run = ledger.begin("bank", 7, "night", "batch")
    record(ledger, run, 0, failed=True)
    ledger.finish(run, "published", 100)
    ledger.switch("bank"), ledger.audit("bank"), ledger.trip("bank", "Ada", "x")
print(*sys.modules)
"""


def test_the_hot_path_on_sqlite_loads_no_database_toolkit(tmp_path: Path) -> None:
    Ledger.open(str(tmp_path)).close()
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True, cwd=root
    )
    loaded = set(done.stdout.split())
    assert "sqlite3" in loaded
    assert not loaded & {"sqlalchemy", "alembic", "psycopg", "scipy", "pandas", "rich"}
