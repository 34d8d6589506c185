"""Expressions: they compute what a person would by hand, and refuse the rest at its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorekit.errors import UsageError
from scorekit.quality.expression_tokens import LONGEST
from scorekit.quality.expressions import DEEPEST, parse
from scorekit.schema import Feature, Kind, Schema

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

LEVELS = ("failure", "it's", "success")


def feature(name: str, kind: Kind, levels: tuple[str, ...] = ()) -> Feature:
    return Feature(name=name, kind=kind, arrow_type="any", nullable=True, levels=levels)


SCHEMA = Schema(
    features=(
        feature("age", "numeric"),
        feature("poutcome", "category", LEVELS),
        feature("pay day", "numeric"),
        feature("emp.rate", "numeric"),
        feature("note", "text"),
        feature("housing", "boolean"),
        feature("since", "timestamp"),
    )
)
PLACES = {item.name: index for item, index in SCHEMA.each()}
MICROSECONDS_A_DAY = 86_400_000_000


def table(**columns: Any) -> tuple[np.ndarray, np.ndarray]:
    """Decoded columns; those that are not given are missing."""
    rows = len(next(iter(columns.values())))
    numeric = np.full((rows, len(SCHEMA.numeric)), np.nan, order="F")
    codes = np.full((rows, len(SCHEMA.coded)), -1, dtype=np.int32, order="F")
    for name, values in columns.items():
        (codes if name in ("poutcome", "note") else numeric)[:, PLACES[name]] = values
    return numeric, codes


def value(text: str, **columns: Any) -> list[float]:
    return parse(text, SCHEMA).evaluate(*table(**(columns or {"age": [1.0]}))).tolist()


# What is computed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("8 / 4 / 2", 1),
        ("-2 - -3", 1),
        ("--2", 2),
        (".5 + 1e-1 + 2.", 2.6),
        ("min(3, 1, 2) + max(1, 4)", 5),
        ("abs(-3) + log(exp(2))", 5),
        ("where(1 < 2, 5, 6)", 5),
        ("2 * (1 < 2)", 2),
        ("not 1 > 2 and 3 == 3", 1),
        ("1 > 2 or 1 > 2 and 1 < 2", 0),
        ("1 / 0", math.inf),
        ("log(0)", -math.inf),
    ],
)
def test_sums(text: str, number: float) -> None:
    assert value(text) == pytest.approx([number])


def test_columns_by_every_kind_of_name() -> None:
    columns = {"age": [2.0], "pay day": [3.0], "emp.rate": [5.0]}
    expression = parse('`pay day` * age + "pay day" * emp.rate', SCHEMA)
    assert expression.evaluate(*table(**columns)).tolist() == [21.0]
    assert expression.columns == ("pay day", "age", "emp.rate")


def test_categories() -> None:
    codes = [0, 1, 2, -1, -2]
    assert value("poutcome == 'success'", poutcome=codes)[:3] == [0, 0, 1]
    assert value("'it''s' != poutcome", poutcome=codes)[:3] == [1, 0, 1]
    missing, unseen = value("poutcome == 'success'", poutcome=codes)[3:]
    assert math.isnan(missing)
    assert unseen == 0
    assert value("missing(poutcome)", poutcome=codes) == [0, 0, 0, 1, 0]


def test_dates() -> None:
    days = np.array([0.0, 19_000.0, np.nan]) * MICROSECONDS_A_DAY
    assert value("where(missing(since), 9, since >= '1970-01-02')", since=days) == [0, 1, 9]
    assert value("'1970-01-01T02:00:00+02:00' == since", since=days)[:2] == [1, 0]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("age", False),
        ("age + 1 > 0", False),
        ("min(age, 1)", False),
        ("not age > 1", False),
        ("where(age > 1, 2, 3)", False),
        ("where(missing(age), 2, age)", True),
        ("where(not missing(age), age, 2)", True),
        ("where(1 < 2, 2, age)", True),
        ("where(2 < 1, 2, age)", False),
        ("missing(age) or age > 3", True),
        ("not missing(age) and age > 3", True),
        ("1 < 2 and age > 3", False),
        ("age > 3 and 2 < 1", True),
        ("age > 3 or 1 < 2", True),
        ("age > 3 or 2 < 1", False),
    ],
)
def test_what_a_missing_value_makes_unknown(text: str, known: bool) -> None:
    assert math.isnan(value(text, age=[math.nan])[0]) is not known


def test_one_value_for_every_row_also_of_a_constant() -> None:
    expression = parse("0.25", SCHEMA)
    assert expression.evaluate(*table(age=[1.0, 2.0, 3.0])).tolist() == [0.25] * 3
    assert expression.evaluate(*table(age=[])).tolist() == []
    assert expression.columns == ()
    numeric, codes = table(age=[1.0])
    parse("age", SCHEMA).evaluate(numeric, codes)[0] = 7.0
    assert numeric[0, 0] == 1.0


# Against plain Python ------------------------------------------------------------------

Row = dict[str, float]
Term = tuple[str, Callable[[Row], float]]
NUMERIC = {"age": "age", "`pay day`": "pay day", "housing": "housing"}
PAIRS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: (
        a / b if b else math.nan if a == 0 or a != a else math.copysign(math.inf, a * b_sign(b))
    ),
}
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def b_sign(zero: float) -> float:
    return math.copysign(1.0, zero)


def reference_log(number: float) -> float:
    return math.log(number) if number > 0 else -math.inf if number == 0 else math.nan


def reference_exp(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf


def unknown(*numbers: float) -> bool:
    return any(math.isnan(number) for number in numbers)


def paired(left: Term, sign: str, right: Term) -> Term:
    return f"({left[0]} {sign} {right[0]})", lambda row: PAIRS[sign](left[1](row), right[1](row))


def compared(left: Term, sign: str, right: Term) -> Term:
    def compute(row: Row) -> float:
        a, b = left[1](row), right[1](row)
        return math.nan if unknown(a, b) else float(COMPARED[sign](a, b))

    return f"({left[0]} {sign} {right[0]})", compute


def joined(left: Term, word: str, right: Term) -> Term:
    settles = 0.0 if word == "and" else 1.0

    def compute(row: Row) -> float:
        a, b = left[1](row), right[1](row)
        if settles in (a, b):
            return settles
        return math.nan if unknown(a, b) else 1.0 - settles

    return f"({left[0]} {word} {right[0]})", compute


def chosen(condition: Term, a: Term, b: Term) -> Term:
    def compute(row: Row) -> float:
        holds = condition[1](row)
        return math.nan if unknown(holds) else a[1](row) if holds else b[1](row)

    return f"where({condition[0]}, {a[0]}, {b[0]})", compute


def extreme(name: str, given: list[Term]) -> Term:
    def compute(row: Row) -> float:
        numbers = [term[1](row) for term in given]
        return math.nan if unknown(*numbers) else (min if name == "min" else max)(numbers)

    return f"{name}({', '.join(term[0] for term in given)})", compute


def one(name: str, of: Term, function: Callable[[float], float]) -> Term:
    return f"{name}({of[0]})", lambda row: function(of[1](row))


def column(text: str) -> Term:
    return text, lambda row: row[NUMERIC[text]]


def constant(number: float) -> Term:
    return repr(number), lambda row: number


ATOMS = st.one_of(
    st.sampled_from(sorted(NUMERIC)).map(column),
    st.floats(0, 1e6, allow_subnormal=False).map(constant),
    st.integers(0, 3).map(lambda number: constant(float(number))),
)
LEVEL_TESTS = st.tuples(st.sampled_from([0, 2]), st.booleans()).map(
    lambda pair: (
        f"poutcome {'==' if pair[1] else '!='} '{LEVELS[pair[0]]}'",
        lambda row: math.nan if row["poutcome"] == -1 else float((row["poutcome"] == pair[0]) == pair[1]),
    )
)
MISSING_TESTS = st.sampled_from(sorted(NUMERIC)).map(
    lambda text: (f"missing({text})", lambda row: float(math.isnan(row[NUMERIC[text]])))
)


def numbers(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    conditions = st.recursive(
        st.one_of(
            LEVEL_TESTS,
            MISSING_TESTS,
            st.builds(compared, inner, st.sampled_from(sorted(COMPARED)), inner),
        ),
        lambda deeper: st.one_of(
            st.builds(joined, deeper, st.sampled_from(["and", "or"]), deeper),
            deeper.map(lambda term: (f"(not {term[0]})", lambda row: 1.0 - term[1](row))),
        ),
        max_leaves=4,
    )
    return st.one_of(
        st.builds(paired, inner, st.sampled_from(sorted(PAIRS)), inner),
        st.builds(chosen, conditions, inner, inner),
        st.builds(extreme, st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=4)),
        inner.map(lambda term: one("abs", term, abs)),
        inner.map(lambda term: (f"-{term[0]}", lambda row: -term[1](row))),
    )


EXACT = st.recursive(ATOMS, numbers, max_leaves=12)
CELLS = st.sampled_from([math.nan, 0.0, -0.0, 1.0, -1.0, math.inf, -math.inf]) | st.floats(-1e6, 1e6)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": CELLS,
            "pay day": CELLS,
            "housing": st.sampled_from([0.0, 1.0, math.nan]),
            "poutcome": st.sampled_from([-2, -1, 0, 1, 2]),
        }
    ),
    min_size=1,
    max_size=8,
)


def evaluated(text: str, rows: list[Row]) -> np.ndarray:
    names = rows[0]
    return parse(text, SCHEMA).evaluate(*table(**{name: [row[name] for row in rows] for name in names}))


@settings(max_examples=400, deadline=None)
@given(EXACT, ROWS)
def test_it_computes_what_plain_python_does(term: Term, rows: list[Row]) -> None:
    text, compute = term
    if len(text) > LONGEST or text.count("(") + text.count("-") >= DEEPEST:
        return
    np.testing.assert_array_equal(evaluated(text, rows), [compute(row) for row in rows])


@settings(deadline=None)
@given(EXACT, ROWS, st.sampled_from(["exp", "log"]))
def test_exp_and_log(term: Term, rows: list[Row], name: str) -> None:
    text, compute = one(name, term, reference_exp if name == "exp" else reference_log)
    if len(text) > LONGEST or text.count("(") + text.count("-") >= DEEPEST:
        return
    np.testing.assert_allclose(evaluated(text, rows), [compute(row) for row in rows], rtol=1e-12)


@given(st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(0, 9)), max_size=30), st.integers(0, 9))
def test_ranks_without_brackets(rest: list[tuple[str, int]], first: int) -> None:
    text = f"{first}.0" + "".join(
        f" {sign} {number}.0" for sign, number in rest if (sign, number) != ("/", 0)
    )
    assert value(text) == [pytest.approx(eval(text), rel=1e-15)]


# What is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        ("", None, "empty", "write a number"),
        ("  ", None, "empty", "write a number"),
        ("agee + 1", 1, "no such column: 'agee'", "did you mean age?"),
        ("1 + Pay_day", 5, "no such column: 'Pay_day'", "did you mean `pay day`?"),
        ("min", 1, "no such column: 'min'", "min(…)"),
        ("mim(1, 2)", 1, "no such function: 'mim'", "did you mean min?"),
        ("system('rm')", 1, "no such function: 'system'", "the functions are"),
        ("age.__class__", 1, "no such column", None),
        ("1 +", 4, "expected a value, found the end", None),
        ("(1", 3, "expected ')', found the end", None),
        ("1 2", 3, "expected an operation or the end, found '2'", None),
        ("1)", 2, "expected an operation or the end, found ')'", None),
        ("age = 1", 5, "has no '='", "write =="),
        ("age > 1 & age < 3", 9, "has no '&'", "write and"),
        ("2 ^ 3", 3, "has no '^'", "powers"),
        ("2 ** 3", 4, "expected a value, found '*'", None),
        ("0 < age < 1", 9, "found '<'", "0 < x and x < 5"),
        ("age > 1 AND age < 3", 9, "found 'AND'", "write and in small letters"),
        ("pay day", 1, "no such column: 'pay'", "did you mean `pay day`?"),
        ("age and 1", 1, "a condition is needed, and this is a number", "x > 0"),
        ("not age", 5, "a condition is needed", None),
        ("where(age, 1, 2)", 7, "a condition is needed", None),
        ("where(age > 1, 2)", 1, "where takes 3 values, not 2", None),
        ("abs(1, 2)", 1, "abs takes 1 value, not 2", None),
        ("max(1)", 1, "max takes two or more values, not 1", None),
        ("exp()", 5, "expected a value", None),
        ("missing(age + 1)", 9, "missing takes the name of a column", None),
        ("missing(1)", 9, "missing takes the name of a column", None),
        ("poutcome + 1", 1, "a number is needed, and this is a category", "== 'level'"),
        ("poutcome == success", 13, "no such column: 'success'", None),
        ("poutcome == 1", 13, "compared to a text, and this is a number", "single quotes"),
        ("poutcome < 'success'", 10, "no order", None),
        ("poutcome == 'sucess'", 13, "'sucess' is no level", "letter by letter"),
        ("note == 'x'", 1, "a number is needed, and this is free text", None),
        ("'x'", 1, "a number is needed, and this is a text", "backticks"),
        ("age == 'x'", 8, "a number is needed, and this is a text", None),
        ("since > 'yesterday'", 9, "a date or time", "2026-01-31"),
        ("'open", 1, "has no", "ends with the same mark"),
        ("1e999", 1, "too large", None),
        ("@", 1, "has no '@'", None),
    ],
)
def test_mistakes_are_shown_at_their_place(text: str, at: int | None, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, SCHEMA)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")
    if at is not None:
        first, shown, caret = caught.value.message.splitlines()
        assert f"character {at}:" in first
        assert shown.strip() == text.strip()
        assert caret.index("^") == at + 1


def test_a_long_one_is_shown_around_the_mistake_and_one_of_many_lines_by_its_line() -> None:
    with pytest.raises(UsageError) as caught:
        parse("1 + " * 100 + "oops" + " + 1" * 100, SCHEMA)
    _, shown, caret = caught.value.message.splitlines()
    assert len(shown) < 130
    assert shown[caret.index("^") :].startswith("oops")
    with pytest.raises(UsageError) as caught:
        parse("1 +\n  oops +\n2", SCHEMA)
    _, shown, caret = caught.value.message.splitlines()
    assert shown.strip() == "oops +"
    assert shown[caret.index("^") :].startswith("oops")


@pytest.mark.parametrize("deep", ["(" * 900 + "1" + ")" * 900, "not " * 400 + "1 < 2", "-" * 1900 + "1"])
def test_too_deep_is_refused(deep: str) -> None:
    with pytest.raises(UsageError, match="nested at most"):
        parse(deep, SCHEMA)


def test_as_deep_and_as_long_as_may_be() -> None:
    call = "where(1 < 2 and not 2 < 1, 0 - 1 * "
    assert value(call * (DEEPEST - 2) + "1" + ", 2)" * (DEEPEST - 2)) == [1.0]
    assert value("1" + "+1" * ((LONGEST - 1) // 2)) == [1000.0]
    with pytest.raises(UsageError, match="at most 2000 characters"):
        parse("1" + "+1" * LONGEST, SCHEMA)


SIGNS = [*"+-*/()<>,=!'\"`@.", "==", "<=", "and", "or", "not", "where(", "min(", "missing(", "abs(", "log("]
NAMES = [
    "age",
    "poutcome",
    "note",
    "since",
    "housing",
    "`pay day`",
    "'success'",
    "'2026-01-01'",
    "1",
    "0.5",
    "\n",
]
WORDS = st.sampled_from([*SIGNS, *NAMES])


@settings(max_examples=500, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(WORDS, max_size=40).map(" ".join)
    | st.lists(WORDS, max_size=25).map("".join)
)
@example("'9999-12-31T23:59:59-23:59' < since")
@example("'0001-01-01T00:00:00+23:59' < since")
@example("\x00")
@example("٣ + 1")
@example("1_000")
def test_any_text_is_an_expression_or_a_usage_error(text: str) -> None:
    try:
        expression = parse(text, SCHEMA)
    except UsageError:
        return
    columns = {"age": [1.0, math.nan], "poutcome": [1, -2], "since": [0.0, math.nan], "note": [-1, -2]}
    assert expression.evaluate(*table(**columns)).shape == (2,)
    assert set(expression.columns) <= set(SCHEMA.names)
