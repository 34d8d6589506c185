"""Steps of tree ensembles. They need the compiled kernel, which an installation may lack.

There is no NumPy form of them: without the kernel trees are scored by scikit-learn,
which whoever loads a model decides by ``kernel_available``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import VersionMismatch

try:
    from scorekit.engine import _trees
except ImportError:
    KERNEL_AVAILABLE = False
else:
    KERNEL_AVAILABLE = True

Matrix = NDArray[np.float64]


class KernelMissing(VersionMismatch):
    """The compiled model holds trees, and this installation was made without a compiler."""

    code = "kernel_missing"


def kernel_available() -> bool:
    """Whether compiled models with trees can run here."""
    return KERNEL_AVAILABLE


def bind_trees(*, start: NDArray[np.float64], single: bool, **arrays: Any) -> Callable[..., Matrix]:
    """Lay an ensemble out; gives its op.

    Parameters
    ----------
    start : ndarray, shape (n_outputs,)
        Where the sums begin.
    single : bool
        Whether numbers are rounded to float32 first, as scikit-learn's forests do.
    **arrays : ndarray
        As ``lowering.tree_layout.layout`` makes them.

    Returns
    -------
    callable
        From a matrix of shape (n_rows, n_columns), and optionally a matrix of shape
        (n_rows, n_outputs) to begin the sums with instead of ``start``, to the sums
        of shape (n_rows, n_outputs).

    Raises
    ------
    KernelMissing
        If this installation has no kernel.
    """
    if not KERNEL_AVAILABLE:
        raise KernelMissing(
            "the compiled model holds trees, and this installation has no tree kernel",
            hint="install a C compiler and then scorekit again; scikit-learn can score the model meanwhile",
        )
    ensemble = _trees.Ensemble(n_outputs=len(start), single=single, **arrays)

    def trees(value: Matrix, begin: Matrix | None = None) -> Matrix:
        out = np.empty((len(value), len(start)))
        out[:] = start if begin is None else begin
        ensemble.add(value, out)
        return out

    return trees


def anomaly(value: Matrix, *, largest: float) -> Matrix:
    """Opposite of the anomaly score of an isolation forest, from the sum of path lengths over all trees.

    Parameters
    ----------
    value : ndarray, shape (n_rows, 1)
    largest : float
        Mean path length of a training sample's size, times the number of trees; 0 for
        a forest of single samples, whose score is always the lowest.
    """
    depth = value / largest if largest else np.ones_like(value)
    score: Matrix = -(2 ** (-depth))
    return score


def raw_score(value: Matrix, *, link: str) -> Matrix:
    """What gradient boosting begins with where an estimator gives the first class probabilities.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_classes)
        Class probabilities.
    link : {"LogitLink", "HalfLogitLink", "MultinomialLogit"}
        Link of the loss, by scikit-learn's name.

    Returns
    -------
    ndarray
        Of shape (n_rows, 1) for two classes, else (n_rows, n_classes).
    """
    tiny = np.finfo(np.float64).eps
    if link == "MultinomialLogit":
        clipped = np.clip(value, tiny, 1 - tiny)
        mean = np.exp(np.log(clipped).mean(axis=1, keepdims=True))
        multinomial: Matrix = np.log(clipped / mean)
        return multinomial
    logit = _logit(np.clip(value[:, 1:], tiny, 1 - tiny))
    return logit * 0.5 if link == "HalfLogitLink" else logit


def _logit(value: Matrix) -> Matrix:
    """``log(p / (1 - p))``, with all its digits around one half too."""
    twice = 2.0 * (value - 0.5)
    near_half: Matrix = np.log1p(twice) - np.log1p(-twice)
    return np.where((value < 0.3) | (value > 0.65), np.log(value / (1.0 - value)), near_half)


TREE_OPS: dict[str, Callable[..., Matrix]] = {"anomaly": anomaly, "raw_score": raw_score}
TREE_BINDERS: dict[str, Callable[..., Callable[..., Matrix]]] = {"trees": bind_trees}
