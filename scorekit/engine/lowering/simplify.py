"""The same program in fewer steps.

Lowering emits one plain step after another. What can be joined is joined here,
where the whole program is in sight:

- a linear model over one-hot or looked-up columns takes its coefficients into the
  tables: ``coef[hot(code)]`` is looked up, and the dense matrix is never made;
- refusals of codes become one step for each source of codes;
- one column of two class probabilities is computed alone;
- a step nobody reads goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.program import Program, Step

_LOOK_UPS = ("one_hot", "tables")
_REFUSALS = ("check", "refuse_codes")


def simplify(program: Program, widths: Mapping[int, int]) -> Program:
    """Join steps.

    Parameters
    ----------
    program : Program
    widths : mapping of int to int
        Number of columns of values, where known.

    Returns
    -------
    Program
        Scores as ``program`` does, but for rounding.
    """
    draft = _Draft(program, widths)
    draft.fold_linear()
    draft.single_probability()
    draft.merge_refusals()
    draft.drop_unread()
    return draft.program()


class _Draft:
    """A program that is being changed."""

    def __init__(self, program: Program, widths: Mapping[int, int]) -> None:
        self.steps = list(program.steps)
        self.result = program.result
        self.arrays = dict(program.arrays)
        self.known = program.known
        self.widths = widths
        self._next = 1 + max((step.output for step in self.steps), default=-1)

    def program(self) -> Program:
        read = {name for step in self.steps for name in step.arrays.values()}
        arrays = {name: array for name, array in self.arrays.items() if name in read}
        return Program(tuple(self.steps), self.result, arrays, self.known)

    def fold_linear(self) -> None:
        made = {step.output: step for step in self.steps}
        steps: list[Step] = []
        for step in self.steps:
            steps += self._folded(step, made) if step.op == "linear" else [step]
        self.steps = steps

    def _folded(self, step: Step, made: Mapping[int, Step]) -> list[Step]:
        """A linear step as a smaller one and look-ups, if it reads any."""
        source = made[step.inputs[0]]
        parts = source.inputs if source.op == "concat" else (source.output,)
        coef = self.arrays[step.arrays["coef"]]
        sizes = [self.widths.get(part, 0) for part in parts]
        look_ups = [part for part in parts if made[part].op in _LOOK_UPS]
        if not look_ups or sum(sizes) != len(coef):
            return [step]
        begins = np.cumsum([0, *sizes])
        rows = {part: coef[begins[k] : begins[k + 1]] for k, part in enumerate(parts)}
        if len(rows) != len(parts):
            return [step]
        intercept = step.arrays["intercept"]
        steps = self._linear_rest([part for part in parts if part not in look_ups], rows, intercept)
        for part in look_ups:
            table = self._looked_up(made[part], rows[part])
            arrays = {"table": self._array(table), "offsets": made[part].arrays["offsets"]}
            base = (steps[-1].output,) if steps else ()
            if not steps:
                arrays["intercept"] = intercept
            steps.append(Step("add_tables", (*made[part].inputs, *base), self._value(), {}, arrays))
        steps[-1] = replace(steps[-1], output=step.output)
        return steps

    def _linear_rest(
        self, parts: list[int], rows: Mapping[int, NDArray[np.float64]], intercept: str
    ) -> list[Step]:
        """The part of a linear step that reads numbers."""
        if not parts:
            return []
        steps = [Step("concat", tuple(parts), self._value())] if len(parts) > 1 else []
        value = steps[-1].output if steps else parts[0]
        coef = self._array(np.concatenate([rows[part] for part in parts]))
        arrays = {"coef": coef, "intercept": intercept}
        return [*steps, Step("linear", (value,), self._value(), {}, arrays)]

    def _looked_up(self, step: Step, coef: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each code of a look-up adds to the linear model."""
        if step.op == "one_hot":
            hot = self.arrays[step.arrays["hot"]]
            nothing = np.zeros((1, coef.shape[1]))
            found: NDArray[np.float64] = np.concatenate([coef, nothing])[hot]
            return found
        table, offsets = self.arrays[step.arrays["table"]], self.arrays[step.arrays["offsets"]]
        ends = [*offsets[1:], len(table)]
        out = np.empty((len(table), coef.shape[1]))
        column = 0
        for begin, end, width in zip(offsets, ends, step.params["widths"], strict=True):
            out[begin:end] = table[begin:end, :width] @ coef[column : column + width]
            column += width
        return out

    def single_probability(self) -> None:
        """``take`` of the second of two probabilities becomes ``sigmoid``."""
        made = {step.output: step for step in self.steps}
        for number, step in enumerate(self.steps):
            if step.op == "take" and step.params["columns"] == [1]:
                source = made[step.inputs[0]]
                if source.op == "binary_sigmoid":
                    self.steps[number] = Step("sigmoid", source.inputs, step.output)

    def merge_refusals(self) -> None:
        """Refusals of the same codes stand together where the first of them stood."""
        refused: dict[tuple[int, ...], list[Any]] = {}
        for step in self.steps:
            if step.op == "refuse_codes":
                refused.setdefault(step.inputs, []).extend(step.params["refused"])
        steps = []
        for step in self.steps:
            if step.op == "refuse_codes":
                if step.inputs not in refused:
                    continue
                step = replace(step, params={"refused": refused.pop(step.inputs)})
            steps.append(step)
        self.steps = steps

    def drop_unread(self) -> None:
        read = {self.result}
        kept = []
        for step in reversed(self.steps):
            if step.output in read or step.op in _REFUSALS:
                kept.append(step)
                read.update(step.inputs)
        self.steps = kept[::-1]

    def _value(self) -> int:
        self._next += 1
        return self._next - 1

    def _array(self, array: NDArray[Any]) -> str:
        name = f"a{len(self.arrays)}"
        self.arrays[name] = array
        return name
