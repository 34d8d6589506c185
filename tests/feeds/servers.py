"""Brokers for the tests: those that run, else servers that are started for them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pika
import pytest
import redis

Place = tuple[str, int]

_LIBRARY = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The program itself: what stands in the path may change to a user that cannot write here."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def missing(what: str, mend: str) -> NoReturn:
    """Skip, but not where CI should have installed it."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {what}: {mend}")
    raise AssertionError


def _place(variable: str, port: int) -> Place:
    host, _, given = os.environ.get(variable, "").partition(":")
    return host or "127.0.0.1", int(given or port)


# Redis --------------------------------------------------------------------------------


@contextmanager
def redis_server() -> Iterator[Place]:
    """A Redis server."""
    host, port = _place("REDIS_TEST_SERVER", 6379)
    if redis_answers(host, port):
        yield host, port
        return
    with own_redis() as server:
        yield "127.0.0.1", server.port


def redis_answers(host: str, port: int) -> bool:
    try:
        with redis.Redis(host, port, socket_connect_timeout=3) as client:
            return bool(client.info()["redis_version"])
    except redis.RedisError:
        return False


class OwnRedis:
    """A Redis server that may be stopped, killed and started again; what it holds stays."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._command = ["redis-server", "--port", str(self.port), "--dir", str(folder), "--save", ""]
        self._command += ["--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not redis_answers("127.0.0.1", self.port):
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@contextmanager
def own_redis(*options: str) -> Iterator[OwnRedis]:
    """A Redis server of our own."""
    if shutil.which("redis-server") is None:
        missing("Redis", "install redis-server, or set REDIS_TEST_SERVER to HOST:PORT")
    with tempfile.TemporaryDirectory(prefix="scorekit-redis-") as folder:
        server = OwnRedis(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


# RabbitMQ -----------------------------------------------------------------------------


@contextmanager
def rabbit_server() -> Iterator[Place]:
    """A RabbitMQ server, whose guest may log in."""
    host, port = _place("RABBITMQ_TEST_SERVER", 5672)
    if rabbit_answers(host, port):
        yield host, port
        return
    with own_rabbit() as started:
        yield "127.0.0.1", started


def rabbit_answers(host: str, port: int) -> bool:
    try:
        pika.BlockingConnection(pika.ConnectionParameters(host, port, socket_timeout=3)).close()
    except (pika.exceptions.AMQPError, OSError):
        return False
    return True


@contextmanager
def own_rabbit(*settings: str) -> Iterator[int]:
    """A RabbitMQ server of our own, with further lines of its configuration; its port."""
    program = _LIBRARY if _LIBRARY.exists() else shutil.which("rabbitmq-server")
    if program is None:
        missing("RabbitMQ", "install rabbitmq-server, or set RABBITMQ_TEST_SERVER to HOST:PORT")
    port, distribution = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="scorekit-rabbit-") as folder:
        Path(folder, "plugins").write_text("[].\n")
        listening = f"listeners.tcp.default = 127.0.0.1:{port}"
        Path(folder, "rabbitmq.conf").write_text("\n".join([listening, *settings, ""]))
        environment = {
            **os.environ,
            "HOME": folder,
            "RABBITMQ_NODENAME": f"scorekit-{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        }
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen([str(program)], env=environment, start_new_session=True, **quiet)
        try:
            until = time.monotonic() + 120
            while not rabbit_answers("127.0.0.1", port):
                assert time.monotonic() < until
                assert server.poll() is None
                time.sleep(0.5)
            yield port
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
