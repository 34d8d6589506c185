"""The compiled model as data: a list of steps and the arrays they read.

A program is what a fitted pipeline is lowered to. It is stored as two files,
``program.json`` (the structure) and ``arrays.npz`` (the numbers), holds no pickle
and no code, and needs NumPy alone to run. ``compiled.CompiledEngine`` runs it.

A step takes the values of earlier steps and makes one new value. Values are
numbered; a value is a float64 matrix of shape (n_rows, n_columns) or an int32
matrix of codes. What a step does is named by ``op``, a row of ``ops.OPS``.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import VersionMismatch

FORMAT_VERSION = 1
STRUCTURE_FILE = "program.json"
ARRAYS_FILE = "arrays.npz"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation.

    Attributes
    ----------
    op : str
        A key of ``ops.OPS``.
    inputs : tuple of int
        Numbers of the values it reads.
    output : int
        Number of the value it makes.
    params : dict
        Settings that fit in JSON.
    arrays : dict of str to str
        Parameter name to the name of an array of the program.
    """

    op: str
    inputs: tuple[int, ...]
    output: int
    params: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A compiled model.

    Attributes
    ----------
    steps : tuple of Step
        In an order in which each reads only what came before.
    result : int
        Number of the value that holds the scores.
    arrays : dict of str to ndarray
    known : dict of str to tuple of str
        Input column to texts that are none of its levels and that the pipeline knows all
        the same, such as what an imputer puts in. They have the codes after the levels'.
    """

    steps: tuple[Step, ...]
    result: int
    arrays: Mapping[str, NDArray[Any]]
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_files(self) -> dict[str, bytes]:
        """The files that hold the program; the same program gives the same bytes."""
        packed = io.BytesIO()
        arrays: dict[str, Any] = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        np.savez(packed, allow_pickle=False, **arrays)
        return {STRUCTURE_FILE: self._structure(), ARRAYS_FILE: packed.getvalue()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Program:
        """Read what ``to_files`` wrote.

        Raises
        ------
        VersionMismatch
            If the format is newer than this installation.
        """
        structure = json.loads(files[STRUCTURE_FILE])
        if structure["format_version"] > FORMAT_VERSION:
            raise VersionMismatch(
                f"the compiled model has format {structure['format_version']}, "
                f"this scorekit reads up to {FORMAT_VERSION}",
                hint="install a newer scorekit",
            )
        steps = tuple(
            Step(step["op"], tuple(step["inputs"]), step["output"], step["params"], step["arrays"])
            for step in structure["steps"]
        )
        with np.load(io.BytesIO(files[ARRAYS_FILE]), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        known = {column: tuple(texts) for column, texts in structure.get("known", {}).items()}
        return cls(steps, structure["result"], arrays, known)

    def digest(self) -> str:
        """SHA-256 of what the program computes: structure, then each array's name, type, shape and bytes."""
        sha = hashlib.sha256(self._structure())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            sha.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            sha.update(array.tobytes())
        return sha.hexdigest()

    def _structure(self) -> bytes:
        structure = {
            "format_version": FORMAT_VERSION,
            "known": dict(self.known),
            "result": self.result,
            "steps": [asdict(step) for step in self.steps],
        }
        return json.dumps(structure, sort_keys=True, indent=1).encode()
