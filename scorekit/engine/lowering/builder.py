"""Making the steps of a program while a pipeline is being lowered."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering.steps import Steps
from scorekit.engine.lowering.values import Coded, Column, NotLowered, Numbers, runs
from scorekit.engine.ops import BINDERS, OPS
from scorekit.engine.program import Program
from scorekit.schema import UNSEEN_TEXT, Schema

MOST_KNOWN = 1000
"""Texts of a column that may have codes beside its levels."""

_BEYOND_SINGLE = 2.0**128 - 2.0**103
"""The smallest number that rounds to infinity as float32."""


class Builder(Steps):
    """Makes the steps of a program, column by column.

    Parameters
    ----------
    schema : Schema
    known : mapping of str to sequence of str
        Input column to texts that are none of its levels and have codes all the same.

    Attributes
    ----------
    unknown : dict of str to dict of str
        Texts that the pipeline turned out to know beside those, each once, by column.
    """

    def __init__(self, schema: Schema, known: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.schema = schema
        self.known = {column: tuple(texts) for column, texts in (known or {}).items()}
        self.unknown: dict[str, dict[str, None]] = {}
        self._refused: set[tuple[int | None, int, int]] = set()
        self._checked: dict[tuple[int, int], set[object]] = {}
        self._lowered: list[object] = []

    @contextmanager
    def lowering(self, fitted: object) -> Iterator[None]:
        """Name ``fitted`` in whatever cannot be lowered meanwhile."""
        self._lowered.append(fitted)
        try:
            yield
        finally:
            self._lowered.pop()

    def not_lowered(self, why: str) -> NotLowered:
        """The error for the step that is being lowered."""
        return NotLowered(self._lowered[-1] if self._lowered else "the model", why)

    def program(self, result: int) -> Program:
        """The finished program, whose scores are the value ``result``."""
        return self.joined(result, self.known)

    # columns -------------------------------------------------------------------------

    def frame(self) -> tuple[Column, ...]:
        """The columns of the frame the reference pipeline sees, in schema order."""
        columns: list[Column] = []
        for feature, index in self.schema.each():
            if feature.coded:
                texts = (*feature.levels, *self.known.get(feature.name, ()))
                columns.append(Coded(None, index, (UNSEEN_TEXT, np.nan, *texts)))
            else:
                value = self.step("numeric", columns=list(range(len(self.schema.numeric))))
                columns.append(Numbers(value, index, index, timestamp=feature.kind == "timestamp"))
        return tuple(columns)

    def matrix(self, columns: Sequence[Column], step: object = None) -> int:
        """Number of the value that holds these columns side by side, gathered once.

        Coded columns must hold nothing but numbers by now, as they would have to
        for scikit-learn.
        """
        if not columns:
            raise (
                NotLowered(step, "has no input columns") if step else self.not_lowered("has no input columns")
            )
        parts = [self._part(run) for run in runs(columns)]
        if len(parts) == 1:
            return parts[0]
        value = self.step("concat", *parts)
        self.widths[value] = len(columns)
        return value

    def _part(self, columns: list[Column]) -> int:
        first = columns[0]
        if isinstance(first, Numbers):
            for column in columns:
                self._no_timestamp(column)
            return self.take(first.value, [column.index for column in columns])
        coded = [column for column in columns if isinstance(column, Coded)]
        return self.tables(coded, [self.numbers_of(column) for column in coded])

    def _no_timestamp(self, column: Column) -> None:
        if isinstance(column, Numbers) and column.timestamp:
            raise self.not_lowered("reads dates and times; only DateParts has a compiled form for them")

    def numbers(
        self,
        value: int,
        width: int,
        *,
        like: Sequence[Column] | None = None,
        nan: bool | None = False,
        infinite: bool | None = True,
    ) -> tuple[Numbers, ...]:
        """The columns of a new value of ``width`` columns.

        Parameters
        ----------
        value, width : int
        like : sequence of Column, optional
            The columns it was made from one by one, for their origins.
        nan, infinite : bool or None
            What a row that was not rejected so far can hold; None for the same as the
            column of ``like``. Arithmetic can overflow, so only a look-up or a clip
            may say ``infinite=False``.
        """
        self.widths[value] = width
        made = []
        for index in range(width):
            source = like[index] if like is not None else None
            had_nan = source.nan if isinstance(source, Numbers) else True
            had_infinite = source.infinite if isinstance(source, Numbers) else True
            made.append(
                Numbers(
                    value,
                    index,
                    source.origin if source is not None else -1,
                    nan=had_nan if nan is None else nan,
                    infinite=had_infinite if infinite is None else infinite,
                )
            )
        return tuple(made)

    def numbers_of(self, column: Coded) -> NDArray[np.float64]:
        """A coded column whose objects are all numbers, as a table of one output.

        Raises
        ------
        NotLowered
            If an object is text.
        """
        numbers: NDArray[np.float64] = np.empty((len(column.domain), 1))
        for position, thing in enumerate(column.domain):
            if isinstance(thing, str):
                raise self.not_lowered("reads text as numbers")
            numbers[position, 0] = np.nan if thing is None else float(thing)
        return numbers

    def elementwise(
        self,
        columns: Sequence[Column],
        op: str,
        *,
        nan: bool | None = None,
        infinite: bool | None = True,
        **settings: Any,
    ) -> tuple[Column, ...]:
        """Apply an op that treats each column by itself, coded columns while compiling.

        Parameters
        ----------
        columns : sequence of Column
        op : str
        nan, infinite : bool or None
            As in ``numbers``.
        **settings
            Of the op; the last axis of each array is one entry a column.

        Returns
        -------
        tuple of Column
            As many as came in.
        """
        made = list(columns)
        picks = [place for place, column in enumerate(columns) if isinstance(column, Numbers)]
        if picks:
            sources = [columns[place] for place in picks]
            value = self.step(op, self.matrix(sources), **_picked(settings, picks))
            results = self.numbers(value, len(picks), like=sources, nan=nan, infinite=infinite)
            for place, result in zip(picks, results, strict=True):
                made[place] = result
        for place, column in enumerate(columns):
            if isinstance(column, Coded):
                with np.errstate(all="ignore"):
                    answer = _ready(op, _picked(settings, [place]))(self.numbers_of(column))
                made[place] = replace(column, domain=tuple(answer[:, 0].tolist()))
        return tuple(made)

    # what scikit-learn refuses -------------------------------------------------------

    def check(
        self,
        columns: Sequence[Column],
        *,
        nan: bool,
        infinite: bool = False,
        single: bool = False,
        positive: bool = False,
        forbidden: float | None = None,
    ) -> tuple[Column, ...]:
        """Reject rows scikit-learn's input validation would raise on.

        Parameters
        ----------
        nan, infinite : bool
            Whether NaN and infinities are let through.
        single : bool
            Whether the estimator converts to float32, which refuses larger numbers.
        positive : bool
            Whether zero and less are refused.
        forbidden : float, optional
            A number that is refused.

        Returns
        -------
        tuple of Column
            The same columns, known to be free of what was refused.
        """
        settings: dict[str, Any] = {"nan": nan, "infinite": infinite, "single": single}
        settings |= {"positive": True} if positive else {}
        settings |= {"forbidden": forbidden} if forbidden is not None else {}
        checked: list[Column] = []
        doubtful: dict[int, list[Numbers]] = {}
        for column in columns:
            self._no_timestamp(column)
            if isinstance(column, Coded):
                self._check_coded(column, settings)
                checked.append(column)
                continue
            if self._doubts(column, settings):
                doubtful.setdefault(column.value, []).append(column)
            checked.append(_cleared(column, nan=nan, infinite=infinite))
        for value, group in doubtful.items():
            everyone = [c for c in columns if isinstance(c, Numbers) and c.value == value]
            # looking at a whole value is cheaper than picking the doubtful columns out of it
            whole = self.is_whole(value, [column.index for column in everyone])
            self._check_numbers(everyone if whole else group, settings)
        return tuple(checked)

    def _doubts(self, column: Numbers, settings: dict[str, Any]) -> set[object]:
        """What may have to be refused in this column and was not looked for yet."""
        wanted: set[object] = set()
        if column.nan and not settings["nan"]:
            wanted.add("nan")
        if settings["single"]:
            wanted.add("single")
        elif column.infinite and not settings["infinite"]:
            wanted.add("infinite")
        wanted |= {(key, settings[key]) for key in ("positive", "forbidden") if key in settings}
        return wanted - self._checked.get((column.value, column.index), set())

    def _check_numbers(self, columns: list[Numbers], settings: dict[str, Any]) -> None:
        for column in columns:
            found = self._doubts(column, settings)
            if "single" in found:
                found.add("infinite")
            self._checked.setdefault((column.value, column.index), set()).update(found)
        self.step("check", self.matrix(columns), origins=[column.origin for column in columns], **settings)

    def _check_coded(self, column: Coded, settings: dict[str, Any]) -> None:
        largest = _BEYOND_SINGLE if settings["single"] else np.inf
        for position, thing in enumerate(column.domain):
            number = None if isinstance(thing, str) else float("nan") if thing is None else float(thing)
            if number is None:
                continue
            if np.isnan(number) and not settings["nan"]:
                self.refuse(column, [position], "missing_not_allowed")
            if abs(number) >= largest and not settings["infinite"]:
                self.refuse(column, [position], "infinite")
            if number <= 0 and "positive" in settings:
                self.refuse(column, [position], "not_positive")
            if number == settings.get("forbidden"):
                self.refuse(column, [position], "missing_not_allowed")

    def refuse(self, column: Coded, positions: Iterable[int], flaw: str | None = None) -> None:
        """Reject rows whose code stands at these positions of the column's domain."""
        for position in positions:
            code = position - 2
            key = (column.value, column.index, code)
            if key not in self._refused:
                self._refused.add(key)
                name = flaw or ("missing_not_allowed" if position == 1 else "unseen_not_allowed")
                inputs = () if column.value is None else (column.value,)
                self.step("refuse_codes", *inputs, refused=[[column.index, code, name, column.origin]])

    # coded columns -------------------------------------------------------------------

    def know(self, column: Coded, texts: Iterable[str]) -> None:
        """Give texts that the pipeline knows codes of their own, if they have none.

        Without one, such a text would look like any other that training did not see.
        """
        if column.value is not None:
            return
        feature = self.schema.coded[column.index]
        known = set(column.domain)
        strange = [text for text in texts if text not in known]
        if len(strange) > MOST_KNOWN or (strange and feature.kind != "category"):
            raise self.not_lowered("knows texts that are not levels of its training data")
        self.unknown.setdefault(feature.name, {}).update(dict.fromkeys(strange))

    def codes(self, columns: Sequence[Coded]) -> int:
        """Number of the value that holds the codes of columns that come from the same value."""
        indices = [column.index for column in columns]
        source = columns[0].value
        return self.step("codes", columns=indices) if source is None else self.take(source, indices)

    def tables(self, columns: Sequence[Coded], outputs: Sequence[NDArray[Any]]) -> int:
        """Look coded columns up in tables.

        Parameters
        ----------
        columns : sequence of Coded
            All from the same value.
        outputs : sequence of ndarray, each of shape (size of the domain, width)
            What each column's objects become.

        Returns
        -------
        int
            Number of the new value, of shape (n_rows, sum of widths).
        """
        widths = [output.shape[1] for output in outputs]
        table = np.zeros((sum(map(len, outputs)), max(widths)))
        offsets = _begins([len(output) for output in outputs])
        for begin, output in zip(offsets, outputs, strict=True):
            table[begin : begin + len(output), : output.shape[1]] = output
        value = self.step("tables", self.codes(columns), table=table, offsets=offsets, widths=widths)
        self.widths[value] = sum(widths)
        return value

    def one_hot(self, columns: Sequence[Coded], hot: Sequence[NDArray[np.int64]], width: int) -> int:
        """One output of 1 for each coded column.

        Parameters
        ----------
        columns : sequence of Coded
            All from the same value.
        hot : sequence of ndarray of int, each of shape (size of the domain,)
            Which output is 1 for each object; ``width`` where none is.
        width : int

        Returns
        -------
        int
            Number of the new value, of shape (n_rows, width).
        """
        offsets = _begins([len(positions) for positions in hot])
        value = self.step(
            "one_hot", self.codes(columns), hot=np.concatenate(hot), offsets=offsets, width=width
        )
        self.widths[value] = width
        return value

    def code_numbers(self, columns: Sequence[Numbers], known: Sequence[NDArray[np.float64]]) -> list[Coded]:
        """Codes of columns of numbers, by equality with known numbers.

        Parameters
        ----------
        columns : sequence of Numbers
        known : sequence of ndarray
            Sorted distinct numbers of each column, without NaN.

        Returns
        -------
        list of Coded
        """
        value = self.step(
            "code_numbers",
            self.matrix(columns),
            known=np.concatenate([np.asarray(numbers, dtype=np.float64) for numbers in known]),
            sizes=[len(numbers) for numbers in known],
        )
        self.widths[value] = len(columns)
        return [
            Coded(value, index, (_another(numbers), np.nan, *map(float, numbers)), column.origin)
            for index, (column, numbers) in enumerate(zip(columns, known, strict=True))
        ]


def _cleared(column: Numbers, *, nan: bool, infinite: bool) -> Numbers:
    """A column without what is not let through; millions of them mostly stay as they are."""
    if (nan or not column.nan) and (infinite or not column.infinite):
        return column
    return replace(column, nan=column.nan and nan, infinite=column.infinite and infinite)


def _picked(settings: dict[str, Any], places: list[int]) -> dict[str, Any]:
    """Settings of an op for some of its columns."""
    return {
        key: setting[..., places] if isinstance(setting, np.ndarray) else setting
        for key, setting in settings.items()
    }


def _ready(op: str, settings: dict[str, Any]) -> Any:
    """An op with its settings, ready to call."""
    given = {key: setting for key, setting in settings.items() if setting is not None}
    if op in BINDERS:
        return BINDERS[op](**given)
    return lambda *values: OPS[op](*values, **given)


def _begins(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Where each of several tables under one another begins."""
    return np.cumsum([0, *sizes[:-1]], dtype=np.int64)


def _another(numbers: NDArray[np.float64]) -> float:
    """Some number that is none of these: it stands for all others."""
    taken = set(numbers.tolist())
    return next(number for number in itertools.count(0.5) if number not in taken)
