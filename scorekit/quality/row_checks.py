"""Checks of the input, and of rows one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from scorekit.quality.evidence import Evidence, limited
from scorekit.quality.verdict import Action, Finding, State

ROW_CODES = {
    "required": "row.required",
    "out_of_range": "row.range",
    "unseen_not_allowed": "row.unseen",
    "unseen": "column.unseen",
    "score_not_finite": "score.finite",
}
"""Check of a row's flaw; all others are ``row.invalid``."""

ROW_CHECKS = frozenset({"row.invalid", "row.required", "row.range", "row.unseen", "score.finite"})
"""Checks of single rows: where the policy rejects or replaces just those rows, the window only warns."""


class _Input:
    action: ClassVar[Action] = "fail"


class RowCount(_Input):
    """Rows of the window, against the band that the policy gives."""

    id = "input.rows"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there is a band."""
        rows, band = evidence.window.rows, evidence.settings.rows
        if band.least is not None and rows < band.least:
            said = f"{rows:,} rows, fewer than {band.least:,}"
            yield Finding(self.id, "alarm", said, value=rows, expected=band.least)
        elif band.most is not None and rows > band.most:
            said = f"{rows:,} rows, more than {band.most:,}"
            yield Finding(self.id, "alarm", said, value=rows, expected=band.most)
        elif band.least is not None or band.most is not None:
            yield Finding(self.id, "ok", f"{rows:,} rows", value=rows)


class DuplicateIds(_Input):
    """Rows whose id stood in the input before, where id columns are named."""

    id = "input.duplicates"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are ids."""
        found = evidence.window.duplicates
        if found is not None:
            state: State = "alarm" if found else "ok"
            said = f"{found:,} of {evidence.window.rows:,} rows repeat an id"
            yield Finding(self.id, state, said, value=found, expected=0)


class _Rows:
    """Rows with a flaw of one kind, by column."""

    id: ClassVar[str]
    action: ClassVar[Action] = "row"
    said: ClassVar[str]

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """A finding for each column that has such rows."""
        rows = evidence.window.rows
        for (code, column), count in sorted(evidence.window.flaws.items()):
            if ROW_CODES.get(code, "row.invalid") == self.id:
                said = f"{self.said or code.replace('_', ' ')} in {count:,} of {rows:,} rows"
                yield Finding(self.id, "alarm", said, column, value=count, expected=0)


class InvalidValues(_Rows):
    """Rows that cannot be scored: not a number, not finite, missing where the model needs a value."""

    id, said = "row.invalid", ""


class RequiredValues(_Rows):
    """Rows without a value that the policy requires."""

    id, said = "row.required", "a required value is missing"


class HardRange(_Rows):
    """Rows with a value outside the range that the policy allows."""

    id, said = "row.range", "outside the allowed range"


class UnseenCategories(_Rows):
    """Rows with a category that training did not see and the policy does not allow."""

    id, said = "row.unseen", "a category that training did not see"


class ScoreFinite(_Rows):
    """Rows whose score is not a finite number."""

    id, said = "score.finite", "the score is not a finite number"
    action: ClassVar[Action] = "window"


class RejectedRows:
    """Share of rows without a score, against the largest that the policy allows."""

    id = "row.rejected"
    action: ClassVar[Action] = "window"

    def check(self, evidence: Evidence) -> Iterator[Finding]:
        """One finding, where there are rows."""
        window = evidence.window
        yield from limited(self.id, window.rejected, window.rows, evidence.settings.rejected, "rejected")
