"""The gate between scores and what is downstream: every window is judged, then published or not.

A gate knows the policy, the baseline, and the kill switch of the model, which is one for
all processes that share a state database. Batch, stream and service hand it their
windows; what it decides, they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scorekit.errors import QualityError, ScorekitError, SwitchOpen, Unreachable
from scorekit.fallbacks import answering_of
from scorekit.model import Model
from scorekit.policy import Policy
from scorekit.quality.checks import ROW_CHECKS
from scorekit.quality.counting import Counter
from scorekit.quality.judging import Judge
from scorekit.quality.rows import RowRules
from scorekit.quality.switch import PoorRows, SwitchState
from scorekit.quality.verdict import Finding, OnFail, Verdict
from scorekit.quality.window import Window
from scorekit.recording import Ending, Kind, Record
from scorekit.scoring import Scorer

if TYPE_CHECKING:
    from scorekit.answering import Answering
    from scorekit.state.ledger import Ledger


Action = Literal["publish", "replace", "withhold"]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What becomes of a window.

    Attributes
    ----------
    verdict : Verdict
    action : {"publish", "replace", "withhold"}
        ``replace`` publishes the fallback's scores instead of the model's.
    switch : SwitchState or None
        As it stands after the window was counted; None without a state database.
    refusal : ScorekitError or None
        Why it is withheld.
    repeated : bool
        Whether its rows were counted for the switch before, and were not again.
    """

    verdict: Verdict
    action: Action
    switch: SwitchState | None = None
    refusal: ScorekitError | None = None
    repeated: bool = False


class Gate:
    """Judges the windows of one run.

    Parameters
    ----------
    model : Model
    policy : Policy
    on_fail : {"warn", "fallback", "fail"}, optional
        What a failed window does, if not what the policy says.
    ledger : Ledger, optional
        Where windows are recorded and the kill switch is kept; without one there is none.
    kind : {"batch", "stream", "serve"}
    output : str
        Where scores go, for the record.

    Attributes
    ----------
    scorer : Scorer
        Counts what the gate judges, and holds rows against the policy.

    Raises
    ------
    UsageError
        If the policy names a column or a check that there is none of.
    """

    def __init__(
        self,
        model: Model,
        policy: Policy,
        *,
        on_fail: OnFail | None = None,
        ledger: Ledger | None = None,
        kind: Kind = "batch",
        output: str = "",
    ) -> None:
        self.model = model
        self.policy = policy
        self.on_fail: OnFail = on_fail or policy.quality.on_fail
        manifest, baseline = model.manifest, model.baseline
        counter = Counter(baseline, manifest.inputs) if baseline else None
        with policy.located("fallback", "ladder"):
            self._answering = answering_of(model, policy, required=self.on_fail == "fallback")
        answers = self._answering.counter if self._answering is not None else None
        with policy.located():
            self._rules = RowRules(policy.quality, manifest.inputs)
            self._judge = Judge(policy.quality, counter, answers)
        self.scorer = self._scorer(counter, self._answering)
        self._record = Record(ledger, manifest, policy, kind=kind, output=output) if ledger else None

    def may_withhold(self, *, with_ids: bool) -> bool:
        """Whether a window may turn out not to be published as the model scored it.

        Parameters
        ----------
        with_ids : bool
            Whether its rows have ids, which may stand twice.
        """
        settings, switch = self.policy.quality, self.policy.switch
        rows = settings.rows
        return (
            self.on_fail != "warn"
            or "fail" in settings.checks.values()
            or (with_ids and "input.duplicates" not in settings.checks)
            or any("fail" in column.checks.values() for column in settings.columns.values())
            or self._judge.foreign_may_fail
            or any(
                limit is not None
                for limit in (rows.least, rows.most, switch.poor, switch.total, switch.windows)
            )
        )

    def decisive(self) -> dict[str, str]:
        """What of the policy changes how rows are scored and counted, not how they are judged."""
        quality, switch = self.policy.quality, self.policy.switch
        checks = sorted(item for item in quality.checks.items() if item[0] in ROW_CHECKS)
        # without a ladder in the policy, the one of the version answers where one is required
        ladder = self.policy.ladder or (self.on_fail == "fallback")
        versions = self._answering.versions if self._answering is not None else ()
        return {"policy": repr((quality.columns, checks, ladder, versions, switch.last, switch.poor))}

    def begin(self, run_id: str) -> None:
        """Keep a record of what follows as of a run; one that was begun goes on.

        Raises
        ------
        Unreachable
            If the state database cannot be read or written: the switch then counts as open.
        """
        if self._record is not None:
            self._record.begin(run_id)

    def finish(self, ending: Ending, rows: int) -> tuple[str, ...]:
        """Say how the run ended; which alert channels could not be told of it."""
        return self._record.finish(ending, rows) if self._record is not None else ()

    def finish_lost(self, run_id: str, ending: Ending) -> None:
        """Say how a run of the model ended that was killed before it could.

        Raises
        ------
        Unreachable
            If the state database cannot be written.
        """
        if self._record is not None:
            self._record.finish_lost(run_id, ending)

    def send_alerts(self) -> tuple[str, ...]:
        """Send the alerts that are due, while the run goes on; which channels could not be told."""
        return self._record.send_alerts() if self._record is not None else ()

    def poor_rows(self) -> PoorRows:
        """Where a window's poor rows are counted."""
        return PoorRows(self.policy.switch)

    def judge(self, window: Window) -> Verdict:
        """The verdict of a window; nothing is recorded."""
        return self._judge.judge(window)

    def judge_answers(self, window: Window) -> tuple[Finding, ...]:
        """What is found in the answers of the fallback, in a window that it answered as a whole."""
        return self._judge.judge_answers(window)

    def decide(
        self,
        number: int,
        window: Window,
        poor: PoorRows,
        *,
        first_row: int | None = None,
        digest: str = "",
        fallback: int | None = None,
    ) -> Decision:
        """Judge a window, record it, and say what becomes of it.

        Parameters
        ----------
        number : int
            Of the window within the run, from 0: with the run's id it tells the window from
            all others, so that a run that is repeated counts once.
        window : Window
        poor : PoorRows
            Of the same rows.
        first_row : int, optional
            Of the window within the run, from 0, where its windows follow each other; by
            default they are outputs, each with rows of its own.
        digest : str, optional
            Of the input: other rows under the same run id are counted, not taken for a repeat.
        fallback : int, optional
            Rows that the fallback answered; by default as many as the window says.
        """
        verdict = self.judge(window)
        try:
            record = self._record
            recorded = record.window(number, verdict, poor, first_row, digest, fallback) if record else None
        except Unreachable as unreachable:
            # a switch that cannot be read counts as open
            return Decision(verdict, "withhold", refusal=unreachable)
        switch = recorded.state if recorded is not None else None
        repeated = recorded is not None and recorded.repeated
        refusal = self.refused_by(switch) or self._refused_by_quality(verdict)
        if refusal is not None:
            return Decision(verdict, "withhold", switch, refusal, repeated)
        action: Action = "replace" if self._replaces(verdict) else "publish"
        return Decision(verdict, action, switch, repeated=repeated)

    def amend(self, number: int, window: Window, findings: Sequence[Finding]) -> None:
        """Add to the record of a window that was replaced what the fallback answered.

        Parameters
        ----------
        number : int
            Of the window within the run, as ``decide`` was told.
        window : Window
            As the fallback answered it.
        findings : sequence of Finding
            In its answers.

        Raises
        ------
        Unreachable
            If the state database cannot be written.
        """
        if self._record is not None:
            self._record.amend(number, window.fallback, findings)

    def _replaces(self, verdict: Verdict) -> bool:
        return verdict.outcome == "window" and self.on_fail == "fallback"

    def _refused_by_quality(self, verdict: Verdict) -> QualityError | None:
        if not verdict.failed or (verdict.outcome == "window" and self.on_fail == "warn"):
            return None
        failed = f"the quality gate failed: {said(verdict)}"
        if not self._replaces(verdict):
            return QualityError(failed, hint=self._report_hint())
        if self._standing_in(verdict).can_answer:
            return None
        return QualityError(
            f"{failed}; and every rung of the fallback uses a column whose check failed",
            hint="end the ladder with { mean = true } or { null = true }",
        )

    def read_switch(self) -> SwitchState | None:
        """How the switch stands now, for who asks beside the rows; None without a state database.

        Raises
        ------
        Unreachable
            If it cannot be read.
        """
        return self._record.switch(now=True) if self._record is not None else None

    def refused_by(self, switch: SwitchState | None) -> SwitchOpen | None:
        """Why nothing may be published while the switch stands like this; None if it is closed."""
        if switch is None or switch.position == "closed":
            return None
        name = self.model.manifest.name
        how, then = "open", "a person closes it with `scorekit switch reset`"
        if switch.position == "half_open":
            how, then = "half open", "clean windows of `scorekit score` close it, or `scorekit switch reset`"
        return SwitchOpen(
            f"the kill switch of {name} is {how}", hint=f"see `scorekit switch status -m {name}`; {then}"
        )

    def replacing(self, verdict: Verdict) -> Scorer:
        """What scores a failed window anew: the fallback answers every row, by columns that are sound."""
        return self._scorer(None, self._standing_in(verdict))

    def _standing_in(self, verdict: Verdict) -> Answering:
        assert self._answering is not None  # noqa: S101 - a policy that replaces has a fallback
        bad = (found.column for found in verdict.findings if found.state in ("alarm", "unknown"))
        return self._answering.for_window(frozenset(bad))

    def _scorer(self, counter: Counter | None, answering: Answering | None) -> Scorer:
        model = self.model
        return Scorer(
            model.manifest, model.scorer.engine, counter=counter, rules=self._rules, answering=answering
        )

    def _report_hint(self) -> str:
        return f"see `scorekit quality history -m {self.model.manifest.name}`"

    def check_switch(self, *, now: bool = False) -> None:
        """Refuse to go on while the switch is not closed.

        Parameters
        ----------
        now : bool
            Read it, however late it was read before.

        Raises
        ------
        SwitchOpen
        Unreachable
            If the state cannot be read: it counts as open.
        """
        if self._record is None:
            return
        refusal = self.refused_by(self._record.switch(now=now))
        if refusal is not None:
            raise refusal


def said(verdict: Verdict) -> str:
    """Why a window failed, or what is worst in it, in one line."""
    worst = verdict.reasons or tuple(found for found in verdict.findings if found.state == "alarm")
    first = "; ".join(map(str, worst[:3]))
    return f"{first} and {len(worst) - 3} more" if len(worst) > 3 else first
