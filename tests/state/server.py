"""A PostgreSQL server for the tests: one that runs, else one that is started for them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

VARIABLE = "POSTGRES_TEST_URL"
"""A URL of a database, as a user who may create others."""


@contextmanager
def server() -> Iterator[str]:
    """URL of a database of a running server, ``postgresql://…``."""
    for url in filter(None, [os.environ.get(VARIABLE), "postgresql://127.0.0.1/postgres?connect_timeout=3"]):
        if _answers(url):
            yield url
            return
    with own_server() as owned:
        yield owned.url


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


class OwnPostgres:
    """A server in a folder, which may be stopped and started again; what it holds stays."""

    def __init__(self, programs: Path, folder: Path) -> None:
        port, self._data, self._programs = _free_port(), folder / "data", programs
        # it refuses to be run by root
        self._run = {"check": True, "user": _user(), "stdout": subprocess.DEVNULL, "cwd": folder}
        self.url = f"postgresql://tests@127.0.0.1:{port}/postgres"
        listen = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        self._options = ["-l", folder / "log", "-w", "-o", f"{listen} -c fsync=off"]
        made = [programs / "initdb", "-D", self._data, "-A", "trust", "-U", "tests", "-E", "UTF8"]
        subprocess.run(made, **self._run)

    def start(self) -> None:
        subprocess.run([self._programs / "pg_ctl", "-D", self._data, *self._options, "start"], **self._run)

    def stop(self) -> None:
        """End it at once, with whatever is under way."""
        self.thaw()
        stop = [self._programs / "pg_ctl", "-D", self._data, "-m", "immediate", "stop"]
        subprocess.run(stop, **{**self._run, "check": False})

    def freeze(self) -> None:
        """Have it take connections and answer nothing; those that stand stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        file = self._data / "postmaster.pid"
        if file.exists():
            postmaster = file.read_text().split()[0]
            backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            for pid in (postmaster, *backends):
                with suppress(ProcessLookupError):  # one that served a connection may just have ended
                    os.kill(int(pid), number)


@contextmanager
def own_server() -> Iterator[OwnPostgres]:
    """A running server of our own."""
    programs = _programs()
    if programs is None:
        missing = f"no PostgreSQL: set {VARIABLE}, or install its server (initdb and pg_ctl)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    folder = Path(tempfile.mkdtemp(prefix="scorekit-postgres-"))
    user = _user()
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        owned = OwnPostgres(programs, folder)
        owned.start()
        try:
            yield owned
        finally:
            owned.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """A new database beside another, gone afterwards."""
    name = f"scorekit_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield beside(url, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def beside(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    address, _, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{'?' if query else ''}{query}"


def empty(url: str) -> None:
    """Take everything out of a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
