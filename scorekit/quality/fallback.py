"""The fallback: what answers where the model may not, declared as a ladder.

The first rung that can answer a row answers it: another version, the rate of a segment, a
small expression, the mean score, null. A rung keeps off a row whose columns it cannot
trust: those whose check failed for the whole window, and those that are flawed in that row.

Here is what a deployment declares, and what a rung learned at training, which stands in
``fallback.json`` beside the model. ``fallback_learning`` learns it, ``ladder`` answers by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from scorekit.formats import Kept, Record
from scorekit.quality.baseline import Bins
from scorekit.quality.bounds import FORBID, Flag
from scorekit.quality.segments import SegmentTable

FORMAT_VERSION = 1
LONGEST_LADDER = 10

RungKind = Literal["version", "segment", "expression", "mean", "null"]


# Declared ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RungSettings:
    """One rung of the ladder; it has exactly one of these.

    Attributes
    ----------
    version : str or None
        Another version, such as ``bank@previous``.
    segment : tuple of str or None
        One or two columns, whose segments' mean target answers.
    expression : str or None
        See ``expressions``; for models with one score.
    mean, null : bool
        The mean score; nothing, on purpose.
    """

    __pydantic_config__: ClassVar = FORBID

    version: str | None = None
    segment: tuple[str, ...] | None = None
    expression: str | None = None
    mean: Flag = False
    null: Flag = False

    def __post_init__(self) -> None:
        given = self.given
        if len(given) != 1:
            raise ValueError(
                "a rung of the ladder is one of version, segment, expression, mean = true and null = true"
                + (f"; this one is {' and '.join(given)}" if given else "")
            )
        if self.segment is not None and (
            len(self.segment) not in (1, 2) or len(set(self.segment)) < len(self.segment)
        ):
            raise ValueError("a segment is of one or two columns")

    @property
    def given(self) -> tuple[RungKind, ...]:
        """What it is; a sound one is one thing."""
        kinds: tuple[RungKind, ...] = ("version", "segment", "expression", "mean", "null")
        return tuple(kind for kind in kinds if getattr(self, kind) not in (None, False))

    @property
    def kind(self) -> RungKind:
        """What it is."""
        return self.given[0]


@dataclass(frozen=True, slots=True)
class FallbackSettings:
    """The ``[fallback]`` table of ``scorekit.toml``.

    Attributes
    ----------
    ladder : tuple of RungSettings
        Tried from the first; empty where no fallback is declared.
    """

    __pydantic_config__: ClassVar = FORBID

    ladder: tuple[RungSettings, ...] = ()

    def __post_init__(self) -> None:
        kinds = [rung.kind for rung in self.ladder]
        if len(kinds) > LONGEST_LADDER:
            raise ValueError(f"a ladder has at most {LONGEST_LADDER} rungs, this one has {len(kinds)}")
        for kind in ("mean", "null"):
            if kinds.count(kind) > 1:
                raise ValueError(f"the ladder has the rung {kind} twice")
        for place, kind in enumerate(kinds):
            after = [other for other in kinds[place + 1 :] if kind == "null" or other != "null"]
            if kind in ("mean", "null") and after:
                raise ValueError(f"nothing below the rung {kind} can answer, and {after[0]} stands there")


# Learned -----------------------------------------------------------------------------


class Validation(Record, frozen=True):
    """How a rung was held against the model's scores at training, output by output.

    Attributes
    ----------
    rows : int
        Training rows, each of which it answered.
    mean, model_mean : tuple of float
        Of its answers, and of the model's baseline scores of the same rows.
    tolerance : tuple of float
        How far they may be apart.
    """

    rows: int
    mean: tuple[float, ...]
    model_mean: tuple[float, ...]
    tolerance: tuple[float, ...]


class VersionRung(Record, frozen=True, tag_field="kind", tag="version"):
    """Another version of a model, by its reference."""

    kind: ClassVar[Literal["version"]] = "version"
    version: str


class Learned(Record, frozen=True):
    """A rung that was validated at training.

    Attributes
    ----------
    validation : Validation
    answers : tuple of Bins
        Its answers to the training rows, output by output: what its later ones are held against.
    """

    validation: Validation
    answers: tuple[Bins, ...]


class SegmentRung(Learned, frozen=True, tag_field="kind", tag="segment"):
    """The mean target of segments."""

    kind: ClassVar[Literal["segment"]] = "segment"
    table: SegmentTable


class ExpressionRung(Learned, frozen=True, tag_field="kind", tag="expression"):
    """An expression over columns."""

    kind: ClassVar[Literal["expression"]] = "expression"
    expression: str


class MeanRung(Learned, frozen=True, tag_field="kind", tag="mean"):
    """The mean of the model's baseline scores."""

    kind: ClassVar[Literal["mean"]] = "mean"
    values: tuple[float, ...]


class NullRung(Record, frozen=True, tag_field="kind", tag="null"):
    """Null, on purpose."""

    kind: ClassVar[Literal["null"]] = "null"


Rung = VersionRung | SegmentRung | ExpressionRung | MeanRung | NullRung


def is_of(rung: Rung, asked: RungSettings) -> bool:
    """Whether a rung is what a declaration asks for."""
    match rung:
        case SegmentRung():
            return asked.segment == tuple(column.name for column in rung.table.columns)
        case ExpressionRung():
            return asked.expression == rung.expression
        case VersionRung():
            return asked.version == rung.version
        case _:
            return asked.kind == rung.kind


class Fallback(Kept, frozen=True, kw_only=True):
    """What was learned and validated of a ladder at training.

    Attributes
    ----------
    outputs : tuple of str
        Names of the scores.
    probabilities : bool
        Whether an answer lies within 0 and 1.
    rungs : tuple of Rung
        From the first.
    """

    NEWEST = FORMAT_VERSION
    KIND = "a fallback"

    format_version: int = FORMAT_VERSION
    outputs: tuple[str, ...]
    probabilities: bool
    rungs: tuple[Rung, ...]

    @property
    def versions(self) -> dict[int, str]:
        """References of other versions, by rung."""
        return {place: rung.version for place, rung in enumerate(self.rungs) if rung.kind == "version"}
