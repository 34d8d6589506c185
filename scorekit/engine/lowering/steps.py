"""Steps of a program that is being made, each once, and the arrays they use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering.simplify import simplify
from scorekit.engine.program import Program, Step


class Steps:
    """Collects steps; a value is known by the number of the step that makes it.

    Attributes
    ----------
    widths : dict of int to int
        Number of columns of values, where known.
    """

    def __init__(self) -> None:
        self.widths: dict[int, int] = {}
        self._steps: list[Step] = []
        self._arrays: dict[str, NDArray[Any]] = {}
        self._same: dict[Any, int] = {}

    def step(self, op: str, *inputs: int, **settings: Any) -> int:
        """Add a step; arrays among the settings are stored as arrays. Returns its value's number.

        The same step on the same values is made only once.
        """
        given = {key: setting for key, setting in settings.items() if setting is not None}
        arrays = {key: setting for key, setting in given.items() if isinstance(setting, np.ndarray)}
        params = {key: setting for key, setting in given.items() if key not in arrays}
        key = _identity(op, inputs, params, arrays)
        if key not in self._same:
            self._same[key] = output = len(self._steps)
            names = {name: self._array(array) for name, array in arrays.items()}
            self._steps.append(Step(op, inputs, output, params, names))
            if "columns" in params:
                self.widths[output] = len(params["columns"])
        return self._same[key]

    def _array(self, array: NDArray[Any]) -> str:
        name = f"a{len(self._arrays)}"
        self._arrays[name] = array
        return name

    def take(self, value: int, indices: list[int]) -> int:
        """Some columns of a value; the value itself where that is all of them, in order."""
        if self.is_whole(value, indices):
            return value
        made = self._steps[value]
        if made.op == "numeric":
            columns = [made.params["columns"][index] for index in indices]
            return self.step("numeric", columns=columns)
        return self.step("take", value, columns=indices)

    def is_whole(self, value: int, indices: list[int]) -> bool:
        """Whether these are all columns of a value, in order."""
        return indices == list(range(self.widths.get(value, 0)))

    def joined(self, result: int, known: Mapping[str, tuple[str, ...]]) -> Program:
        """A program of these steps, in as few as will do, whose scores are the value ``result``."""
        return simplify(Program(tuple(self._steps), result, dict(self._arrays), known), self.widths)


def _identity(
    op: str, inputs: tuple[int, ...], params: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Any:
    held = tuple(
        (key, array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        for key, array in sorted(arrays.items())
    )
    return op, inputs, json.dumps(params, sort_keys=True), held
