"""What a deployment asks of quality: the ``[quality]`` table of ``scorekit.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import ClassVar, Literal

from scorekit.errors import UsageError
from scorekit.quality.stability import Thresholds
from scorekit.quality.verdict import Action, OnFail
from scorekit.schema import Feature, Schema

Bound = float | date | datetime

FORBID = {"extra": "forbid"}
"""How pydantic reads these: a misspelt key is an error."""


@dataclass(frozen=True, slots=True)
class RowBand:
    """How many rows a window should have.

    Attributes
    ----------
    least, most : int or None
    """

    __pydantic_config__: ClassVar = FORBID

    least: int | None = None
    most: int | None = None


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

    required: bool = False
    at_least: Bound | None = None
    at_most: Bound | None = None
    unseen: Literal["allow", "row"] = "allow"
    checks: dict[str, Action] = field(default_factory=dict)


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
    rejected: float = 0.05
    fallback: float = 0.05
    checks: dict[str, Action] = field(default_factory=dict)
    columns: dict[str, ColumnSettings] = field(default_factory=dict)


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


def row_rules(columns: Mapping[str, ColumnSettings], schema: Schema) -> tuple[RowRule, ...]:
    """The rules that rows are held against.

    Raises
    ------
    UsageError
        If there is no such column, or it has no range.
    """
    places = {feature.name: (feature, place) for feature, place in schema.each()}
    rules = []
    for name, asked in columns.items():
        if name not in places:
            raise UsageError(f"the model has no column {name!r}", hint=_nearest(name, schema), code="policy")
        feature, place = places[name]
        rule = RowRule(
            column=name,
            coded=feature.coded,
            place=place,
            required=asked.required,
            seen=asked.unseen == "row",
            least=_bound(feature, asked.at_least),
            most=_bound(feature, asked.at_most),
        )
        if rule.required or rule.seen or rule.least is not None or rule.most is not None:
            rules.append(rule)
    return tuple(rules)


def _nearest(name: str, schema: Schema) -> str | None:
    import difflib

    near = difflib.get_close_matches(name, schema.names, n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _bound(feature: Feature, bound: Bound | None) -> float | None:
    """A bound as its column is decoded: times in microseconds, UTC."""
    if bound is None:
        return None
    timed = isinstance(bound, date)
    if feature.coded or timed != (feature.kind == "timestamp"):
        wanted = "has no range" if feature.coded else f"is {feature.kind}, its range is not of that kind"
        raise UsageError(f"the column {feature.name!r} {wanted}", code="policy")
    if not isinstance(bound, date):
        return float(bound)
    moment = bound if isinstance(bound, datetime) else datetime.combine(bound, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6
