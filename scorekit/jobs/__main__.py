"""``python -m scorekit.jobs``: one attempt at a job, started by a worker."""

from __future__ import annotations

from scorekit.jobs.attempt import main

main()
