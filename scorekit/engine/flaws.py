"""What can be wrong with a row, and whether it can still be scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FlawKind(NamedTuple):
    """One way a row can be wrong."""

    rejects: bool
    message: str


FLAWS: dict[str, FlawKind] = {
    "unseen": FlawKind(rejects=False, message="a category that training did not see"),
    "not_a_number": FlawKind(rejects=True, message="not a number"),
    "not_a_boolean": FlawKind(rejects=True, message="not true or false"),
    "not_a_timestamp": FlawKind(rejects=True, message="not a date or time, or outside its range"),
    "not_text": FlawKind(rejects=True, message="neither text nor a number"),
    "not_a_record": FlawKind(rejects=True, message="not a record that can be read"),
    "absent": FlawKind(rejects=True, message="no such key in this record"),
    "missing_not_allowed": FlawKind(rejects=True, message="missing, and the model needs it"),
    "unseen_not_allowed": FlawKind(rejects=True, message="a category the model does not know and refuses"),
    "required": FlawKind(rejects=True, message="missing, and the policy requires it"),
    "out_of_range": FlawKind(rejects=True, message="outside the range that the policy allows"),
    "infinite": FlawKind(rejects=True, message="infinite, or too large for the model"),
    "not_positive": FlawKind(rejects=True, message="zero or negative, and the model takes its logarithm"),
    "not_scored": FlawKind(rejects=True, message="scikit-learn raised an error on this row"),
    "score_not_finite": FlawKind(rejects=True, message="the score is not a finite number"),
    "not_answered": FlawKind(rejects=True, message="the window failed, and the fallback has no answer"),
}
"""Every row-level code, its meaning, and whether the row is rejected for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Flaw:
    """Rows of a batch with the same thing wrong in the same place.

    Attributes
    ----------
    code : str
        A key of ``FLAWS``.
    column : str
        Input column, or the empty string where no single column is to blame.
    rows : ndarray of int64, shape (n_flawed,)
        Row numbers within the batch, ascending.
    harmless : bool
        Whether the policy scores such rows all the same.
    """

    code: str
    column: str
    rows: NDArray[np.int64]
    harmless: bool = False

    @property
    def name(self) -> str:
        """``code:column``, or the code alone."""
        return f"{self.code}:{self.column}" if self.column else self.code

    @property
    def rejects(self) -> bool:
        """Whether these rows get no score."""
        return FLAWS[self.code].rejects and not self.harmless

    def shifted(self, offset: int) -> Flaw:
        """The same flaw in a batch that begins ``offset`` rows earlier."""
        return Flaw(self.code, self.column, self.rows + offset, self.harmless) if offset else self
