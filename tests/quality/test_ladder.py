"""A ladder answers each row by the first rung that may and can."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.quality.judging import Judge
from scorekit.quality.ladder import NOBODY, AnswerCounter, Answerer, Ladder, make_ladder
from scorekit.quality.stability import compare
from tests.quality import windows
from tests.quality.fallbacks import SCHEMA, learn, training_rows

COLUMNS = ("age", "pay day", "poutcome")


@dataclass(frozen=True)
class Fixed:
    """Answers what it is told, by row of the batch."""

    given: tuple[float, ...]
    columns: tuple[str, ...]

    def answer(self, numeric: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.array(self.given)[rows][:, None]


ANSWERS = st.sampled_from([0.0, 0.25, 1.0, math.nan, math.inf, -math.inf, -0.1, 1.5])
SIZE = 6
RUNGS = st.lists(
    st.builds(
        Fixed,
        st.lists(ANSWERS, min_size=SIZE, max_size=SIZE).map(tuple),
        st.lists(st.sampled_from(COLUMNS), max_size=2, unique=True).map(tuple),
    ),
    max_size=4,
)
MASKS = st.dictionaries(
    st.sampled_from(COLUMNS), st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array)
)


@given(
    RUNGS,
    st.permutations(range(SIZE)).flatmap(lambda rows: st.integers(0, SIZE).map(lambda end: rows[:end])),
    st.frozensets(st.sampled_from(COLUMNS), max_size=1),
    MASKS,
    st.booleans(),
)
def test_row_by_row_it_is_the_first_that_may_and_can(
    rungs: list[Fixed], rows: list[int], bad: frozenset[str], flawed: dict[str, np.ndarray], chances: bool
) -> None:
    def first(row: int) -> tuple[float, int]:
        for number, rung in enumerate(rungs):
            if bad & set(rung.columns) or any(flawed[name][row] for name in rung.columns if name in flawed):
                continue
            answer = rung.given[row]
            if math.isfinite(answer) and (not chances or 0 <= answer <= 1):
                return answer, number
        return math.nan, NOBODY

    ladder = Ladder(rungs, 1, probabilities=chances)
    numbers = np.array(rows, dtype=np.int64)
    values, answered = ladder.answer(np.empty((SIZE, 2)), np.empty((SIZE, 2), np.int32), numbers, bad, flawed)
    expected = [first(row) for row in rows]
    np.testing.assert_array_equal(values[:, 0], np.array([value for value, _ in expected]))
    assert answered.tolist() == [number for _, number in expected]


def test_the_rungs_of_a_fallback() -> None:
    rows = training_rows()
    fallback = learn(
        {"version": "bank@previous"},
        {"segment": ["poutcome"]},
        {"expression": "where(missing(age), 0.4, 0.36)"},
        {"null": True},
        rows=rows,
    )
    every = np.arange(5)
    bank = Fixed((0.1, math.nan, math.nan, math.nan, math.nan), ("age",))
    made = make_ladder(fallback, SCHEMA)
    ladder = made.of([bank, *made.rungs[1:]])
    flawed = {"poutcome": np.array([False, False, True, False, False])}
    values, answered = ladder.answer(rows.numeric, rows.codes, every, frozenset(), flawed)
    assert answered.tolist() == [0, 1, 2, 1, 1]
    assert values[0, 0] == 0.1
    assert values[2, 0] == 0.36
    _, without_outcome = ladder.answer(rows.numeric, rows.codes, every, frozenset({"poutcome"}))
    assert without_outcome.tolist() == [0, 2, 2, 2, 2]
    values, without_any = ladder.answer(rows.numeric, rows.codes, every, frozenset({"poutcome", "age"}))
    assert without_any.tolist() == [3] * 5
    assert np.isnan(values).all()
    _, of_some = ladder.answer(rows.numeric, rows.codes, np.array([2, 4]), frozenset(), flawed)
    assert of_some.tolist() == [2, 1]
    _, no_version = make_ladder(fallback, SCHEMA).answer(rows.numeric, rows.codes, every)
    assert no_version.tolist() == [1] * 5


def test_an_expression_that_leaves_the_range_of_a_probability_does_not_answer() -> None:
    rows = training_rows()
    fallback = learn({"expression": "0.2 + age / 300"}, {"mean": True}, rows=rows)
    numeric, codes = rows.numeric.copy(), rows.codes
    numeric[:3, 0] = 300.0, math.nan, 30.0
    values, answered = make_ladder(fallback, SCHEMA).answer(numeric, codes, np.arange(3))
    assert answered.tolist() == [1, 1, 0]
    assert values[:, 0].tolist() == pytest.approx([rows.scores.mean(), rows.scores.mean(), 0.3])


def test_more_scores_than_one() -> None:
    rows = training_rows(outputs=3)
    ladder = make_ladder(learn({"version": "x"}, {"segment": ["poutcome"]}, rows=rows), SCHEMA)
    values, answered = ladder.answer(rows.numeric, rows.codes, np.arange(2000))
    assert values.sum(axis=1) == pytest.approx(1)
    assert set(answered.tolist()) == {1}
    counter = AnswerCounter(learn({"version": "x"}, {"segment": ["poutcome"]}, rows=rows))
    _, columns = counter.split(counter.count(values, answered))
    assert [found.tolist() for found in columns] == [list(bins.counts) for _, bins in counter.columns]
    nobody = Ladder([], 3, probabilities=True).answer(rows.numeric, rows.codes, np.arange(2))
    assert nobody[0].shape == (2, 3)
    assert nobody[1].tolist() == [NOBODY] * 2


def test_answers_are_watched_by_the_rung_that_gave_them() -> None:
    rows = training_rows()
    fallback = learn({"version": "x"}, {"segment": ["poutcome"]}, {"mean": True}, rows=rows)
    counter = AnswerCounter(fallback)
    ladder = make_ladder(fallback, SCHEMA)

    def counted(places: np.ndarray, bad: frozenset[str] = frozenset()) -> np.ndarray:
        return counter.count(*ladder.answer(rows.numeric, rows.codes, places, bad))

    whole = counted(np.arange(2000))
    assert len(whole) == len(counter)
    assert (counted(np.arange(700)) + counted(np.arange(700, 2000)) == whole).all()
    rungs, columns = counter.split(whole)
    assert rungs.tolist() == [0, 2000, 0]
    assert [place for place, _ in counter.columns] == [1, 2]
    assert columns[0].tolist() == list(counter.columns[0][1].counts)
    assert columns[1].sum() == 0
    failure_only = np.flatnonzero(rows.codes[:, 0] == 0)
    (moved,) = compare([counter.columns[0][1]], [counter.split(counted(failure_only))[1][0]])
    assert moved.state == "alarm"
    assert counter.split(counted(np.arange(9), frozenset({"poutcome"})))[0].tolist() == [0, 0, 9]


@pytest.mark.parametrize(("answered", "state"), [(3, None), (49, None), (50, "alarm")])
def test_a_few_answers_are_too_little_to_find_anything(answered: int, state: str | None) -> None:
    rows = training_rows()
    fallback = learn({"segment": ["poutcome"]}, rows=rows)
    counter = AnswerCounter(fallback)
    failures = np.flatnonzero(rows.codes[:, 0] == 0)[:answered]
    answers = counter.count(*make_ladder(fallback, SCHEMA).answer(rows.numeric, rows.codes, failures))
    verdict = Judge(windows.settings(), windows.COUNTER, counter).judge(windows.window(answers=answers))
    found = {each.state for each in verdict.findings if each.check == "fallback.psi"}
    assert found == ({state} if state else set())
    assert verdict.state == (state or "ok"), "a good window is not insufficient by it"


def test_a_rung_says_what_it_uses() -> None:
    fallback = learn(
        {"segment": ["poutcome", "age"]}, {"expression": "where(age > 0, 0.37, 0)"}, {"mean": True}
    )
    rungs: tuple[Answerer, ...] = make_ladder(fallback, SCHEMA).rungs
    assert [rung.columns for rung in rungs] == [("poutcome", "age"), ("age",), ()]
