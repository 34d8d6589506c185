"""The kill switch: when poor scores are so many that none may go downstream.

A poor score is a row that a fallback answered or that was rejected, or any row of a
window that failed. Rows are counted as they stand one after the other, over windows,
runs and processes; a window hands on only where its first and its last poor rows are,
which is all that the next one needs to know.

A switch is latched: no window and no time closes one that is open, only a person does.
Half open, it is closed again by windows that are clean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Position = Literal["closed", "open", "half_open"]
"""``open`` lets nothing through; ``half_open`` scores, and keeps back what it scores."""

Positions = NDArray[np.int64]

CHANCE = 1e-4
"""How often a suggested rule may trip by chance, for each run of ``last`` rows."""


HALF_OPEN_WINDOWS = 3
"""Clean windows in a row that close a switch which is half open, unless a rule says otherwise."""


@dataclass(frozen=True, slots=True)
class SwitchRules:
    """When a switch opens, and when one that is half open closes.

    Attributes
    ----------
    last, poor : int or None
        So many poor scores among the last so many.
    total : int or None
        So many poor scores since the switch was last reset.
    windows : int or None
        So many failed windows in a row.
    half_open_windows : int or None
        Clean windows in a row that close it: 3 where there are other rules.

    Raises
    ------
    ValueError
        If a number is below 1, or ``poor`` and ``last`` do not go together.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    last: int | None = None
    poor: int | None = None
    total: int | None = None
    windows: int | None = None
    half_open_windows: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.last, self.poor, self.total, self.windows, self.half_open_windows)
        if any(number is not None and number < 1 for number in numbers):
            raise ValueError("a rule of the switch needs a number of 1 or more")
        if (self.last is None) != (self.poor is None):
            raise ValueError("poor scores are counted among the last ones: both numbers, or neither")
        if self.last is not None and self.poor is not None and self.poor > self.last:
            raise ValueError(f"there are never {self.poor} poor scores among the last {self.last}")

    @property
    def declared(self) -> bool:
        """Whether there are any: who has none counts, and leaves the switch where it is."""
        return any(
            number is not None for number in (self.poor, self.total, self.windows, self.half_open_windows)
        )

    @property
    def closes_after(self) -> int:
        """Clean windows in a row that close a switch which is half open."""
        return HALF_OPEN_WINDOWS if self.half_open_windows is None else self.half_open_windows


class PoorRows:
    """Where the poor rows of a window are, taken in chunk by chunk.

    Parameters
    ----------
    rules : SwitchRules
        It keeps at most ``2 * (rules.poor - 1)`` positions.

    Attributes
    ----------
    rows, poor : int
        Rows taken in, and how many of them were poor.
    reached : bool
        Whether ``rules.poor`` of them lay within ``rules.last`` rows.
    head, tail : ndarray of int64, shape (at most ``rules.poor - 1``,)
        Positions of the first and of the last ones, ascending.
    """

    def __init__(self, rules: SwitchRules) -> None:
        self.rules = rules
        self.rows = 0
        self.poor = 0
        self.reached = False
        self.head = np.zeros(0, dtype=np.int64)
        self.tail = np.zeros(0, dtype=np.int64)

    def add(self, rows: int, positions: Positions) -> None:
        """Take in the next chunk.

        Parameters
        ----------
        rows : int
            Rows of the chunk.
        positions : ndarray of int64, shape (n_poor,)
            Which of them are poor: from 0, ascending, without repetition.
        """
        found = np.asarray(positions, dtype=np.int64) + self.rows
        self.rows += rows
        self.poor += len(found)
        if not len(found) or self.rules.poor is None or self.rules.last is None:
            return
        keep = self.rules.poor - 1
        line = np.concatenate([self.tail, found])
        self.reached = self.reached or _crowded(line, self.rules.poor, self.rules.last)
        self.head = np.concatenate([self.head, found])[:keep]
        self.tail = line[max(0, len(line) - keep) :]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "last": self.rules.last,
            "poor_limit": self.rules.poor,
            "rows": self.rows,
            "poor": self.poor,
            "reached": self.reached,
            "head": self.head.tolist(),
            "tail": self.tail.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> PoorRows:
        """Read what ``to_dict`` wrote."""
        made = cls(SwitchRules(last=content["last"], poor=content["poor_limit"]))
        made.rows, made.poor, made.reached = content["rows"], content["poor"], content["reached"]
        made.head = np.array(content["head"], dtype=np.int64)
        made.tail = np.array(content["tail"], dtype=np.int64)
        return made


@dataclass(frozen=True, slots=True)
class WindowOutcome:
    """What a window is to the switch.

    Attributes
    ----------
    rows, poor : int
    failed : bool
        Whether the window failed as a whole.
    clean : bool
        Whether it was judged and found good; one with too few rows to judge shows nothing.
    reached : bool
        Whether it holds as many poor rows close together as the rules allow, or more.
    head, tail : tuple of int
        Positions of its first and last poor rows, from 0.
    """

    rows: int
    poor: int
    failed: bool = False
    clean: bool = True
    reached: bool = False
    head: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()

    @classmethod
    def of(cls, poor: PoorRows, *, failed: bool, clean: bool = True) -> WindowOutcome:
        """Of the rows of a window; of one that failed, every row is poor, and it is not clean."""
        if failed:
            return cls._failed(poor.rows, poor.rules)
        head, tail = tuple(poor.head.tolist()), tuple(poor.tail.tolist())
        return cls(poor.rows, poor.poor, clean=clean, reached=poor.reached, head=head, tail=tail)

    def part(self, spans: Sequence[tuple[int, int]], rules: SwitchRules) -> WindowOutcome:
        """What some of its rows are to the switch, as a window of their own.

        Where the places of all poor rows are known, it is exact. Where they are not, their
        share of the rows counts, rounded up, and those that lay close together still do:
        the switch rather trips than not.

        Parameters
        ----------
        spans : sequence of (int, int)
            From a row to before another; they ascend and do not overlap.
        rules : SwitchRules
            By which it was made.
        """
        rows = sum(end - start for start, end in spans)
        if rows == self.rows:
            return self
        if self.failed:
            return self._failed(rows, rules)
        known = sorted({*self.head, *self.tail})
        if len(known) == self.poor:
            fed = PoorRows(rules)
            fed.add(rows, np.array(_within(known, spans), dtype=np.int64))
            return self.of(fed, failed=False, clean=self.clean)
        poor = -(-self.poor * rows // self.rows)
        head, tail = tuple(_within(self.head, spans)), tuple(_within(self.tail, spans))
        return replace(self, rows=rows, poor=poor, head=head, tail=tail)

    @classmethod
    def _failed(cls, rows: int, rules: SwitchRules) -> WindowOutcome:
        if rules.poor is None:
            return cls(rows, rows, failed=True, clean=False)
        keep = min(rows, rules.poor - 1)
        head, tail = tuple(range(keep)), tuple(range(rows - keep, rows))
        reached = rows >= rules.poor
        return cls(rows, rows, failed=True, clean=False, reached=reached, head=head, tail=tail)


def _within(places: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Places among the rows of spans alone."""
    found, before = [], 0
    for start, end in spans:
        found += [before + place - start for place in places if start <= place < end]
        before += end - start
    return found


@dataclass(frozen=True, slots=True)
class SwitchState:
    """How the switch of a model stands; one that was never touched is closed.

    Attributes
    ----------
    position : {"closed", "open", "half_open"}
    seen, total_poor : int
        Rows and poor rows since it was reset.
    bad_windows, clean_windows : int
        In a row; clean ones are counted while it is half open.
    recent : tuple of int
        Positions among the rows seen of the last poor ones, ascending; at most ``poor - 1``.
    since, updated : datetime or None
        When it took its position, and when a window was last counted; None where nothing was
        ever recorded. Two states are equal whatever these say.
    """

    position: Position = "closed"
    seen: int = 0
    total_poor: int = 0
    bad_windows: int = 0
    clean_windows: int = 0
    recent: tuple[int, ...] = ()
    since: datetime | None = field(default=None, compare=False)
    updated: datetime | None = field(default=None, compare=False)


def advance(state: SwitchState, outcome: WindowOutcome, rules: SwitchRules) -> tuple[SwitchState, str | None]:
    """Count a window.

    Parameters
    ----------
    state : SwitchState
    outcome : WindowOutcome
        Made by the same rules. A window without rows that did not fail says nothing.
    rules : SwitchRules
        Without any, the window is counted and the switch stays in its position.

    Returns
    -------
    SwitchState
        The next state. One that is open stays as it is.
    str or None
        The rule that moved the switch, in words; None where it stays in its position.

    Examples
    --------
    >>> rules = SwitchRules(windows=2)
    >>> state, _ = advance(SwitchState(), WindowOutcome(100, 100, failed=True), rules)
    >>> state, reason = advance(state, WindowOutcome(100, 100, failed=True), rules)
    >>> state.position, reason
    ('open', '2 windows failed in a row')
    """
    if state.position == "open" or not (outcome.rows or outcome.failed):
        return state, None
    counted = _count(state, outcome, rules)
    if not rules.declared:
        return counted, None
    reason = _broken(state, counted, outcome, rules)
    if reason is not None:
        return replace(counted, position="open"), reason
    if counted.position == "half_open" and counted.clean_windows >= rules.closes_after:
        return SwitchState(), f"{_many(counted.clean_windows, 'clean window')} in a row"
    return counted, None


def _count(state: SwitchState, outcome: WindowOutcome, rules: SwitchRules) -> SwitchState:
    seen = state.seen + outcome.rows
    return replace(
        state,
        seen=seen,
        total_poor=state.total_poor + outcome.poor,
        bad_windows=state.bad_windows + 1 if outcome.failed else 0,
        clean_windows=state.clean_windows + 1 if state.position == "half_open" and _good(outcome) else 0,
        recent=_recent(state, outcome, rules, seen),
    )


def _good(outcome: WindowOutcome) -> bool:
    return outcome.clean and not outcome.failed


def _recent(state: SwitchState, outcome: WindowOutcome, rules: SwitchRules, seen: int) -> tuple[int, ...]:
    if rules.poor is None or rules.last is None:
        # other processes of the model may go by them
        return state.recent
    keep = rules.poor - 1
    line = (*state.recent, *(state.seen + position for position in outcome.tail))
    # the next row is number `seen`; what lies `last` rows before it is out of its sight
    return tuple(position for position in line[max(0, len(line) - keep) :] if position > seen - rules.last)


def _broken(
    before: SwitchState, counted: SwitchState, outcome: WindowOutcome, rules: SwitchRules
) -> str | None:
    """The first rule that does not hold any more, in words."""
    if rules.poor is not None and rules.last is not None:
        line = np.array([*before.recent, *(before.seen + place for place in outcome.head)], dtype=np.int64)
        if outcome.reached or _crowded(line, rules.poor, rules.last):
            return f"{_many(rules.poor, 'poor score')} among the last {rules.last:,}"
    if rules.total is not None and counted.total_poor >= rules.total:
        return f"{_many(counted.total_poor, 'poor score')} since the last reset; the limit is {rules.total:,}"
    if rules.windows is not None and counted.bad_windows >= rules.windows:
        return f"{_many(counted.bad_windows, 'window')} failed in a row"
    if outcome.failed and before.position == "half_open":
        return "a window failed while the switch was half open"
    return None


def _crowded(line: Positions, poor: int, last: int) -> bool:
    """Whether so many of ascending positions lie within so many rows."""
    first = line[: max(0, len(line) - poor + 1)]
    return bool(np.any(line[poor - 1 :] - first < last))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def suggested(last: int, rate: float) -> int:
    """How many poor scores among the last are too many to come by chance.

    Parameters
    ----------
    last : int
        Scores that are looked at.
    rate : float
        Share of poor scores while all is well.

    Returns
    -------
    int
        The smallest n with P(Bin(last, rate) ≥ n) ≤ 1e-4.

    Raises
    ------
    ValueError
        If even all of them being poor is no rare thing.

    Examples
    --------
    >>> suggested(1000, 0.01)
    25
    """
    from scipy.stats import binom

    found = int(binom.isf(CHANCE, last, rate)) + 1
    if found > last:
        raise ValueError(f"with a rate of {rate:g}, {last} poor scores among {last} are no rare thing")
    return found
