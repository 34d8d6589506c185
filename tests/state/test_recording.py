"""The record of a run: what a window is to the switch, and who is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from scorekit.alerts import AlertSettings
from scorekit.policy import Policy
from scorekit.quality.switch import PoorRows, SwitchRules
from scorekit.quality.verdict import Finding, Verdict
from scorekit.quality.window import Window
from scorekit.recording import Record
from scorekit.state.ledger import Ledger
from tests.alerts.servers import Receiver, receiver
from tests.state import samples
from tests.state.test_faults import directly

RULES = SwitchRules(windows=3, half_open_windows=2)
VERSION: Any = SimpleNamespace(name="bank", version=7)


@pytest.fixture
def seen() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def record(ledger: Ledger, seen: Receiver) -> Record:
    return recording(ledger, seen)


def recording(ledger: Ledger, seen: Receiver) -> Record:
    channels = {"channels": [{"kind": "webhook", "url": seen.url}]}
    alerts = TypeAdapter(AlertSettings).validate_python(channels)
    made = Record(ledger, VERSION, Policy(switch=RULES, alerts=alerts), kind="batch", output="out.parquet")
    made.begin("night")
    return made


def poor(rows: int = 100) -> PoorRows:
    fed = PoorRows(RULES)
    fed.add(rows, np.zeros(0, dtype=np.int64))
    return fed


def told(seen: Receiver) -> list[tuple[str, str, str]]:
    return [(body["check"], body["column"], body["status"]) for _, _, body in seen.requests]


def test_a_failing_outbox_withholds_no_window(migrated: str, seen: Receiver) -> None:
    with Ledger.open(url=migrated) as ledger:
        made = recording(ledger, seen)
        with directly(migrated) as connection:
            connection.execute("ALTER TABLE scorekit_alert_states RENAME TO gone")
        recorded = made.window(0, samples.verdict(failed=True), poor())
        assert (recorded.state.bad_windows, recorded.state.position) == (1, "closed")
        (untold,) = made.send_alerts()
        assert untold.startswith("alerts were not written down: the state database")
        assert made.send_alerts() == ()


def test_an_alert_stands_with_its_window_whoever_sends_it(ledger: Ledger, seen: Receiver) -> None:
    recording(ledger, seen).window(0, samples.verdict(failed=True), poor())
    assert told(seen) == []
    assert recording(ledger, seen).send_alerts() == ()
    assert told(seen) == [("score.psi", "score", "firing")]


@pytest.mark.parametrize("state", ["insufficient", "unknown", "alarm"])
def test_only_windows_that_were_found_good_are_clean(ledger: Ledger, record: Record, state: Any) -> None:
    ledger.reset("bank", "Ada", "mended", half_open=True)
    verdict = replace(samples.verdict(), state=state)
    for number in range(4):
        assert record.window(number, verdict, poor()).state.position == "half_open"
    for number in range(4, 6):
        last = record.window(number, replace(samples.verdict(), state="warn"), poor())
    assert last.state.position == "closed"


@pytest.mark.parametrize("rows", [0, 20])
def test_an_alert_stands_while_there_are_too_few_rows(
    ledger: Ledger, record: Record, seen: Receiver, rows: int
) -> None:
    record.window(0, samples.verdict(failed=True), poor())
    said = (Finding("score.psi", "ok", "nothing to see", "score"),) if not rows else ()
    few = Verdict("ok" if not rows else "insufficient", "pass", said, (), (), Window(rows=rows))
    record.window(1, few, poor(rows))
    record.send_alerts()
    assert told(seen) == [("score.psi", "score", "firing")]
    record.window(2, samples.verdict(), poor())
    record.send_alerts()
    assert told(seen)[1:] == [("score.psi", "score", "resolved")]


def test_what_the_fallback_answered_is_told_and_resolves_nothing(
    ledger: Ledger, record: Record, seen: Receiver
) -> None:
    record.window(0, samples.verdict(failed=True), poor())
    record.amend(0, 100, (Finding("fallback.psi", "alarm", "its answers have moved", "rung 1"),))
    record.send_alerts()
    assert told(seen) == [("score.psi", "score", "firing"), ("fallback.psi", "rung 1", "firing")]


def test_other_rows_under_the_same_run_are_no_repeat(record: Record) -> None:
    found = [record.window(0, samples.verdict(), poor(), digest=digest) for digest in ("a", "b", "a")]
    assert [(each.repeated, each.state.seen) for each in found] == [(False, 100), (False, 200), (True, 200)]
