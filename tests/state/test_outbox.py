"""The outbox: what is told is told once, whoever writes and sends, and nothing is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from pydantic import TypeAdapter

from scorekit.alerts import AlertSettings
from scorekit.alerts.channel import MANY
from scorekit.quality.verdict import Finding
from scorekit.state import moments
from scorekit.state import outbox as outbox_module
from scorekit.state.ledger import Ledger
from scorekit.state.outbox import AT_ONCE, EXPIRES, FIRST_WAIT, Outbox
from tests.alerts.servers import Receiver, receiver

BAD = Finding("score.psi", "alarm", "the scores have moved", column="score", value=0.4, expected=0.25)
GOOD = Finding("score.psi", "ok", "the scores have not moved", column="score")


def settings(*urls: str, cool_down: str = "6h") -> AlertSettings:
    channels = [{"kind": "webhook", "name": f"hook {place}", "url": url} for place, url in enumerate(urls)]
    return TypeAdapter(AlertSettings).validate_python({"cool_down": cool_down, "channels": channels})


def together(url: str, count: int, work: Callable[[Ledger], None]) -> None:
    """Let several do the same at the same moment, each with a connection of its own."""
    start = threading.Barrier(count)
    failures: list[BaseException] = []

    def one() -> None:
        try:
            with Ledger.open(url=url) as ledger:
                start.wait(30)
                work(ledger)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_what_several_find_at_once_is_told_once(migrated: str) -> None:
    for number in range(5):
        told: list[object] = []
        together(
            migrated,
            4,
            lambda ledger, model=f"bank-{number}", told=told: told.extend(
                Outbox(ledger, settings("http://127.0.0.1:1/")).write(model, [BAD])
            ),
        )
        assert len(told) == 1


def test_what_is_due_is_sent_once_however_many_send(migrated: str) -> None:
    with receiver() as one, receiver() as other:
        told = settings(one.url, other.url)
        with Ledger.open(url=migrated) as ledger:
            for number in range(10):
                Outbox(ledger, told).write("bank", [bad(f"x{number}")], settled=False)
        together(migrated, 4, lambda ledger: Outbox(ledger, told).send("bank") and None)
        for seen in (one, other):
            columns = [body["column"] for _, _, body in seen.requests]
            assert sorted(columns) == [f"x{number}" for number in range(10)]


def bad(column: str) -> Finding:
    return replace(BAD, check="column.psi", column=column)


def test_a_channel_that_is_down_keeps_nobody_else_waiting(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(status=500) as broken, receiver() as well:
        told = Outbox(ledger, settings(f"{broken.url}/SECRET", well.url))
        told.write("bank", [BAD, bad("age")])
        sent = told.send("bank")
        assert (sent.sent, len(sent.failures), len(broken.requests)) == (2, 1, 1)
        assert told.send("bank").sent == 0
        assert len(broken.requests) == 2, "the second alert was not tried yet, the first one waits"
        assert len(errors(ledger)) == 2
        assert all("500" in error and "SECRET" not in error for error in errors(ledger))
        broken.status = 200
        broken.requests.clear()
        assert told.send("bank").sent == 0
        later = moments.now() + FIRST_WAIT * 2
        monkeypatch.setattr(outbox_module, "now", lambda: later)
        assert told.send("bank").sent == 2
        assert {body["column"] for _, _, body in broken.requests} == {"score", "age"}


def test_people_get_what_a_window_found_in_one_message_and_programs_one_by_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [bad(f"x{number}") for number in range(MANY + 2)]
    with receiver(status=500) as people, receiver() as programs:
        channels = [{"kind": "slack", "url": people.url}, {"kind": "webhook", "url": programs.url}]
        told = Outbox(ledger, TypeAdapter(AlertSettings).validate_python({"channels": channels}))
        told.write("bank", found)
        assert told.send("bank").sent == len(found)
        assert [body["column"] for _, _, body in programs.requests] == [each.column for each in found]
        assert len(people.requests) == 1, "the second message was not tried yet, the first one waits"
        people.status = 200
        people.requests.clear()
        later = moments.now() + FIRST_WAIT * 2
        monkeypatch.setattr(outbox_module, "now", lambda: later)
        assert told.send("bank").sent == len(found)
        first, second = (body["text"] for _, _, body in people.requests)
        assert f"x0 and {MANY - 1} more" in first
        assert f"x{MANY} and 1 more" in second
        assert [name for name in (each.column for each in found) if f" {name}*" in first + second] == [
            each.column for each in found
        ]


def test_alerts_of_a_model_go_where_its_own_settings_say(ledger: Ledger) -> None:
    with receiver() as one, receiver() as other:
        ours, theirs = Outbox(ledger, settings(one.url)), Outbox(ledger, settings(other.url))
        ours.write("bank", [BAD])
        theirs.write("other", [BAD])
        assert ours.send("bank").sent == 1
        assert theirs.send("other").sent == 1
        for seen, model in ((one, "bank"), (other, "other")):
            assert [body["model"] for _, _, body in seen.requests] == [model]


def test_who_shares_a_channel_sends_alerts_of_its_own_model(ledger: Ledger) -> None:
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        told.write("bank", [BAD])
        told.write("other", [BAD])
        assert told.send("other").sent == 1
        assert [body["model"] for _, _, body in seen.requests] == ["other"]


def test_an_alert_is_not_sent_to_an_address_it_was_not_for(ledger: Ledger) -> None:
    with receiver() as before, receiver() as now:
        Outbox(ledger, settings(f"{before.url}/SECRET")).write("bank", [BAD])
        assert Outbox(ledger, settings(f"{now.url}/SECRET")).send("bank").sent == 0
        assert Outbox(ledger, settings(f"{before.url}/SECRET")).send("bank").sent == 1
        assert "SECRET" not in str(rows(ledger, "SELECT channel FROM scorekit_deliveries"))


def test_deliveries_to_nobody_keep_nobody_waiting(ledger: Ledger) -> None:
    with receiver() as seen:
        gone = Outbox(ledger, settings("http://127.0.0.1:1/gone"))
        gone.write("bank", [bad(f"x{number}") for number in range(AT_ONCE + 1)])
        told = Outbox(ledger, settings(seen.url))
        told.write("bank", [BAD], settled=False)
        assert told.send("bank").sent == 1


def test_what_was_not_sent_for_long_is_not_sent_any_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        told.write("bank", [BAD])
        later = moments.now() + EXPIRES
        monkeypatch.setattr(outbox_module, "now", lambda: later)
        assert told.send("bank").sent == 0


def test_an_alert_does_not_resolve_for_want_of_rows(ledger: Ledger) -> None:
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        told.write("bank", [BAD, bad("age")])
        assert told.write("bank", [], settled=False) == ()
        (resolved,) = told.write("bank", [GOOD], settled=False)
        assert (resolved.check, resolved.status) == ("score.psi", "resolved")
        (resolved,) = told.write("bank", [])
        assert (resolved.column, resolved.status) == ("age", "resolved")


def errors(ledger: Ledger) -> list[str]:
    """What stands of deliveries that failed."""

    return rows(ledger, "SELECT last_error FROM scorekit_deliveries WHERE last_error IS NOT NULL")


def rows(ledger: Ledger, query: str) -> list[str]:
    def work(cursor: Any) -> list[str]:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]

    return ledger.read(work)


def test_it_fires_once_then_resolves(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        for findings in ([BAD], [BAD], [GOOD], [GOOD]):
            told.write("bank", findings, {"run_id": "night"})
            told.send("bank")
        later = moments.now() + timedelta(days=1)
        monkeypatch.setattr(outbox_module, "now", lambda: later)
        assert told.send("bank").sent == 0
    bodies = [body for _, _, body in seen.requests]
    assert [body["status"] for body in bodies] == ["firing", "resolved"]
    assert bodies[0]["details"]["run_id"] == "night"
    assert bodies[0]["details"]["value"] == 0.4
    assert bodies[0]["fingerprint"] == bodies[1]["fingerprint"]


def test_a_sender_that_died_on_the_way_leaves_the_alert_to_others(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        told.write("bank", [BAD])
        (delivery,) = told._due("bank", told._channels[0])
        assert told._claim([delivery])
        assert not told._claim([delivery])
        assert told.send("bank").sent == 0
        later = moments.now() + FIRST_WAIT * 2
        monkeypatch.setattr(outbox_module, "now", lambda: later)
        assert told.send("bank").sent == 1
    assert len(seen.requests) == 1


def test_a_clock_that_goes_backwards_loses_no_alert(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=each) for each in range(4)]
    with receiver() as seen:
        told = Outbox(ledger, settings(seen.url))
        for at, findings in zip(times, ([BAD], [GOOD], [BAD], [GOOD]), strict=True):
            monkeypatch.setattr(outbox_module, "now", lambda at=at: at)
            told.write("bank", findings)
            told.send("bank")
    assert [body["status"] for _, _, body in seen.requests] == ["firing", "resolved"] * 2


# Alerts against a plain model of them --------------------------------------------------

STATES = {"ok": 0, "warn": 1, "alarm": 2}
SEVERITIES = {1: "warning", 2: "critical"}
COOL_DOWN = timedelta(hours=6)


class Alerts(RuleBasedStateMachine):
    """Two write and send while a channel comes and goes; what arrives is what had to be told."""

    ledgers: tuple[Ledger, Ledger]
    channel: Receiver
    clock = datetime(2030, 1, 1, tzinfo=UTC)
    count = 0

    def __init__(self) -> None:
        super().__init__()
        Alerts.count += 1
        self.firing: dict[str, tuple[int, datetime]] = {}
        self.told: list[tuple[str, str, str]] = []
        self.arrived: list[tuple[str, str, str]] = []

    def _outbox(self, other: bool) -> Outbox:
        return Outbox(self.ledgers[other], settings(self.channel.url))

    def _send(self, other: bool, *, up: bool) -> None:
        self.channel.status = 200 if up else 503
        for which in "ab":
            self.channel.requests.clear()
            sent = self._outbox(other).send(f"{which}-{Alerts.count}")
            assert bool(sent.failures) <= (not up)
            bodies = [body for _, _, body in self.channel.requests] if up else []
            self.arrived += [(body["model"], body["status"], body["severity"]) for body in bodies]

    @rule(which=st.sampled_from("ab"), state=st.sampled_from(sorted(STATES)), other=st.booleans())
    def judge(self, which: str, state: str, other: bool) -> None:
        model = f"{which}-{Alerts.count}"
        found = Finding("score.psi", state, "as it is", column="score")
        told = self._outbox(other).write(model, [found])
        expected = self._expected(model, STATES[state])
        assert [(alert.status, alert.severity) for alert in told] == expected
        self.told += [(model, *each) for each in expected]

    def _expected(self, model: str, level: int) -> list[tuple[str, str]]:
        before, last = self.firing.get(model, (0, self.clock))
        if level == 0:
            self.firing.pop(model, None)
            return [("resolved", SEVERITIES[before])] if before else []
        if before == 0 or level > before or self.clock - last >= COOL_DOWN:
            self.firing[model] = (max(level, before), self.clock)
            return [("firing", SEVERITIES[level])]
        return []

    @rule(up=st.booleans(), other=st.booleans())
    def send(self, up: bool, other: bool) -> None:
        self._send(other, up=up)

    @rule(minutes=st.sampled_from([1, 30, 200, 400]))
    def wait(self, minutes: int) -> None:
        Alerts.clock += timedelta(minutes=minutes)

    def teardown(self) -> None:
        for _ in range(3):
            Alerts.clock += timedelta(hours=2)
            self._send(False, up=True)
        assert sorted(self.arrived) == sorted(self.told)


def test_what_arrives_is_what_had_to_be_told(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "now", lambda: Alerts.clock)
    with (
        receiver() as Alerts.channel,
        Ledger.open(url=migrated) as one,
        Ledger.open(url=migrated) as other,
    ):
        Alerts.ledgers = (one, other)
        run_state_machine_as_test(
            Alerts,
            settings=hypothesis.settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=[hypothesis.HealthCheck.too_slow],
            ),
        )
