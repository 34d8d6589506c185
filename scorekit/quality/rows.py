"""Holding rows against the rules of a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorekit.quality.baseline import Codes, Values
from scorekit.quality.row_checks import ROW_CODES
from scorekit.quality.settings import QualitySettings, RowRule, row_rules
from scorekit.schema import MISSING, UNSEEN, Schema


class Broken(NamedTuple):
    """Rows that break a rule: the code of the flaw, the column, the rows, and whether they may be scored."""

    code: str
    column: str
    rows: NDArray[np.int64]
    harmless: bool


class RowRules:
    """The rules that a policy gives for rows of a model.

    Parameters
    ----------
    settings : QualitySettings
    schema : Schema

    Raises
    ------
    UsageError
        If the policy names a column that the model has not.
    """

    def __init__(self, settings: QualitySettings, schema: Schema) -> None:
        self._rules = row_rules(settings.columns, schema)
        self._settings = settings

    def broken(self, numeric: Values, codes: Codes) -> Iterator[Broken]:
        """Rows of a batch that break a rule.

        Parameters
        ----------
        numeric : ndarray of float64, shape (n_rows, n_numeric)
        codes : ndarray of int32, shape (n_rows, n_coded)
        """
        for rule in self._rules:
            for code, wrong in _wrong(rule, (codes if rule.coded else numeric)[:, rule.place]):
                action = self._settings.action(ROW_CODES[code], rule.column, "row")
                if action != "ignore" and wrong.any():
                    yield Broken(code, rule.column, np.flatnonzero(wrong), action == "warn")


def _wrong(rule: RowRule, values: Values | Codes) -> Sequence[tuple[str, NDArray[np.bool_]]]:
    """Rows that are wrong in each of the ways of a rule."""
    found: list[tuple[str, NDArray[np.bool_]]] = []
    if rule.required:
        found.append(("required", values == MISSING if rule.coded else np.isnan(values)))
    if rule.seen:
        found.append(("unseen_not_allowed", values == UNSEEN))
    if rule.least is not None or rule.most is not None:
        least = -np.inf if rule.least is None else rule.least
        most = np.inf if rule.most is None else rule.most
        found.append(("out_of_range", (values < least) | (values > most)))
    return found
