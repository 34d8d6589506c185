"""Counts of batches: of every feature and score, in any pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scorekit.engine.columns import Columns
from scorekit.errors import VersionMismatch
from scorekit.quality.baseline import numeric_bins
from scorekit.quality.counting import Counter
from scorekit.schema import Feature, Schema
from scorekit.training.baseline import make_baseline

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="numeric", arrow_type="int64", nullable=True),
        Feature(name="job", kind="category", arrow_type="string", nullable=True, levels=("a", "b")),
        Feature(name="note", kind="text", arrow_type="string", nullable=True),
        Feature(name="paid", kind="boolean", arrow_type="bool", nullable=True),
    )
)
RNG = np.random.default_rng(3)


def rows(count: int) -> tuple[Columns, np.ndarray]:
    numeric = np.asfortranarray(np.column_stack([RNG.normal(size=count), RNG.integers(0, 2, count)]))
    codes = np.asfortranarray(RNG.integers(-2, 2, (count, 2)), dtype=np.int32)
    return Columns(numeric, codes), RNG.random((count, 1))


def counter() -> Counter:
    columns, scores = rows(500)
    baseline = make_baseline(columns, SCHEMA, np.arange(500), scores, ["score"], kind="out_of_fold")
    return Counter(baseline, SCHEMA)


COUNTING = counter()


def test_free_text_has_no_bins_and_every_other_column_has() -> None:
    assert [bins.name for bins in counter().columns] == ["age", "job", "paid", "score"]


@given(st.lists(st.integers(0, 300), max_size=5))
def test_pieces_in_any_split_add_up_to_the_whole(cuts: list[int]) -> None:
    columns, scores = rows(300)
    counting = counter()
    whole = counting.count(columns.numeric, columns.codes, scores)
    ends = [0, *sorted(cuts), 300]
    pieces = [
        counting.count(columns.numeric[a:b], columns.codes[a:b], scores[a:b]) for a, b in pairwise(ends)
    ]
    assert (sum(pieces) == whole).all()
    assert [column.counts.sum() for column in counting.split(whole)] == [300] * 4


ODD = st.one_of(st.floats(), st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1.8e308]))


@given(st.lists(st.tuples(ODD, ODD, st.integers(-2, 1), ODD), min_size=2, max_size=20))
def test_rows_one_by_one_add_up_to_the_whole(drawn: list[tuple[float, float, int, float]]) -> None:
    numeric = np.asfortranarray([[age, paid] for age, paid, _, _ in drawn])
    codes = np.asfortranarray([[job, 0] for _, _, job, _ in drawn], dtype=np.int32)
    scores = np.array([[score] for *_, score in drawn])
    whole = COUNTING.count(numeric, codes, scores)
    ones = [
        COUNTING.count(numeric[row : row + 1], codes[row : row + 1], scores[row : row + 1])
        for row in range(len(drawn))
    ]
    assert {one.dtype for one in ones} == {whole.dtype}
    assert (sum(ones) == whole).all()


def test_rejected_rows_have_no_score_to_count() -> None:
    # row.rejected looks at them; as missing scores they would move the distribution of those there are
    columns, scores = rows(10)
    scores[:4] = np.nan
    counting = counter()
    found = counting.split(counting.count(columns.numeric, columns.codes, scores))[-1].counts
    assert found.sum() == 6
    assert found[counting.columns[-1].special("missing")] == 0


def test_rows_that_were_rejected_at_training_are_not_in_the_baseline_of_scores() -> None:
    columns, scores = rows(500)
    scores[:30] = np.nan
    made = make_baseline(columns, SCHEMA, np.arange(500), scores, ["score"], kind="data")
    assert made.scores[0].rows == 470
    older = replace(made, scores=(numeric_bins("score", scores[:, 0]),))
    assert older.scores[0].rows == 500
    assert Counter(older, SCHEMA).scores == Counter(made, SCHEMA).scores == made.scores


def test_a_baseline_of_other_columns_is_refused() -> None:
    columns, scores = rows(10)
    baseline = make_baseline(columns, SCHEMA, np.arange(10), scores, ["score"], kind="in_sample")
    with pytest.raises(VersionMismatch, match="'job'"):
        Counter(baseline, SCHEMA.without({"job"}))
