"""The record of a run: its windows, the kill switch they move, the alerts they raise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from scorekit.quality.switch import PoorRows, SwitchState, WindowOutcome
from scorekit.quality.verdict import Finding, Verdict

if TYPE_CHECKING:
    from scorekit.policy import Policy
    from scorekit.state.database import Cursor
    from scorekit.state.ledger import Ledger, Recorded, Run, Tell
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
        self._untold: tuple[str, ...] = ()

    def begin(self, run_id: str) -> None:
        """What follows is of this run; one that was begun goes on."""
        if run_id not in self._runs:
            manifest = self._manifest
            self._runs[run_id] = self._ledger.begin(
                manifest.name, manifest.version, run_id, self._kind, self._output
            )
        self._run = self._runs[run_id]

    def window(
        self,
        number: int,
        verdict: Verdict,
        poor: PoorRows,
        first_row: int | None = None,
        digest: str = "",
        fallback: int | None = None,
    ) -> Recorded:
        """Write down a window and its alerts; how the switch stands after it.

        Parameters
        ----------
        number : int
            Of the window within the run, from 0.
        verdict : Verdict
        poor : PoorRows
            Of the same rows.
        first_row : int, optional
            Of the window within the run, from 0; by default, those of a window by itself.
        digest : str, optional
            Of the input: other rows under the same run id are counted.
        fallback : int, optional
            Rows that the fallback answered; by default as many as the window says.
        """
        run = self._begun()
        clean = verdict.state in ("ok", "warn")
        outcome = WindowOutcome.of(poor, failed=verdict.failed, clean=clean)
        asked = time.monotonic()
        first = number * _APART if first_row is None else first_row
        tell = self._telling(_heard(verdict), settled=_settled(verdict))
        recorded = self._ledger.record(
            run,
            number,
            first,
            verdict,
            outcome,
            self._rules,
            fallback=fallback,
            digest=digest,
            tell=tell,
        )
        self._switch, self._read_at = recorded.state, asked
        if recorded.untold is not None:
            self._untold = (recorded.untold,)
        return recorded

    def amend(self, number: int, fallback: int, findings: Sequence[Finding]) -> None:
        """Add to a window that was recorded what the fallback answered in its place.

        Parameters
        ----------
        number : int
            Of the window within the run.
        fallback : int
            Rows that it answered.
        findings : sequence of Finding
            In its answers.
        """
        tell = self._telling(findings, settled=False)
        self._ledger.amend(self._begun(), number, fallback, findings, tell=tell)

    def _begun(self) -> Run:
        assert self._run is not None  # noqa: S101 - begun before anything is scored
        return self._run

    def _telling(self, findings: Sequence[Finding], *, settled: bool) -> Tell | None:
        """What writes alerts of findings and of the switch."""
        outbox = self._outbox
        if outbox is None:
            return None
        about: dict[str, object] = {"version": self._manifest.version, "run_id": self._begun().run_id}

        def tell(cursor: Cursor, recorded: Recorded) -> None:
            heard = (*findings, switch_finding(recorded.state, recorded.reason))
            outbox.put(cursor, self._manifest.name, heard, about, settled=settled)

        return tell

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

    def finish_lost(self, run_id: str, ending: Ending) -> None:
        """Say how a run ended that was killed before it could."""
        self._ledger.finish_lost(self._manifest.name, run_id, ending)

    def send_alerts(self) -> tuple[str, ...]:
        """Send the alerts that are due; which could not be sent."""
        if self._outbox is None:
            return ()
        untold, self._untold = self._untold, ()
        return (*untold, *self._outbox.send(self._manifest.name).failures)


def _settled(verdict: Verdict) -> bool:
    """Whether there were rows enough for a check that says nothing to have found nothing."""
    return bool(verdict.window.rows) and verdict.state != "insufficient"


def _heard(verdict: Verdict) -> tuple[Finding, ...]:
    """What is told of a window; one without rows has found nothing to be good."""
    if verdict.window.rows:
        return verdict.findings
    return tuple(found for found in verdict.findings if found.state != "ok")


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
