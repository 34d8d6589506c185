"""A real service: `scorekit serve` in a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.conftest import Bank

if TYPE_CHECKING:
    from tests.server.desk import Desk

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds that a busy machine may need to load the models."""


@dataclass(frozen=True)
class Running:
    """A service that answers.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    port : int
    process : Popen
    log : Path
        What it wrote to stderr.
    """

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it has said so far, oldest first; lines that are no events are left out."""
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
        return [event for event in found if name is None or event["event"] == name]

    def wait_for(self, name: str, **fields: object) -> dict[str, Any]:
        """The first event of a name with these fields, once it is there."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events(name) if fields.items() <= event.items()), None)

        return eventually(found, lambda: f"no {name} with {fields}:\n{self.log.read_text(encoding='utf-8')}")

    def stop(self) -> int:
        """Ask it to end, and wait for it."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def eventually(ask: Callable[[], T | None], said: Callable[[], str], patience: float = PATIENCE) -> T:
    """What a question gives, once it gives something."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(said())


@contextmanager
def running(
    folder: Path,
    *options: object,
    env: Mapping[str, str] | None = None,
    store: Path | None = None,
    before: Callable[[], None] | None = None,
) -> Iterator[Running]:
    """Start a service, and end it.

    Parameters
    ----------
    folder : Path
        Where it runs, and where its log goes.
    *options
        Of ``scorekit serve``; the port is chosen.
    env : mapping, optional
        What its environment has besides ours.
    store : Path, optional
    before : callable, optional
        Brings a fault on in its process before it starts, as ``tests.faults`` has them.
    """
    given = [str(option) for option in options]
    service = _started(folder, given, {**(env or {}), **_store(store)}, before)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait()


def _store(store: Path | None) -> dict[str, str]:
    return {} if store is None else {"SCOREKIT_STORE": str(store)}


def _started(
    folder: Path, options: list[str], env: Mapping[str, str], before: Callable[[], None] | None
) -> Running:
    scheme = "https" if "--ssl-certfile" in options else "http"
    for _ in range(5):  # between our look and its start, somebody else may take the port
        port = free_port()
        log = folder / f"serve-{port}.log"
        command = [sys.executable, "-m", "scorekit", "serve", "--port", str(port), *options]
        with log.open("wb") as written:
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=written,
                cwd=folder,
                env={**os.environ, **env},
                preexec_fn=before,  # noqa: PLW1509 - it sets limits of the process, and no more
            )
        service = Running(f"{scheme}://127.0.0.1:{port}", port, process, log)
        if _answers(service):
            return service
        if "cannot serve on" not in log.read_text(encoding="utf-8"):
            break
    raise AssertionError(f"it does not answer:\n{log.read_text(encoding='utf-8')}")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _answers(service: Running) -> bool:
    """Whether it becomes ready; False where it ends instead."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + PATIENCE
    while service.process.poll() is None:
        try:
            urllib.request.urlopen(f"{service.url}/readyz", timeout=10, context=anyone).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            if service.url.startswith("https") and service.events("ready"):
                return True  # it wants to see a certificate
        else:
            return True
        if time.monotonic() > deadline:
            service.process.kill()
            service.process.wait()
            break
        time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def desk(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service whose page is looked at."""
    from tests.server.desk import opened

    with opened(bank, tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.fixture
def serve(tmp_path: Path, bank: Bank) -> Iterator[Callable[..., Running]]:
    """Starts services of the model ``bank``, which end with the test: ``serve(*options, env=…, store=…)``."""
    with ExitStack() as stack:

        def start(*options: object, store: Path | None = None, **faults: Any) -> Running:
            return stack.enter_context(running(tmp_path, *options, store=store or bank.store, **faults))

        yield start
