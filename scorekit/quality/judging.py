"""Judging a window: every check is made, and the policy says what comes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import msgspec

from scorekit.nearest import nearest
from scorekit.quality.checks import BY_ID, CHECKS, ROW_CHECKS, Check, Evidence, FallbackPsi
from scorekit.quality.counting import ColumnCounts, Counter
from scorekit.quality.settings import QualitySettings, misfit
from scorekit.quality.stability import ColumnStability, compare
from scorekit.quality.verdict import SEVERITY, Action, Finding, Outcome, Verdict
from scorekit.quality.window import Window

if TYPE_CHECKING:
    from scorekit.quality.ladder import AnswerCounter

ENTRY_POINTS = "scorekit.checks"


class Judge:
    """Judges windows of one model by one policy.

    Parameters
    ----------
    settings : QualitySettings
    counter : Counter or None
        None where the model has no baseline.
    answers : AnswerCounter, optional
        Of the fallback, where one is declared.

    Raises
    ------
    UsageError
        If the policy names a check that there is none of, or asks of one what it cannot do.
    """

    def __init__(
        self, settings: QualitySettings, counter: Counter | None, answers: AnswerCounter | None = None
    ) -> None:
        self.settings = settings
        self.counter = counter
        self._answers = answers
        self._foreign = _foreign(settings)
        self._checks = (*CHECKS, *self._foreign)

    @property
    def foreign_may_fail(self) -> bool:
        """Whether a check of another package may stop the run where the policy does not say so."""
        return any(self.settings.action(check.id, "", check.action) == "fail" for check in self._foreign)

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
            thresholds=self.settings.thresholds,
        )

    def judge_answers(self, window: Window) -> tuple[Finding, ...]:
        """What is found in the answers of the fallback alone, in a window that it answered."""
        evidence = Evidence(window, self.settings, None, None, answer_stability=self._answered(window))
        return tuple(self._made(FallbackPsi(), evidence))

    def _answered(self, window: Window) -> tuple[ColumnStability, ...]:
        if self._answers is None or not len(window.answers):
            return ()
        bins = [
            msgspec.structs.replace(bins, name=f"rung {rung + 1}") for rung, bins in self._answers.columns
        ]
        return compare(bins, self._answers.split(window.answers)[1], self.settings.thresholds)

    def _evidence(self, window: Window) -> Evidence:
        answered = self._answered(window)
        if self.counter is None:
            return Evidence(window, self.settings, None, None, answer_stability=answered)
        vector = window.counts if len(window.counts) else self.counter.nothing()
        columns = self.counter.split(vector)
        count = len(self.counter.features)
        features, scores = columns[:count], columns[count:]
        return Evidence(
            window,
            self.settings,
            features,
            scores,
            self._stability(features),
            self._stability(scores),
            answered,
        )

    def _stability(self, columns: Sequence[ColumnCounts]) -> tuple[ColumnStability, ...]:
        bins, counts = [column.bins for column in columns], [column.counts for column in columns]
        return compare(bins, counts, self.settings.thresholds)

    def _made(self, check: Check, evidence: Evidence) -> Iterator[Finding]:
        """Findings of one check; of one that raises, that it could not be made."""
        try:
            findings = [_sound(check, found) for found in check.check(evidence)]
        except Exception as error:  # noqa: BLE001 - a check may be anybody's
            findings = [Finding(check.id, "unknown", f"the check raised {type(error).__name__}")]
        for found in findings:
            action = self.settings.action(check.id, found.column, check.action)
            # the rows are dealt with one by one; whether they are too many is for row.rejected to say
            handled = check.id in ROW_CHECKS and action in ("row", "warn")
            state = "warn" if handled and found.state == "alarm" else found.state
            yield replace(found, action=action, state=state)


def _outcome(findings: Sequence[Finding]) -> Outcome:
    actions = {found.action for found in findings if found.bad}
    return "fail" if "fail" in actions else "window" if "window" in actions else "pass"


def _sound(check: Check, found: Finding) -> Finding:
    """A finding as others may rely on it, whoever made it."""
    if found.state not in SEVERITY:
        raise ValueError(found.state)
    value, expected = (None if number is None else float(number) for number in (found.value, found.expected))
    return replace(
        found,
        check=check.id,
        message=str(found.message),
        column=str(found.column or ""),
        value=value,
        expected=expected,
    )


def _foreign(settings: QualitySettings) -> tuple[Check, ...]:
    """The checks of other packages that a policy names; what it asks of each check is possible."""
    asked = _asked(settings)
    known: dict[str, Check] = dict(BY_ID)
    for path, action in asked.items():
        name = path[-1]
        if name not in known:
            known[name] = _entry_point(path)
        if action == "row" and name not in ROW_CHECKS:
            raise misfit(
                f"{name} looks at the whole window: its action is not row",
                *path,
                hint="write ignore, warn, window or fail",
            )
        if path[0] == "columns" and name in BY_ID and not _of_column(name):
            raise misfit(
                f"{name} is not of one column", *path, hint=f'write it in [quality.checks]: "{name}" = …'
            )
    return tuple(check for name, check in known.items() if name not in BY_ID)


def _asked(settings: QualitySettings) -> Mapping[tuple[str, ...], Action]:
    """What the policy says of checks, by the names of the tables it stands in and its own."""
    asked: dict[tuple[str, ...], Action] = {
        ("checks", name): action for name, action in settings.checks.items()
    }
    for column, own in settings.columns.items():
        asked |= {("columns", column, "checks", name): action for name, action in own.checks.items()}
    return asked


def _of_column(name: str) -> bool:
    return name.startswith("column.") or (name in ROW_CHECKS and name != "score.finite")


def _entry_point(path: tuple[str, ...]) -> Check:
    from importlib.metadata import entry_points

    name = path[-1]
    found = entry_points(group=ENTRY_POINTS, name=name)
    if not found:
        near = nearest(name, BY_ID)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(BY_ID)}"
        raise misfit(f"there is no check {name!r}", *path, hint=hint)
    try:
        check: Check = next(iter(found)).load()()
        said, action = check.id, check.action
    except Exception as error:  # whatever a foreign package raises
        raise misfit(f"the check {name!r} cannot be loaded: {error}", *path) from error
    if said != name or action not in get_args(Action):
        raise misfit(
            f"the check {name!r} calls itself {said!r}, and its action is {action!r}",
            *path,
            hint="its id is the name of its entry point, its action one of those of a policy",
        )
    return check
