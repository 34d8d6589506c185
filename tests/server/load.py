"""Load on a real service: threads that ask one request after the other, and what became of each."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.conftest import PATIENCE, Running, eventually

NO_ANSWER = 0
"""The status of a request whose connection broke."""


@dataclass(frozen=True)
class Sent:
    """A request that was sent.

    Attributes
    ----------
    began, ended : float
        By the monotonic clock.
    status : int
    body : bytes
    """

    began: float
    ended: float
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def seconds(self) -> float:
        return self.ended - self.began


Ask = Callable[[], Sent]


def asking(service: Running, path: str, body: Any = None, kind: str = "application/json") -> Ask:
    """Sends the same request whenever it is called, on a connection of its own."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    method = "GET" if data is None else "POST"

    def ask() -> Sent:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
        try:
            connection.request(method, path, data, {"Content-Type": kind})
            answer = connection.getresponse()
            return Sent(began, time.monotonic(), answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            return Sent(began, time.monotonic(), NO_ANSWER, b"")
        finally:
            connection.close()

    return ask


@contextmanager
def under_load(*asks: Ask) -> Iterator[list[Sent]]:
    """Ask all the time, each in a thread of its own; gives what was sent so far, and is still added to."""
    sent: list[Sent] = []
    ended = threading.Event()

    def go_on(ask: Ask) -> None:
        while not ended.is_set():
            sent.append(ask())

    threads = [threading.Thread(target=go_on, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(sent) >= len(asks), lambda: "nothing is answered")
        yield sent
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def counted(service: Running, name: str, **labels: str) -> float:
    """The sum of a counter of ``/metrics``, over all label sets that have these labels."""
    lines = asking(service, "/metrics")().body.decode().splitlines()
    found = [line for line in lines if line.partition("{")[0].partition(" ")[0] == name]
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(line.rpartition(" ")[2]) for line in found if all(each in line for each in wanted))


def children(pid: int) -> list[int]:
    """Processes that a process has begun and that live."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
