"""What it costs to start: --help against the import of typer, and a small score against imports alone."""

from __future__ import annotations

import sys

from benchmarks.batch import commands
from benchmarks.measure import PYTHON, SCOREKIT, compare, head, row

CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str, float | None]] = {
    "`scorekit --help`": (
        (*SCOREKIT, "--help"),
        (PYTHON, "-c", "import typer"),
        "`python -c 'import typer'`",
        3.0,
    ),
    "`scorekit score` of 10,000 rows": (
        commands("boosting", 10_000)["scorekit"],
        (PYTHON, "-c", "import numpy, pyarrow.parquet"),
        "`python -c 'import numpy, pyarrow.parquet'`",
        None,
    ),
}
"""Command, what it is held against, how that is called, and the ratio that was asked for."""


def main(*, quick: bool) -> None:
    """Print the table."""
    head("command", "s", "against", "s", "ratio", "asked")
    for name, (ours, other, called, asked) in CASES.items():
        figures = compare({"ours": ours, "other": other}, 3 if quick else 11)
        mine, theirs = figures["ours"].seconds, figures["other"].seconds
        row(
            name,
            f"{mine:.3f}",
            called,
            f"{theirs:.3f}",
            f"**{mine / theirs:.2f}**",
            "–" if asked is None else f"{asked:g}",
        )


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
