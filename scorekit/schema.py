"""What a model's input looks like, by name and type.

A schema is made once, from every row a model is trained on, and from then on
every format (Parquet, CSV, JSON lines, Arrow, a request) is read by it. That is
what makes the same rows give the same scores whatever they came in.

A feature is of one kind:

=============  ==========================  ==============================================
kind           decoded to                  missing
=============  ==========================  ==============================================
``numeric``    float64                     NaN
``boolean``    float64, 0 and 1            NaN
``timestamp``  float64, microseconds UTC   NaN (dates are midnight; exact until year 2255)
``category``   int32 code into the sorted  -1; a level not seen in training is -2
               training levels
``text``       int32 -2 and the string     -1 (too many levels to be categories;
               itself                      only the reference engine can score it)
=============  ==========================  ==============================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal, NamedTuple, Self

from scorekit.formats import Record

Kind = Literal["numeric", "boolean", "timestamp", "category", "text"]

MISSING = -1
"""Code of a missing category."""

UNSEEN = -2
"""Code of a category that training did not see."""

UNSEEN_TEXT = "\0unseen"
"""Stands for every string that training did not see; no data file holds it."""

NOT_TEXT = "\0not text"
"""Stands for a value that has no text, such as a list; no data file holds it."""

ABSENT = "\0absent "
"""Begins the name of a column of truth values that stands beside the columns of a batch: in which rows the
record lacks the key that the rest of the name is, which is not the same as null. No data file holds it."""


class Missing(NamedTuple):
    """What means "missing" where a number, a truth value or a time should stand.

    Attributes
    ----------
    texts : frozenset of str
        As they stand, beside the empty text.
    numbers : frozenset of float
        Those of the texts that are numbers, which mean so however they are written: for
        ``-999`` also the number of a typed file, and ``-999.0``.
    """

    texts: frozenset[str]
    numbers: frozenset[float]

    @classmethod
    def of(cls, na_values: Iterable[str]) -> Self:
        """What means "missing", by the texts that do."""
        texts = frozenset(("", *na_values))
        read = map(number_of, texts)
        return cls(texts, frozenset(number for number in read if number is not None and number == number))

    def means(self, text: str) -> bool:
        """Whether a text, without space around it, means so."""
        return text in self.texts or (bool(self.numbers) and number_of(text) in self.numbers)


def number_of(text: str) -> float | None:
    """The number that a text is, or None."""
    try:
        # float() also takes underscores, which no data file means
        return None if "_" in text else float(text)
    except ValueError:
        return None


class Feature(Record, frozen=True):
    """One input column of a model.

    Attributes
    ----------
    name : str
        Column name as it stands in the data.
    kind : Kind
        How it is decoded.
    arrow_type : str
        Arrow type in the training data, for people to read.
    nullable : bool
        Whether training met a missing value.
    minimum, maximum : float or None
        Finite range in training, in decoded units; None without a finite value.
    levels : tuple of str
        Sorted distinct strings of a category; empty for other kinds.
    dictionary : bool
        Whether the training data declared the column as a dictionary; the reference
        engine then sees pandas ``category`` instead of ``str``.
    """

    name: str
    kind: Kind
    arrow_type: str
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    levels: tuple[str, ...] = ()
    dictionary: bool = False

    @property
    def coded(self) -> bool:
        """Whether the decoded column is codes rather than floats."""
        return self.kind in ("category", "text")

    @property
    def span(self) -> str:
        """The range as people write it: ``18 to 95``; empty where there is none."""
        if self.minimum is None or self.maximum is None:
            return ""
        if self.kind == "timestamp":
            import numpy as np

            return f"{np.datetime64(int(self.minimum), 'us')} to {np.datetime64(int(self.maximum), 'us')}"
        return f"{self.minimum:g} to {self.maximum:g}"


class Schema(Record, frozen=True, dict=True):
    """The features of a model, in the order the model was trained on.

    Attributes
    ----------
    features : tuple of Feature
    na_values : tuple of str
        Strings that mean "missing" in every format, beside null and the empty string; and,
        in features that are no texts, the numbers that they are.
    """

    features: tuple[Feature, ...]
    na_values: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def missing(self) -> Missing:
        """What means "missing"."""
        return Missing.of(self.na_values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in model order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def numeric(self) -> tuple[Feature, ...]:
        """Features decoded to float64, in the order of the columns of ``Columns.numeric``."""
        return tuple(feature for feature in self.features if not feature.coded)

    @cached_property
    def coded(self) -> tuple[Feature, ...]:
        """Features decoded to codes, in the order of the columns of ``Columns.codes``."""
        return tuple(feature for feature in self.features if feature.coded)

    def without(self, names: set[str]) -> Self:
        """The same schema less some columns."""
        kept = tuple(feature for feature in self.features if feature.name not in names)
        return type(self)(features=kept, na_values=self.na_values)

    def each(self) -> Iterator[tuple[Feature, int]]:
        """Each feature with its column in ``Columns.numeric`` or ``Columns.codes``."""
        numeric = coded = 0
        for feature in self.features:
            if feature.coded:
                yield feature, coded
                coded += 1
            else:
                yield feature, numeric
                numeric += 1
