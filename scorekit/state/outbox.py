"""The outbox: alerts are written down before they are sent, so that none is lost on the way.

Several processes may send from one outbox. Each claims a delivery before it sends, by
putting off the next attempt; one that is killed on the way leaves the alert to be sent
again, so that an alert may come twice but never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scorekit.alerts import Alert, AlertSettings, AlertState, Channel, Decided, decide, open_channels
from scorekit.errors import DeliveryFailed
from scorekit.quality.verdict import Finding
from scorekit.state import statements
from scorekit.state.database import Cursor
from scorekit.state.ledger import Ledger
from scorekit.state.moments import now, read_moment

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""Until an alert that was not taken is sent again; the wait doubles."""
MOST_ATTEMPTS = 100
"""Some days of them."""
EXPIRES = timedelta(days=60)
"""After which an alert is not sent any more: who it was for may have been removed from the settings."""
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert on its way to one channel."""

    key: int
    channel: str
    attempts: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the alerts that were due.

    Attributes
    ----------
    sent : int
    failures : tuple of str
        Why others were not, once for each channel; they are sent again later.
    """

    sent: int
    failures: tuple[str, ...] = ()


class Outbox:
    """Alerts of the models of a state database.

    Parameters
    ----------
    ledger : Ledger
    settings : AlertSettings
    channels : sequence of Channel, optional
        By default those of the settings.

    Raises
    ------
    UsageError
        If the secret of a channel is not where it should be.
    """

    def __init__(
        self, ledger: Ledger, settings: AlertSettings, channels: Sequence[Channel] | None = None
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._channels = tuple(open_channels(settings) if channels is None else channels)

    def write(
        self,
        model: str,
        findings: Sequence[Finding],
        details: dict[str, object] | None = None,
        *,
        settled: bool = True,
    ) -> tuple[Alert, ...]:
        """Decide what is told of a window, and write it down.

        Parameters
        ----------
        model : str
        findings : sequence of Finding
            All there are of the window.
        details : dict, optional
            What every alert carries.
        settled : bool
            Whether a check that says nothing has found nothing, as ``decide`` has it.
        """

        def work(cursor: Cursor) -> tuple[Alert, ...]:
            # what was told is read and written by one process at a time, or several tell the same
            self._ledger.hold(cursor, model)
            return self.put(cursor, model, findings, details, settled=settled)

        return self._ledger.write(work)

    def put(
        self,
        cursor: Cursor,
        model: str,
        findings: Sequence[Finding],
        details: dict[str, object] | None = None,
        *,
        settled: bool = True,
    ) -> tuple[Alert, ...]:
        """What ``write`` does, in a transaction that holds the model."""
        say = self._ledger.database.execute
        say(cursor, statements.READ_ALERT_STATES, {"model": model})
        previous = [_state(row) for row in cursor.fetchall()]
        cool_down = self._settings.cool_down
        decided = decide(model, previous, findings, now(), cool_down, details, settled=settled)
        self._write(cursor, decided)
        return decided.alerts

    def _write(self, cursor: Cursor, decided: Decided) -> None:
        say = self._ledger.database.execute
        for state in decided.states:
            say(cursor, statements.WRITE_ALERT_STATE, _state_row(state))
        for alert in decided.alerts:
            say(cursor, statements.WRITE_ALERT, _alert_row(alert))
            say(cursor, statements.FIND_ALERT, {"model": alert.model})
            key = cursor.fetchone()[0]
            for channel in self._channels:
                if channel.wants(alert):
                    row = {"alert_key": key, "channel": channel.identity, "now": alert.created}
                    say(cursor, statements.WRITE_DELIVERY, row)

    def send(self, model: str) -> Sent:
        """Send what is due of a model; a channel that fails is left alone until the next time.

        What is due to a channel that is not in the settings, or leads elsewhere now, is left
        to a process that knows it.

        Raises
        ------
        Unreachable
            If the state database does not answer. What a channel does raises nothing.
        """
        sent, failures = 0, list[str]()
        for channel in self._channels:
            try:
                due = self._due(model, channel)
                for start in range(0, len(due), channel.most):
                    sent += self._deliver(channel, due[start : start + channel.most])
            except DeliveryFailed as failure:
                failures.append(failure.message)
        return Sent(sent, tuple(failures))

    def _deliver(self, channel: Channel, due: Sequence[Delivery]) -> int:
        """Send in one message what no other process sends; how many those were."""
        mine = self._claim(due)
        if not mine:
            return 0
        try:
            channel.send(*(delivery.alert for delivery in mine))
        except DeliveryFailed as failure:
            self._failed(mine, failure.message)
            raise
        self._sent(mine)
        return len(mine)

    def _due(self, model: str, channel: Channel) -> list[Delivery]:
        def work(cursor: Cursor) -> list[Delivery]:
            at = now()
            bounds = {
                "model": model,
                "channel": channel.identity,
                "now": at,
                "oldest": at - EXPIRES,
                "most": MOST_ATTEMPTS,
                "limit": AT_ONCE,
            }
            self._ledger.database.execute(cursor, statements.READ_DELIVERIES, bounds)
            return [_delivery(row) for row in cursor.fetchall()]

        return self._ledger.read(work)

    def _claim(self, due: Sequence[Delivery]) -> list[Delivery]:
        """Those that no other process sends now."""

        def claimed(cursor: Cursor, delivery: Delivery) -> bool:
            later = now() + _wait(delivery.attempts)
            row = {"delivery_key": delivery.key, "attempts": delivery.attempts, "later": later}
            self._ledger.database.execute(cursor, statements.CLAIM_DELIVERY, row)
            return bool(cursor.rowcount)

        return self._ledger.write(lambda cursor: [one for one in due if claimed(cursor, one)])

    def _sent(self, mine: Sequence[Delivery]) -> None:
        self._say(statements.SENT_DELIVERY, [{"delivery_key": one.key, "now": now()} for one in mine])

    def _failed(self, mine: Sequence[Delivery], error: str) -> None:
        at = now()
        rows = [{"delivery_key": one.key, "error": error, "later": at + _wait(one.attempts)} for one in mine]
        self._say(statements.FAILED_DELIVERY, rows)

    def _say(self, statement: str, rows: Sequence[Mapping[str, object]]) -> None:
        def work(cursor: Cursor) -> None:
            for row in rows:
                self._ledger.database.execute(cursor, statement, row)

        self._ledger.write(work)


def _wait(attempts: int) -> timedelta:
    doubled: timedelta = FIRST_WAIT * (1 << min(attempts, 10))
    return min(doubled, LONGEST_WAIT)


def _moment(value: object) -> datetime:
    return read_moment(value) or datetime.fromtimestamp(0, UTC)  # type: ignore[arg-type]  # never null


def _state(row: Sequence[object]) -> AlertState:
    model, check, column, status, severity, since, last_sent = row
    named = (str(model), str(check), str(column))
    return AlertState(*named, status, severity, _moment(since), _moment(last_sent))  # type: ignore[arg-type]  # written by us


def _state_row(state: AlertState) -> dict[str, object]:
    return {
        "fingerprint": state.fingerprint,
        "model": state.model,
        "check_name": state.check,
        "column_name": state.column,
        "status": state.status,
        "severity": state.severity,
        "since": state.since,
        "last_sent": state.last_sent,
    }


def _alert_row(alert: Alert) -> dict[str, object]:
    return {
        "model": alert.model,
        "fingerprint": alert.fingerprint,
        "check_name": alert.check,
        "column_name": alert.column,
        "severity": alert.severity,
        "status": alert.status,
        "summary": alert.summary,
        "details": json.dumps(dict(alert.details), default=str),
        "created": alert.created,
    }


def _delivery(row: Sequence[object]) -> Delivery:
    key, channel, attempts, model, check, column, severity, status, summary, details, created = row
    alert = Alert(
        str(model),
        str(check),
        str(column),
        severity,  # type: ignore[arg-type]  # written by us
        status,  # type: ignore[arg-type]  # written by us
        str(summary),
        json.loads(str(details)),
        _moment(created),
    )
    return Delivery(int(str(key)), str(channel), int(str(attempts)), alert)
