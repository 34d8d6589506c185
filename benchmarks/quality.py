"""What judging costs: beside scoring, beside a plain script that judges nothing, and beside Evidently.

python -m benchmarks.quality            # some minutes
python -m benchmarks.quality --quick    # one run each
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import data
from benchmarks.batch import commands
from benchmarks.measure import DATA, HERE, PYTHON, SCOREKIT, compare, head, machine, row

EVIDENTLY = DATA / "evidently"
REFERENCE = HERE.parent / "examples" / "adult-train.parquet"
ROWS = 1_000_000


def evidently() -> Path:
    """The Python of an environment with Evidently, which needs an older pandas than ours."""
    python = EVIDENTLY / "bin" / "python"
    if not python.exists():
        DATA.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", EVIDENTLY], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "evidently", "pandas<3", "pyarrow"]
        subprocess.run(pip, check=True)
    return python


def overhead(*, quick: bool) -> None:
    """A batch with and without the gate."""
    head("rows", "judged s", "not judged s", "judging adds", "asked")
    ours = commands("boosting", ROWS)["scorekit"]
    bare = (PYTHON, str(HERE / "unjudged.py"), *ours[len(SCOREKIT) :])
    figures = compare({"judged": ours, "bare": bare}, 1 if quick else 5)
    judged, plain = figures["judged"].seconds, figures["bare"].seconds
    row(f"{ROWS:,}", f"{judged:.2f}", f"{plain:.2f}", f"**{judged / plain - 1:.0%}**", "25%")


def beside_plain(*, quick: bool) -> None:
    """A small batch with state database and verdict, against a script that judges nothing."""
    head("rows", "scorekit s", "plain s", "ratio", "asked")
    figures = compare(commands("boosting", 10_000), 1 if quick else 5)
    ours, plain = figures["scorekit"].seconds, figures["plain"].seconds
    row("10,000", f"{ours:.2f}", f"{plain:.2f}", f"**{ours / plain:.3f}**", 0.22)


def beside_evidently(*, quick: bool) -> None:
    """The PSI of every column, and the report."""
    rows, page, ours_page = data.rows(ROWS), DATA / "evidently.html", DATA / "report.html"
    data.model("boosting")
    # in-sample scores of a boosted model alarm on new rows, which is 5, and no less work
    judge = f"{' '.join(SCOREKIT)} quality check {rows} -m logistic --store {data.STORE}; test $? -lt 6"
    theirs = (str(evidently()), str(HERE / "evidently_psi.py"), str(REFERENCE), str(rows), str(page))
    figures = compare({"ours": ("sh", "-c", judge), "theirs": theirs}, 1 if quick else 3)
    options = ("-m", "boosting", "--store", str(data.STORE), "-o", str(ours_page), "--quiet")
    subprocess.run([*SCOREKIT, "quality", "report", *options], check=True)
    head(
        "rows × columns",
        "scorekit s",
        "Evidently s",
        "times faster",
        "asked",
        "report kB",
        "Evidently's",
        "MiB",
        "Evidently's",
    )
    ours, others = figures["ours"], figures["theirs"]
    row(
        f"{ROWS:,} × 14",
        f"{ours.seconds:.2f}",
        f"{others.seconds:.2f}",
        f"**{others.seconds / ours.seconds:.0f}**",
        20,
        f"{ours_page.stat().st_size / 1000:.0f}",
        f"{page.stat().st_size / 1000:,.0f}",
        f"{ours.peak_mib:.0f}",
        f"{others.peak_mib:.0f}",
    )


def main(*, quick: bool) -> None:
    """Print the tables."""
    overhead(quick=quick)
    print()
    beside_plain(quick=quick)
    print()
    beside_evidently(quick=quick)


if __name__ == "__main__":
    print(machine(), end="\n\n")
    main(quick="--quick" in sys.argv)
