"""The kill switch under load: eight processes score small files, and it is tripped in the middle."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import PYTHON, head, row

PROCESSES = 8
ASKED = 1.0
"""Seconds after the trip within which the last file may be published."""


@dataclass(frozen=True)
class Figures:
    """What came of a load.

    Attributes
    ----------
    before, after : int
        Files published before the trip, and after it.
    withheld : int
    last : float
        Seconds from the trip, by its audit row, to the last file that was published; negative
        where none was published after it.
    """

    before: int
    after: int
    withheld: int
    last: float


def score_on(store: str, data: str, folder: str, name: str) -> None:
    """Score the same small file into one output after the other, as long as this process lives."""
    from scorekit.batch import JobOptions, score_files
    from scorekit.errors import SwitchOpen
    from scorekit.model import load

    model, number = load(store=store), 0
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        number += 1
        try:
            score_files(
                [data], f"{folder}/{name}-{number}.parquet", model=model, options=JobOptions(threads=1)
            )
        except SwitchOpen:
            continue


def trip_under_load(store: Path, data: Path, *, processes: int = PROCESSES, seconds: float) -> Figures:
    """Let processes score for so long, trip the switch, and let them try for as long again.

    Parameters
    ----------
    store : Path
        Of one model, whose switch is closed.
    data : Path
        Rows of it.
    processes : int
    seconds : float
        Before the trip, and after it.
    """
    from scorekit.state.ledger import Ledger

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ledger = stack.enter_context(Ledger.open(str(store)))
        model = next(path.name for path in store.iterdir() if not path.name.startswith("."))
        ledger.switch(model)
        workers = [
            stack.enter_context(_worker(store, data, folder, f"{number}")) for number in range(processes)
        ]
        try:
            _begin(workers)
            time.sleep(seconds)
            ledger.trip(model, "benchmark", "under load")
            time.sleep(max(seconds, 2 * ASKED))
        finally:
            for worker in workers:
                worker.kill()
        return _figures(folder, ledger.audit(model)[-1].at)


def _worker(store: Path, data: Path, folder: Path, name: str) -> subprocess.Popen[str]:
    command = [PYTHON, "-m", "benchmarks.switch", "--score", *map(str, (store, data, folder)), name]
    root = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root)


def _begin(workers: list[subprocess.Popen[str]]) -> None:
    """Let all begin at once."""
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def _figures(folder: Path, tripped: dt.datetime) -> Figures:
    """By the moment at which each file got its name: a rename changes no other time."""
    made = [path for path in folder.iterdir() if path.is_file()]
    published = [path.stat().st_ctime for path in made if ".quarantine" not in path.name]
    after = [moment - tripped.timestamp() for moment in published]
    return Figures(
        before=sum(late <= 0 for late in after),
        after=sum(late > 0 for late in after),
        withheld=len(made) - len(published),
        last=max(after),
    )


def main(*, quick: bool) -> None:
    """Print the table."""
    from benchmarks.data import model, rows

    head("processes", "published before", "after", "withheld", "last, s after the trip", "asked")
    for _ in range(1 if quick else 5):
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder) / "models"
            shutil.copytree(model("logistic").parent, models / "logistic")
            found = trip_under_load(models, rows(100), seconds=2 if quick else 5)
        row(
            str(PROCESSES),
            f"{found.before:,}",
            f"{found.after:,}",
            f"{found.withheld:,}",
            f"**{max(0.0, found.last):.3f}**",
            f"{ASKED:g}",
        )


if __name__ == "__main__":
    if "--score" in sys.argv:
        score_on(*sys.argv[2:])
    else:
        main(quick="--quick" in sys.argv)
