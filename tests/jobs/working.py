"""Workers as processes, to be watched, stopped and killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300.0
"""Seconds that a busy machine may need."""


@contextmanager
def worker(store: str, *options: object, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """``scorekit worker`` until the block ends."""
    command = [sys.executable, "-m", "scorekit", "worker", "--store", store, *map(str, options)]
    with (log or Path(os.devnull)).open("ab") as written:
        process = subprocess.Popen(command, stderr=written, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], object], what: str = "it did not come true") -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def children(process_id: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == process_id:
            found.append(int(status.parent.name))
    return found


def alive(process_id: int) -> bool:
    """Whether a process runs: not one that has ended and was not waited for."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
