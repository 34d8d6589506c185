"""Small expressions over the columns of a model: a heuristic that can stand in for it.

::

    where(missing(pdays) or pdays > 400, 0.08, 0.4) + 0.1 * (poutcome == 'success')

Numbers, ``+ - * /``, comparisons, ``and or not``, ``min max abs log exp``,
``where(condition, a, b)`` and ``missing(column)``. A column stands by its name; a name
with other signs in it stands in backticks or double quotes. Categories are compared with
``==`` and ``!=`` to a text in single quotes, timestamps with any comparison to a date in
single quotes. A condition counts as 1 or 0 where a number is needed.

An expression is read by the functions below and computed by NumPy. It cannot call or
reach anything else, so it is safe to take from a settings file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.quality.expression_nodes import (
    CHAINS,
    COMPARISONS,
    FUNCTIONS,
    Apply,
    Chain,
    Column,
    Constant,
    IsLevel,
    IsMissing,
    Node,
    Where,
    negated,
)
from scorekit.quality.expression_tokens import Token, error_at, quoted, tokens
from scorekit.schema import Feature, Schema

DEEPEST = 30
"""How often an expression may be nested; deeper ones nobody can read."""

KEYWORDS = ("and", "or", "not")
CALLS = {**dict.fromkeys(FUNCTIONS, 1), "missing": 1, "where": 3, "min": None, "max": None}
"""Functions and how many values they take; None is two or more."""

Kind = Literal["a number", "a condition", "a category", "free text", "a text"]


@dataclass(frozen=True, slots=True)
class _Rows:
    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression over the columns of a schema; made by ``parse``.

    Attributes
    ----------
    text : str
    columns : tuple of str
        Names of the columns it uses, in the order they appear.
    """

    text: str
    columns: tuple[str, ...]
    _root: Node

    def evaluate(self, numeric: NDArray[np.float64], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Its value in each row.

        Parameters
        ----------
        numeric, codes : ndarray
            Decoded columns (``engine.columns.Columns``).

        Returns
        -------
        ndarray of float64, shape (n_rows,)
            NaN where a value that it needs is missing. Where numbers leave the range of
            floating point, or a division or logarithm has no value, infinite or NaN.
        """
        with np.errstate(all="ignore"):
            values = self._root.values(_Rows(numeric, codes))
        return np.array(np.broadcast_to(values, len(numeric)), dtype=np.float64)


def parse(text: str, schema: Schema) -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        At most ``LONGEST`` characters, nested at most ``DEEPEST`` times.
    schema : Schema
        Its columns.

    Raises
    ------
    UsageError
        With the place of the mistake.

    Examples
    --------
    >>> from scorekit.schema import Feature
    >>> age = Feature(name="age", kind="numeric", arrow_type="int64", nullable=True)
    >>> retired = parse("where(age >= 65, 0.3, 0.1)", Schema(features=(age,)))
    >>> retired.columns
    ('age',)
    >>> retired.evaluate(np.array([[70.0], [30.0], [np.nan]]), np.empty((3, 0), dtype=np.int32))
    array([0.3, 0.1, nan])
    """
    parser = _Parser(text, schema)
    return Expression(text, tuple(parser.used), parser.root)


_NOTHING = Constant(math.nan)


@dataclass(frozen=True, slots=True)
class _Part:
    """A parsed part, and what it is."""

    kind: Kind
    at: int
    node: Node = _NOTHING
    feature: Feature | None = None
    index: int = -1
    text: str = ""


class _Parser:
    """Recursive descent: a method for each rank of operations, weakest first."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.places = {feature.name: (feature, index) for feature, index in schema.each()}
        self.used: dict[str, None] = {}
        self.depth = 0
        self.left = tokens(text)[::-1]
        self.root = self.whole()

    def whole(self) -> Node:
        if len(self.left) == 1:
            raise UsageError("an expression is empty", hint="write a number, such as 0.1", code="expression")
        part = self.either()
        if len(self.left) > 1:
            raise self.unexpected("an operation or the end")
        return self.number(part).node

    # Words ---------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.left[-1]

    def take(self, *values: str) -> Token | None:
        """The next word, if it is one of these."""
        token = self.next
        if token.kind in ("sign", "name") and token.value in values:
            return self.left.pop()
        return None

    def need(self, value: str) -> None:
        if self.take(value) is None:
            raise self.unexpected(repr(value))

    def error(self, at: int, message: str, hint: str | None = None) -> UsageError:
        return error_at(self.text, at, message, hint=hint)

    def unexpected(self, wanted: str) -> UsageError:
        kind, value, at = self.next
        found = "the end" if kind == "end" else f"the text {value!r}" if kind == "text" else repr(value)
        hint = None
        if value.lower() in KEYWORDS:
            hint = f"write {value.lower()} in small letters" if value != value.lower() else None
        elif kind == "sign" and value in COMPARISONS:
            hint = "join two comparisons by and: 0 < x and x < 5"
        elif kind == "name":
            hint = "quote a name with other signs: `pay day`"
        return self.error(at, f"expected {wanted}, found {found}", hint)

    # Ranks ---------------------------------------------------------------------------

    def either(self) -> _Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(self.next.at, f"an expression is nested at most {DEEPEST} times")
        part = self.chain(self.both, ("or",), self.condition, "a condition")
        self.depth -= 1
        return part

    def both(self) -> _Part:
        return self.chain(self.denied, ("and",), self.condition, "a condition")

    def denied(self) -> _Part:
        token = self.take("not")
        if token is None:
            return self.comparison()
        part = self.nested(self.denied, token)
        return _Part("a condition", token.at, Apply(negated, self.condition(part).node))

    def comparison(self) -> _Part:
        left = self.sum()
        token = self.take(*COMPARISONS)
        if token is None:
            return left
        return _Part("a condition", left.at, self.compared(left, token, self.sum()))

    def sum(self) -> _Part:
        return self.chain(self.product, ("+", "-"), self.number, "a number")

    def product(self) -> _Part:
        return self.chain(self.signed, ("*", "/"), self.number, "a number")

    def signed(self) -> _Part:
        token = self.take("-")
        if token is None:
            return self.atom()
        part = self.nested(self.signed, token)
        return _Part("a number", token.at, Apply(np.negative, self.number(part).node))

    def nested(self, rank: Callable[[], _Part], token: Token) -> _Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(token.at, f"an expression is nested at most {DEEPEST} times")
        part = rank()
        self.depth -= 1
        return part

    def chain(
        self,
        rank: Callable[[], _Part],
        signs: Sequence[str],
        checked: Callable[[_Part], _Part],
        kind: Kind,
    ) -> _Part:
        first = rank()
        if self.next.value not in signs or self.next.kind not in ("sign", "name"):
            return first
        node = checked(first).node
        rest = []
        while token := self.take(*signs):
            rest.append((CHAINS[token.value], checked(rank()).node))
        return _Part(kind, first.at, Chain(node, tuple(rest)))

    # Atoms ---------------------------------------------------------------------------

    def atom(self) -> _Part:
        if self.next.kind == "end" or self.next.value in KEYWORDS:
            raise self.unexpected("a value")
        token = self.left.pop()
        if token.kind == "number":
            return self.literal(token)
        if token.kind == "text":
            return _Part("a text", token.at, text=token.value)
        if token.kind == "quoted":
            return self.column(token)
        if token.kind == "name":
            return self.call(token) if self.take("(") else self.column(token)
        if token.value == "(":
            part = self.either()
            self.need(")")
            return part
        self.left.append(token)
        raise self.unexpected("a value")

    def literal(self, token: Token) -> _Part:
        number = float(token.value)
        if math.isinf(number):
            raise self.error(token.at, f"{token.value} is too large a number")
        return _Part("a number", token.at, Constant(number))

    def column(self, token: Token) -> _Part:
        if token.value not in self.places:
            raise self.error(token.at, f"no such column: {token.value!r}", self.meant(token))
        self.used[token.value] = None
        feature, index = self.places[token.value]
        kinds: dict[str, Kind] = {
            "boolean": "a condition",
            "category": "a category",
            "text": "free text",
        }
        kind = kinds.get(feature.kind, "a number")
        return _Part(kind, token.at, Column(index), feature, index)

    def meant(self, token: Token) -> str | None:
        if token.value in CALLS:
            return f"write {token.value}(…) to call the function"
        near = nearest(token.value, self.places)
        return f"did you mean {quoted(near)}?" if near else None

    def call(self, token: Token) -> _Part:
        name, at = token.value, token.at
        if name not in CALLS:
            near = nearest(name, CALLS)
            hint = f"did you mean {near}?" if near else "the functions are " + ", ".join(CALLS)
            raise self.error(at, f"no such function: {name!r}", hint)
        given = [self.either()]
        while self.take(","):
            given.append(self.either())
        self.need(")")
        wanted = CALLS[name]
        if len(given) != wanted if wanted else len(given) < 2:
            many = (
                "two or more values" if wanted is None else "1 value" if wanted == 1 else f"{wanted} values"
            )
            raise self.error(at, f"{name} takes {many}, not {len(given)}")
        return self.called(name, at, given)

    def called(self, name: str, at: int, given: list[_Part]) -> _Part:
        if name == "missing":
            return _Part("a condition", at, self.is_missing(given[0]))
        if name == "where":
            condition = self.condition(given[0]).node
            return _Part("a number", at, Where(condition, *(self.number(part).node for part in given[1:])))
        nodes = [self.number(part).node for part in given]
        if name in FUNCTIONS:
            return _Part("a number", at, Apply(FUNCTIONS[name], nodes[0]))
        return _Part("a number", at, Chain(nodes[0], tuple((CHAINS[name], node) for node in nodes[1:])))

    def is_missing(self, part: _Part) -> Node:
        if part.feature is None:
            raise self.error(part.at, "missing takes the name of a column")
        return IsMissing(part.index, part.feature.coded)

    # Kinds ---------------------------------------------------------------------------

    def number(self, part: _Part) -> _Part:
        if part.kind in ("a number", "a condition"):
            return part
        hints = {
            "a category": "compare it to one of its levels: == 'level'",
            "a text": "column names stand bare, in backticks or in double quotes",
        }
        raise self.error(part.at, f"a number is needed, and this is {part.kind}", hints.get(part.kind))

    def condition(self, part: _Part) -> _Part:
        if part.kind == "a condition":
            return part
        hint = "compare it to something: x > 0" if part.kind == "a number" else None
        raise self.error(part.at, f"a condition is needed, and this is {part.kind}", hint)

    def compared(self, left: _Part, token: Token, right: _Part) -> Node:
        for part, other in ((left, right), (right, left)):
            if part.kind == "a category" and other.kind == "a text":
                return self.level(part, token, other)
            if part.feature is not None and part.feature.kind == "timestamp" and other.kind == "a text":
                moment = Constant(self.moment(other))
                pair = (part.node, moment) if part is left else (moment, part.node)
                return Chain(pair[0], ((COMPARISONS[token.value], pair[1]),))
            if part.kind == "a category":
                message = f"a category is compared to a text, and this is {other.kind}"
                raise self.error(other.at, message, "put the level in single quotes: == 'level'")
        return Chain(self.number(left).node, ((COMPARISONS[token.value], self.number(right).node),))

    def level(self, part: _Part, token: Token, text: _Part) -> Node:
        assert part.feature is not None  # noqa: S101 -- a category is a column
        if token.value not in ("==", "!="):
            raise self.error(token.at, "categories have no order; compare them by == or !=")
        if text.text not in part.feature.levels:
            message = f"{text.text!r} is no level that training saw in {part.feature.name!r}"
            raise self.error(text.at, message, "levels are compared letter by letter")
        return IsLevel(part.index, part.feature.levels.index(text.text), token.value == "==")

    def moment(self, text: _Part) -> float:
        """Microseconds of a date or time; UTC where it does not say."""
        from datetime import UTC, datetime, timedelta

        try:
            when = datetime.fromisoformat(text.text)
        except ValueError:
            message = "a timestamp is compared to a date or time, and this is none"
            raise self.error(text.at, message, "write it as '2026-01-31' or '2026-01-31T12:00:00'") from None
        aware = when if when.tzinfo else when.replace(tzinfo=UTC)
        return (aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
