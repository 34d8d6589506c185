"""Judging a window: every check is made, and the policy says what comes of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scorekit.errors import UsageError
from scorekit.quality.checks import BY_ID, CHECKS, Check, Evidence
from scorekit.quality.counting import ColumnCounts, Counter
from scorekit.quality.settings import QualitySettings
from scorekit.quality.stability import ColumnStability, compare
from scorekit.quality.verdict import SEVERITY, Action, Finding, Outcome, Verdict
from scorekit.quality.window import Window

ENTRY_POINTS = "scorekit.checks"


class Judge:
    """Judges windows of one model by one policy.

    Parameters
    ----------
    settings : QualitySettings
    counter : Counter or None
        None where the model has no baseline.

    Raises
    ------
    UsageError
        If the policy names a check that there is none of.
    """

    def __init__(self, settings: QualitySettings, counter: Counter | None) -> None:
        self.settings = settings
        self.counter = counter
        self._checks = (*CHECKS, *_foreign(settings))

    def judge(self, window: Window) -> Verdict:
        """The verdict of a window.

        Parameters
        ----------
        window : Window
            Its counts are those of the judge's counter.
        """
        evidence = self._evidence(window)
        findings = [found for check in self._checks for found in self._made(check, evidence)]
        heard = [found for found in findings if found.action != "ignore"]
        ordered = sorted(heard, key=lambda found: -SEVERITY[found.state])
        return Verdict(
            state=ordered[0].state if ordered else "ok",
            outcome=_outcome(heard),
            findings=tuple(ordered),
            features=tuple(evidence.feature_stability),
            scores=tuple(evidence.score_stability),
            window=window,
        )

    def _evidence(self, window: Window) -> Evidence:
        if self.counter is None:
            return Evidence(window, self.settings, None, None)
        vector = window.counts if len(window.counts) else self.counter.nothing()
        columns = self.counter.split(vector)
        count = len(self.counter.features)
        features, scores = columns[:count], columns[count:]
        return Evidence(
            window, self.settings, features, scores, self._stability(features), self._stability(scores)
        )

    def _stability(self, columns: Sequence[ColumnCounts]) -> tuple[ColumnStability, ...]:
        bins, counts = [column.bins for column in columns], [column.counts for column in columns]
        return compare(bins, counts, self.settings.thresholds)

    def _made(self, check: Check, evidence: Evidence) -> Iterator[Finding]:
        """Findings of one check; of one that raises, that it could not be made."""
        try:
            findings = list(check.check(evidence))
        except Exception as error:  # noqa: BLE001 - a check may be anybody's
            findings = [Finding(check.id, "unknown", f"the check raised {type(error).__name__}")]
        for found in findings:
            yield replace(found, action=self._action(check, found.column))

    def _action(self, check: Check, column: str) -> Action:
        own = self.settings.columns.get(column)
        named = own.checks.get(check.id) if own else None
        return named or self.settings.checks.get(check.id, check.action)


def _outcome(findings: Sequence[Finding]) -> Outcome:
    actions = {found.action for found in findings if found.bad}
    return "fail" if "fail" in actions else "window" if "window" in actions else "pass"


def _foreign(settings: QualitySettings) -> tuple[Check, ...]:
    """The checks of other packages that a policy names."""
    wanted = [name for name in settings.checks if name not in BY_ID]
    return tuple(map(_entry_point, wanted))


def _entry_point(name: str) -> Check:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINTS, name=name)
    if not found:
        known = ", ".join(BY_ID)
        raise UsageError(f"there is no check {name!r}", hint=f"known are {known}", code="policy")
    try:
        check: Check = next(iter(found)).load()()
    except Exception as error:  # whatever a foreign package raises
        raise UsageError(f"the check {name!r} cannot be loaded: {error}", code="policy") from error
    return check
