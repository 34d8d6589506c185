"""What a deployment asks of quality: the ``[quality]`` table of ``scorekit.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import ClassVar, Literal

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.quality.bounds import FORBID, Flag, Moment, Number, Whole, require_share
from scorekit.quality.stability import Thresholds
from scorekit.quality.verdict import Action, OnFail
from scorekit.schema import Feature, Schema

Bound = Number | Moment


@dataclass(frozen=True, slots=True)
class RowBand:
    """How many rows a window should have.

    Attributes
    ----------
    least, most : int or None
    """

    __pydantic_config__: ClassVar = FORBID

    least: Whole | None = None
    most: Whole | None = None

    def __post_init__(self) -> None:
        if (self.least or 0) < 0 or (self.most or 0) < 0:
            raise ValueError("a window never has fewer than 0 rows")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"no window has {self.least} rows or more, and {self.most} or fewer")


@dataclass(frozen=True, slots=True)
class ColumnSettings:
    """What is asked of one column.

    Attributes
    ----------
    required : bool
        A row without a value is not scored by the model.
    at_least, at_most : number, date or time, or None
        A row with a value beyond is not scored by the model.
    unseen : {"allow", "row"}
        Whether a row with a category that training did not see is scored by the model.
    checks : dict of str to Action
        What a check of this column does, such as ``"column.psi" = "window"``.
    """

    __pydantic_config__: ClassVar = FORBID

    required: Flag = False
    at_least: Bound | None = None
    at_most: Bound | None = None
    unseen: Literal["allow", "row"] = "allow"
    checks: dict[str, Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, bound in (("at_least", self.at_least), ("at_most", self.at_most)):
            if isinstance(bound, float) and math.isnan(bound):
                raise ValueError(f"{name} is not a number")


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What holds for the checks of a window.

    Attributes
    ----------
    on_fail : {"warn", "fallback", "fail"}
        What becomes of a window that failed.
    thresholds : Thresholds
    rows : RowBand
    rejected, fallback : float
        Largest share of rows that were rejected, or answered by a fallback.
    checks : dict of str to Action
        What a check does when it is not good; see ``CHECKS`` for what holds otherwise.
    columns : dict of str to ColumnSettings
    """

    __pydantic_config__: ClassVar = FORBID

    on_fail: OnFail = "warn"
    thresholds: Thresholds = field(default_factory=Thresholds)
    rows: RowBand = field(default_factory=RowBand)
    rejected: Number = 0.05
    fallback: Number = 0.05
    checks: dict[str, Action] = field(default_factory=dict)
    columns: dict[str, ColumnSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, share in (("rejected", self.rejected), ("fallback", self.fallback)):
            require_share(name, share)

    def action(self, check: str, column: str, usual: Action) -> Action:
        """What a check does for a column: as its table says, else as the policy does, else as usual."""
        own = self.columns.get(column)
        return (own.checks.get(check) if own else None) or self.checks.get(check, usual)


@dataclass(frozen=True, slots=True)
class RowRule:
    """What one column of every row has to meet, in decoded units.

    Attributes
    ----------
    column : str
    coded : bool
        Whether it stands among the codes.
    place : int
        Column of the decoded numbers or codes.
    required, seen : bool
    least, most : float or None
    """

    column: str
    coded: bool
    place: int
    required: bool
    seen: bool
    least: float | None
    most: float | None


def misfit(message: str, *setting: str, hint: str | None = None) -> UsageError:
    """A setting of ``[quality]`` that does not fit the model, by the names below that table."""
    error = UsageError(message, hint=hint, code="policy")
    error.setting = ("quality", *setting)
    return error


def row_rules(columns: Mapping[str, ColumnSettings], schema: Schema) -> tuple[RowRule, ...]:
    """The rules that rows are held against.

    Raises
    ------
    UsageError
        If there is no such column, or it has no such range or no categories.
    """
    places = {feature.name: (feature, place) for feature, place in schema.each()}
    rules = []
    for name, asked in columns.items():
        if name not in places:
            near = nearest(name, schema.names)
            hint = f"did you mean {near!r}?" if near else None
            raise misfit(f"the model has no column {name!r}", "columns", name, hint=hint)
        rule = _rule(asked, *places[name])
        if rule.required or rule.seen or rule.least is not None or rule.most is not None:
            rules.append(rule)
    return tuple(rules)


def _rule(asked: ColumnSettings, feature: Feature, place: int) -> RowRule:
    seen = asked.unseen == "row"
    if seen and feature.kind != "category":
        raise misfit(
            f"the column {feature.name!r} is {feature.kind} and has no categories",
            *("columns", feature.name, "unseen"),
        )
    least, most = (_bound(feature, name, getattr(asked, name)) for name in ("at_least", "at_most"))
    if least is not None and most is not None and least > most:
        raise misfit(
            f"no value of {feature.name!r} is at least {asked.at_least} and at most {asked.at_most}",
            *("columns", feature.name, "at_least"),
        )
    return RowRule(feature.name, feature.coded, place, asked.required, seen, least, most)


def _bound(feature: Feature, name: str, bound: Bound | None) -> float | None:
    """A bound as its column is decoded: times in microseconds, UTC."""
    if bound is None:
        return None
    timed = isinstance(bound, date)
    if feature.coded or timed != (feature.kind == "timestamp"):
        wanted = "has no range" if feature.coded else f"is {feature.kind}, its range is not of that kind"
        raise misfit(f"the column {feature.name!r} {wanted}", "columns", feature.name, name)
    if not isinstance(bound, date):
        return float(bound)
    moment = bound if isinstance(bound, datetime) else datetime.combine(bound, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6
