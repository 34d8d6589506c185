"""The checks of a window, in the order in which they are made.

A check is a small class with an id, a first line that says what it looks at, and what
it does unless a policy says otherwise. ``check`` is pure: it gets ``Evidence`` and gives
findings. One that raises, or cannot run, is ``unknown``, which is never as good as passed.

A package adds its own by an entry point of the group ``scorekit.checks``; the check is
made where the policy names it::

    [project.entry-points."scorekit.checks"]
    "shop.weekend" = "shop.checks:Weekend"
"""

from __future__ import annotations

from collections.abc import Mapping

from scorekit.quality.column_checks import ColumnPsi, ConstantNow, MissingRate, OutOfRange, UnseenShare
from scorekit.quality.evidence import Check, Evidence
from scorekit.quality.row_checks import (
    ROW_CHECKS,
    ROW_CODES,
    DuplicateIds,
    HardRange,
    InvalidValues,
    RejectedRows,
    RequiredValues,
    RowCount,
    ScoreFinite,
    UnseenCategories,
)
from scorekit.quality.score_checks import FallbackPsi, FallbackRows, ScoreExtremes, ScoreMean, ScorePsi

__all__ = ["BY_ID", "CHECKS", "ROW_CHECKS", "ROW_CODES", "Check", "Evidence", "FallbackPsi"]

CHECKS: tuple[Check, ...] = (
    RowCount(),
    DuplicateIds(),
    InvalidValues(),
    RequiredValues(),
    HardRange(),
    UnseenCategories(),
    RejectedRows(),
    MissingRate(),
    ConstantNow(),
    OutOfRange(),
    UnseenShare(),
    ColumnPsi(),
    ScoreFinite(),
    ScorePsi(),
    ScoreMean(),
    ScoreExtremes(),
    FallbackRows(),
    FallbackPsi(),
)
"""All checks, in the order in which they are made."""

BY_ID: Mapping[str, Check] = {check.id: check for check in CHECKS}
