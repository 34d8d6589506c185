"""Jobs: training that a client asks for and does not wait for.

::

    request      what a client can ask for, and what not
    allowed      which data it may name
    uploads      data that it sends
    queue        submitting, seeing, cancelling; claiming and ending
    attempt      one attempt, in a process of its own
    publication  a job publishes one version, whatever is killed
    supervising  an attempt's process, its limits and its lease
    dispatch     the threads that claim jobs and see to attempts, here or in ``scorekit worker``

The state holds the queue and all that is known of a job (``state.jobs``)::

    with open_jobs("models") as jobs:
        job, created = jobs.submit(TrainRequest.read({...}), owner="ada")
        dispatcher = start_dispatcher(jobs)
        jobs.get(job.id).status
        dispatcher.close()
"""

from __future__ import annotations

from scorekit.jobs.allowed import AllowedPlaces
from scorekit.jobs.dispatch import Dispatcher, DispatchSettings, Listener, start_dispatcher
from scorekit.jobs.queue import Jobs
from scorekit.jobs.request import TrainRequest
from scorekit.jobs.supervising import Ending, Limits
from scorekit.jobs.uploads import Upload, Uploads
from scorekit.jobs.working import open_jobs, run_worker
from scorekit.state.jobs import Job

__all__ = [
    "AllowedPlaces",
    "DispatchSettings",
    "Dispatcher",
    "Ending",
    "Job",
    "Jobs",
    "Limits",
    "Listener",
    "TrainRequest",
    "Upload",
    "Uploads",
    "open_jobs",
    "run_worker",
    "start_dispatcher",
]
