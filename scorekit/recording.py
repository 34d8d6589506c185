"""The record of a run: its windows, the kill switch they move, the alerts they raise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from scorekit.quality.switch import PoorRows, SwitchState, WindowOutcome
from scorekit.quality.verdict import Finding, Verdict

if TYPE_CHECKING:
    from scorekit.policy import Policy
    from scorekit.state.ledger import Ledger, Run
    from scorekit.state.outbox import Outbox
    from scorekit.store.manifest import Manifest

Kind = Literal["batch", "stream", "serve"]
Ending = Literal["published", "degraded", "quarantined", "failed"]

KNOWN_FOR = 0.5
"""Seconds for which the state of the switch may be taken as it was read: the rest of the second in which
others expect it to be known is for writing."""
_APART = 1 << 40
"""Between the first rows of two outputs of a run: in the record each has numbers of its own."""


class Record:
    """Writes down what becomes of a run, in the state that all processes share.

    Parameters
    ----------
    ledger : Ledger
    manifest : Manifest
        Of the version that scores.
    policy : Policy
        Its rules for the switch, and who is told.
    kind : {"batch", "stream", "serve"}
    output : str
        Where scores go.

    Raises
    ------
    UsageError
        If the secret of an alert channel is not where it should be.
    """

    def __init__(
        self, ledger: Ledger, manifest: Manifest, policy: Policy, *, kind: Kind, output: str
    ) -> None:
        self._ledger = ledger
        self._manifest = manifest
        self._rules = policy.switch
        self._kind = kind
        self._output = output
        self._outbox = _outbox(ledger, policy)
        self._runs: dict[str, Run] = {}
        self._run: Run | None = None
        self._read_at = -KNOWN_FOR
        self._switch: SwitchState | None = None

    def begin(self, run_id: str) -> None:
        """What follows is of this run; one that was begun goes on."""
        if run_id not in self._runs:
            manifest = self._manifest
            self._runs[run_id] = self._ledger.begin(
                manifest.name, manifest.version, run_id, self._kind, self._output
            )
        self._run = self._runs[run_id]

    def window(
        self, number: int, verdict: Verdict, poor: PoorRows, first_row: int | None = None
    ) -> SwitchState:
        """Write down a window; how the switch stands after it.

        Parameters
        ----------
        number : int
            Of the window within the run, from 0.
        verdict : Verdict
        poor : PoorRows
            Of the same rows.
        first_row : int, optional
            Of the window within the run, from 0; by default, those of a window by itself.
        """
        assert self._run is not None  # noqa: S101 - begun before anything is scored
        outcome = WindowOutcome.of(poor, failed=verdict.failed)
        asked = time.monotonic()
        first = number * _APART if first_row is None else first_row
        recorded = self._ledger.record(self._run, number, first, verdict, outcome, self._rules)
        self._switch, self._read_at = recorded.state, asked
        if self._outbox is not None:
            findings = (*verdict.findings, switch_finding(recorded.state, recorded.reason))
            about = {"version": self._manifest.version, "run_id": self._run.run_id}
            self._outbox.write(self._manifest.name, findings, about)
        return recorded.state

    def switch(self, *, now: bool = False) -> SwitchState:
        """How the switch stands, as it was read within the last second, or is ``now``.

        Raises
        ------
        Unreachable
            If it cannot be read: it counts as open.
        """
        asked = time.monotonic()
        if now or self._switch is None or asked - self._read_at >= KNOWN_FOR:
            self._switch = self._ledger.switch(self._manifest.name)
            self._read_at = asked
        return self._switch

    def finish(self, ending: Ending, rows: int) -> tuple[str, ...]:
        """Say how the run ended, and send the alerts that are due; which could not be sent."""
        for run in self._runs.values():
            self._ledger.finish(run, ending, rows)
        return self.send_alerts()

    def send_alerts(self) -> tuple[str, ...]:
        """Send the alerts that are due; which could not be sent."""
        return self._outbox.send().failures if self._outbox is not None else ()


def switch_finding(state: SwitchState, reason: str | None = None) -> Finding:
    """The switch as something to be told of."""
    if state.position == "closed":
        return Finding("switch", "ok", "the kill switch is closed")
    how = state.position.replace("_", " ")
    said = f"the kill switch is {how}: {reason}" if reason else f"the kill switch is {how}"
    return Finding("switch", "alarm" if state.position == "open" else "warn", said, action="fail")


def _outbox(ledger: Ledger, policy: Policy) -> Outbox | None:
    if policy.alerts is None or not policy.alerts.channels:
        return None
    from scorekit.state.outbox import Outbox

    return Outbox(ledger, policy.alerts)
