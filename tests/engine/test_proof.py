"""The proof notices a compiled model that is wrong, however little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from scorekit.engine import proof
from scorekit.engine.columns import Columns
from scorekit.engine.compile import compile_estimator
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.program import Program, Step
from scorekit.engine.proof import Proof, awkward_rows, prove
from scorekit.engine.reference import ReferenceEngine, frame
from scorekit.schema import MISSING, UNSEEN, Feature, Schema
from tests.engine.parity import decode, schema_of
from tests.engine.samples import amounts, labels, mixed, numbers, prepared


class Case:
    """A fitted estimator, compiled, and what it learned from."""

    def __init__(self, estimator: Any, data: Any, target: Any, method: str, output: int) -> None:
        self.probability = method == "predict_proba"
        self.schema = schema_of(data)
        self.columns = decode(data, self.schema)
        estimator.fit(frame(self.columns, self.schema), target)
        self.program = compile_estimator(estimator, self.schema, method=method, outputs=[output])
        self.reference = ReferenceEngine(estimator, self.schema, method=method, outputs=[output])

    def prove(self, program: Program | None = None, advance: Callable[[int], object] = int) -> Proof:
        compiled = CompiledEngine(program or self.program, self.schema)
        return prove(
            compiled,
            self.reference,
            self.columns,
            self.schema,
            probability=self.probability,
            advance=advance,
        )

    def with_array(self, name: str, array: np.ndarray) -> Program:
        return replace(self.program, arrays={**self.program.arrays, name: array})

    def with_steps(self, steps: list[Step]) -> Program:
        return replace(self.program, steps=tuple(steps))


def logistic() -> Case:
    data = mixed()
    return Case(prepared(LogisticRegression()), data, labels(data), "predict_proba", 1)


CASES: dict[str, Any] = {
    "logistic": logistic,
    "naive Bayes": lambda: Case(
        make_pipeline(StandardScaler(), GaussianNB()), numbers(), labels(numbers()), "predict_proba", 1
    ),
    "forest": lambda: Case(
        RandomForestRegressor(3, max_leaf_nodes=8, random_state=0),
        numbers(),
        amounts(numbers()),
        "predict",
        0,
    ),
    "boosting": lambda: Case(
        HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=5),
        numbers(),
        labels(numbers()),
        "predict_proba",
        1,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_no_number_of_a_compiled_model_can_be_a_little_wrong(name: str) -> None:
    case = CASES[name]()
    assert case.prove().holds
    held = {key for step in case.program.steps for key in step.arrays.items()}
    tried = 0
    for role, array_name in sorted(held):
        array = case.program.arrays[array_name]
        # thresholds lie between the values of training rows, and may lie a little elsewhere
        if array.dtype != np.float64 or role == "thresholds":
            continue
        for place in np.ndindex(array.shape):
            wrong = array.copy()
            wrong[place] += 1e-7 * (abs(wrong[place]) or 1.0)
            assert not case.prove(case.with_array(array_name, wrong)).holds, (role, place)
            tried += 1
    assert tried >= 9


def test_scikit_learn_is_asked_for_as_many_rows_at_once_as_it_was_fitted_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case, sizes = logistic(), list[int]()
    monkeypatch.setattr(proof, "_CHUNK_CELLS", 10 * len(case.schema))
    case.prove(advance=sizes.append)
    assert sizes[0] == max(sizes) == len(case.columns)
    monkeypatch.setattr(proof, "_MOST_CELLS", 20 * len(case.schema))
    sizes.clear()
    case.prove(advance=sizes.append)
    assert sizes[0] == max(sizes) == 20


def test_a_row_too_many_refused_or_one_too_few() -> None:
    case = logistic()
    codes = next(step for step in case.program.steps if step.op == "codes")
    for column in (0, 1):
        for code in (MISSING, UNSEEN, 0):
            refusal = Step("refuse_codes", (), 99, {"refused": [[column, code, "unseen_not_allowed", -1]]})
            proof = case.prove(case.with_steps([*case.program.steps, refusal]))
            assert proof.failure == "the compiled model refuses rows that scikit-learn scores"
    assert codes.params["columns"] == [0, 1]
    unchecked = [step for step in case.program.steps if step.op != "check"]
    proof = case.prove(case.with_steps(unchecked))
    assert proof.failure == "scikit-learn refuses rows that the compiled model scores"


def test_an_encoder_that_raises_is_held_to_it() -> None:
    data = mixed()
    columns = make_column_transformer(
        (OneHotEncoder(), ["colour"]), (OrdinalEncoder(), ["size"]), remainder="drop"
    )
    case = Case(
        make_pipeline(columns, HistGradientBoostingClassifier(max_iter=2)),
        data,
        labels(data),
        "predict_proba",
        1,
    )
    proof = case.prove()
    assert proof.holds
    assert proof.rejected >= 3  # an unseen colour, a missing one, an unseen size
    for step in case.program.steps:
        if step.op == "refuse_codes":
            for number in range(len(step.params["refused"])):
                refused = [one for k, one in enumerate(step.params["refused"]) if k != number]
                weaker = replace(step, params={"refused": refused})
                steps = [weaker if one is step else one for one in case.program.steps]
                assert not case.prove(case.with_steps(steps)).holds


def separated(rows: int = 3000) -> tuple[dict[str, list[float]], list[str]]:
    """Two classes so far apart that most probabilities are next to 0 or 1."""
    rng = np.random.default_rng(1)
    data = {f"x{k}": rng.normal(size=rows).tolist() for k in range(6)}
    signal = np.sum([np.array(values) for values in data.values()], axis=0) + 0.1 * rng.normal(size=rows)
    return data, ["beech" if value > 0 else "ash" for value in signal]


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
def test_rounding_that_scikit_learn_itself_does_not_fix_is_no_difference(method: str, output: int) -> None:
    """What is left of 1, and the foot of an isotonic step, have no relative precision."""
    data, target = separated()
    for estimator in (LogisticRegression(C=100), CalibratedClassifierCV(LogisticRegression(), method=method)):
        case = Case(make_pipeline(StandardScaler(), estimator), data, target, "predict_proba", output)
        assert case.prove().holds
        held = {key for step in case.program.steps for key in step.arrays.items()}
        for role, array_name in held:
            if role in ("coef", "levels", "factor"):
                wrong = case.program.arrays[array_name] * (1 + 1e-6)
                assert not case.prove(case.with_array(array_name, wrong)).holds, role


def test_the_smallest_probabilities_have_to_agree() -> None:
    data, target = separated()
    case = Case(LogisticRegression(C=100), data, target, "predict_proba", 1)
    last = case.program.steps[-1]
    raised = [
        *case.program.steps,
        Step("multiply_add", (last.output,), 99, {}, {"factor": "one", "shift": "little"}),
    ]
    little = {"one": np.ones(1), "little": np.full(1, 1e-18)}
    program = Program(tuple(raised), 99, {**case.program.arrays, **little})
    assert not case.prove(program).holds


@pytest.mark.parametrize("columns", [30, 4000])
def test_each_column_alone_is_made_awkward(columns: int) -> None:
    features = [
        Feature(name=f"n{k}", kind="numeric", arrow_type="double", nullable=True, minimum=1.0, maximum=2.0)
        if k % 10
        else Feature(name=f"c{k}", kind="category", arrow_type="string", nullable=True, levels=("a", "b"))
        for k in range(columns)
    ]
    schema = Schema(features=tuple(features))
    coded = len(schema.coded)
    base = Columns(np.full((1, columns - coded), 1.5), np.zeros((1, coded), dtype=np.int32))
    numeric_met: list[set[str]] = [set() for _ in range(columns - coded)]
    codes_met: list[set[int]] = [set() for _ in range(coded)]
    cells = 0
    for piece, _next in pairwise(awkward_rows(base, schema, 400)):  # the last are awkward as a whole
        cells += len(piece) * columns
        changed = (piece.numeric != 1.5).sum(axis=1) + (piece.codes != 0).sum(axis=1)
        assert (changed == 1).all()
        for row, column in np.argwhere(piece.numeric != 1.5):
            numeric_met[column].add(str(piece.numeric[row, column]))
        for row, column in np.argwhere(piece.codes != 0):
            codes_met[column].add(int(piece.codes[row, column]))
    assert all(met == {MISSING, UNSEEN} for met in codes_met)
    assert all("nan" in met for met in numeric_met)
    everything = set.union(*numeric_met)
    assert {"inf", "-inf", "0.0", "-0.0", "1.0", "2.0", "-9.0", "12.0", "1e-310"} <= everything
    assert cells <= 120_000_000
    # where there is room for all, each column takes them all; else its neighbours take the others
    near = 1 if columns == 30 else 9
    assert all(set.union(*numeric_met[k : k + near]) == everything for k in range(len(numeric_met) - near))
