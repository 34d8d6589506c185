from typing import Any

import numpy as np
from numpy.typing import NDArray

class Ensemble:
    method: str
    n_outputs: int
    n_trees: int
    block_rows: int

    def __init__(
        self,
        *,
        rank: NDArray[np.uint16],
        column: NDArray[np.uint16],
        child: NDArray[np.uint32],
        roots: NDArray[np.uint32],
        values: NDArray[np.float64],
        sources: NDArray[np.uint32],
        columns: NDArray[np.int32],
        categories: NDArray[np.uint32],
        thresholds: NDArray[np.float64],
        offsets: NDArray[np.uint32],
        sets: NDArray[np.uint32],
        n_outputs: int,
        single: bool,
        method: str = "auto",
    ) -> None: ...
    def add(self, matrix: NDArray[Any], out: NDArray[np.float64]) -> None: ...
