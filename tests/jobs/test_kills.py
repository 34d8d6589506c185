"""Two competing workers, killed at every step: no job is lost, none publishes twice."""

from __future__ import annotations

from pathlib import Path

from scorekit.jobs import open_jobs
from tests.jobs.chaos import STEPS, Chaos

JOBS, KILLS = 10, 7


def test_killed_at_any_step_workers_lose_no_job_and_publish_none_twice(
    store: str, rows: Path, tmp_path: Path
) -> None:
    log = tmp_path / "workers.log"
    with open_jobs(store) as jobs:
        told = Chaos(jobs, rows, log).run(JOBS, KILLS)
    assert told.faults == 0, f"{told}\n{log.read_text()}"
    assert told.attempts >= JOBS
    assert set(STEPS) <= set(told.kills), told.kills
