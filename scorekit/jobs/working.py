"""A worker: a process that carries out jobs until it is stopped."""

from __future__ import annotations

import select
from pathlib import Path

from scorekit.errors import Unreachable
from scorekit.jobs.dispatch import Dispatcher, DispatchSettings, Listener, start_dispatcher
from scorekit.jobs.queue import MOST_ATTEMPTS, Jobs
from scorekit.jobs.uploads import Uploads
from scorekit.state import place
from scorekit.state.session import Session
from scorekit.store.versions import Store
from scorekit.stream.stopping import Stopping

_LOOK = 0.2
"""Seconds between two looks whether anything is left to do."""


def open_jobs(
    store: str | None = None, *, uploads: Path | None = None, most_attempts: int = MOST_ATTEMPTS
) -> Jobs:
    """The jobs of a store, to be closed.

    Parameters
    ----------
    store : str, optional
        A folder or ``s3://bucket/prefix``; by default ``SCOREKIT_STORE``, else ``models``.
    uploads : Path, optional
        Folder of uploaded data; by default beside the store, or in the user's own for state.
    most_attempts : int
        As ``Jobs`` has it.

    Raises
    ------
    Unreachable
        If the state cannot be used.
    """
    opened = Store.open(store)
    folder = uploads or place.folder(opened.uri) / "uploads"
    return Jobs(Session(place.find(opened.uri)), opened, Uploads(folder.absolute()), most_attempts)


def run_worker(jobs: Jobs, settings: DispatchSettings, listener: Listener, *, once: bool) -> int | None:
    """Carry out jobs until a signal comes, or with ``once`` until none waits.

    The first SIGTERM or SIGINT lets attempts end within their time; what has not ended then is
    given back. The second one ends the worker at once: another takes up its jobs when
    their leases have run out.

    Returns
    -------
    int or None
        The signal.
    """
    with Stopping() as stopping:
        dispatcher = start_dispatcher(jobs, settings, listener)
        try:
            while not select.select([stopping.wake], [], [], _LOOK)[0]:
                if once and _idle(dispatcher, listener):
                    break
        finally:
            dispatcher.close()
        return stopping.asked


def _idle(dispatcher: Dispatcher, listener: Listener) -> bool:
    try:
        return dispatcher.idle()
    except Unreachable as error:
        listener.failed(error)
        return True
