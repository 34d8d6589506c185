"""What is known of values while a pipeline is being lowered.

A transformer's input is a list of columns. A column is either *numbers*, one
column of a matrix that a step makes, or *coded*: a finite set of possible
objects, one for each code, known in full while compiling. Whatever a pipeline
does to a coded column (impute, encode, pool rare levels) is therefore done here,
once for each possible object; what remains at scoring is one look-up. The objects
of a coded column stay what the reference pipeline would see: strings, or NaN for
missing, and after an encoder numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class NotLowered(Exception):
    """A step that has no compiled form.

    Parameters
    ----------
    step : str or object
        The class that stands in the way, e.g. ``"SVC"``, or an object of it.
    why : str
    """

    def __init__(self, step: object, why: str) -> None:
        self.step = step if isinstance(step, str) else type(step).__name__
        self.why = why
        super().__init__(f"{self.step}: {why}")


@dataclass(frozen=True, slots=True)
class Numbers:
    """One column of a matrix made by a step.

    Attributes
    ----------
    value : int
        Number of the value.
    index : int
        Column within it.
    origin : int
        Column of ``Columns.numeric`` it came from alone, else -1.
    nan, infinite : bool
        Whether it can still be NaN or infinite.
    timestamp : bool
        Whether the reference pipeline sees ``datetime64`` here. Only ``DateParts``
        reads that as the number it is; other transformers each have their own idea.
    """

    value: int
    index: int
    origin: int = -1
    nan: bool = True
    infinite: bool = True
    timestamp: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column with finitely many possible objects.

    Attributes
    ----------
    value : int or None
        Number of the value that holds the codes, None for the decoded codes.
    index : int
        Column within it.
    domain : tuple of object
        The object for each code: unseen, missing, level 0, level 1, ….
    origin : int
        Column of ``Columns.numeric`` the codes were made from, else -1.
    """

    value: int | None
    index: int
    domain: tuple[Any, ...]
    origin: int = -1


Column = Numbers | Coded


def same_source(columns: Sequence[Coded]) -> list[list[Coded]]:
    """Neighbours whose codes come from the same value, together."""
    return [[column for column in run if isinstance(column, Coded)] for run in runs(columns)]


def runs(columns: Sequence[Column]) -> list[list[Column]]:
    """Neighbours that come from the same value, together."""
    runs: list[list[Column]] = []
    for column in columns:
        if runs and type(runs[-1][0]) is type(column) and runs[-1][0].value == column.value:
            runs[-1].append(column)
        else:
            runs.append([column])
    return runs
