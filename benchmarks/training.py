"""scorekit train against scikit-learn doing the same fits, whole processes, in turn."""

from __future__ import annotations

import shutil
import sys

from benchmarks.data import EXAMPLES, MODELS
from benchmarks.measure import DATA, HERE, PYTHON, SCOREKIT, compare, head, row

MOST = 1.20
"""What was asked for: at most a fifth more than the fits alone."""


def commands(name: str) -> dict[str, tuple[str, ...]]:
    """The two ways to train the same model with five folds."""
    data, store = EXAMPLES / "adult-train.parquet", DATA / "trained"
    ours = (*SCOREKIT, "train", data, "--target", "income", "--name", name, "--store", store, *MODELS[name])
    plain = (PYTHON, HERE / "plain_train.py", name, data, "income", DATA / "trained.joblib")
    return {"scorekit": tuple(map(str, ours)), "plain": tuple(map(str, plain))}


def main(*, quick: bool) -> None:
    """Print the table."""
    DATA.mkdir(exist_ok=True)
    head("model", "scorekit train s", "the fits alone s", "ratio", "asked")
    for name in MODELS:
        figures = compare(commands(name), 1 if quick else 3)
        ours, plain = figures["scorekit"].seconds, figures["plain"].seconds
        row(name, f"{ours:.1f}", f"{plain:.1f}", f"**{ours / plain:.2f}**", MOST)
    shutil.rmtree(DATA / "trained", ignore_errors=True)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
