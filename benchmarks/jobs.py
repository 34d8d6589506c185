"""Jobs under fire: two competing workers, one of which is killed by SIGKILL again and again.

``python -m benchmarks.jobs [--jobs 120] [--kills 100] [--database URL]``

Kills come when a job has just been claimed, while it is at work, when its number is reserved,
when it has published and nobody has written that down yet, and at any moment; one in five
kills the attempt instead of its worker. Told is how many jobs were lost, how many versions
were published twice, and how often a job was promoted twice: all should be 0.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from scorekit.jobs import open_jobs
from scorekit.state import migrate, place
from tests.jobs.chaos import Chaos, Told
from tests.training.samples import made


def main() -> int:
    """Run it and print what came of it; 1 where anything should not be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=120)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="URL of an empty PostgreSQL; by default SQLite beside the store")
    given = parser.parse_args()
    if given.database:
        os.environ["SCOREKIT_DATABASE_URL"] = given.database
        migrate.upgrade(place.find())
    with tempfile.TemporaryDirectory() as folder:
        told = _under_fire(Path(folder), given.jobs, given.kills, given.seed)
    _print(told)
    return 1 if told.faults else 0


def _under_fire(folder: Path, count: int, kills: int, seed: int) -> Told:
    for name in ("models", "rows"):
        (folder / name).mkdir()
    rows = folder / "rows" / "rows.parquet"
    pq.write_table(made({}), rows)
    with open_jobs(str(folder / "models")) as jobs:
        return Chaos(jobs, rows, folder / "workers.log", seed).run(count, kills)


def _print(told: Told) -> None:
    by_step = ", ".join(f"{step} {number}" for step, number in told.kills.items())
    print(f"jobs                      {told.jobs}")
    print(f"kills                     {told.kills.total()} ({by_step})")
    print(f"attempts                  {told.attempts}")
    print(f"jobs lost                 {told.lost}")
    print(f"versions published twice  {told.twice}")
    print(f"versions of no job        {told.foreign}")
    print(f"versions that do not hold {told.broken}")
    print(f"promoted twice            {told.promoted_twice}")
    print(f"promised, not promoted    {told.not_promoted}")
    print(f"seconds                   {told.seconds:.0f}")


if __name__ == "__main__":
    raise SystemExit(main())
