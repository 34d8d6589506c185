"""NATS servers for the tests, and what is put into them and found there without any of our code."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js import api

from scorekit.feeds.nats_sink import KEY
from tests.feeds.brokers import Found, uri_of, with_login
from tests.feeds.proxy import Proxy
from tests.feeds.servers import Place, free_port, missing


@contextmanager
def nats_server() -> Iterator[Place]:
    """A server with JetStream: one that runs, else one of our own."""
    host, _, port = os.environ.get("NATS_TEST_SERVER", "").partition(":")
    place = host or "127.0.0.1", int(port or 4222)
    if has_jetstream(*place):
        yield place
        return
    with own_nats() as server:
        yield "127.0.0.1", server.port


def has_jetstream(host: str, port: int) -> bool:
    async def look() -> bool:
        client = await nats.connect(f"nats://{host}:{port}", allow_reconnect=False, connect_timeout=2)
        await client.jetstream().account_info()
        await client.close()
        return True

    try:
        return asyncio.run(look())
    except Exception:
        return False


class OwnNats:
    """A server that may be stopped, killed and started again; what it holds stays."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        if program is None:
            missing("NATS", "install nats-server, or set NATS_TEST_SERVER to HOST:PORT")
        self.port = free_port()
        self._command = [
            program,
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-js",
            "-sd",
            str(folder),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not _listens(self.port):
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def own_nats(*options: str, config: str = "") -> Iterator[OwnNats]:
    """A server of our own."""
    with tempfile.TemporaryDirectory(prefix="scorekit-nats-") as folder:
        file = Path(folder, "nats.conf")
        file.write_text(config)
        server = OwnNats(Path(folder), "-c", str(file), *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


class Streams:
    """Streams of a server that no other test has, deleted at the end."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port = host, port
        self._tls = {} if tls is None else {"tls": tls}
        self.rows = f"scorekit-{uuid.uuid4().hex[:12]}"
        self.scores = f"{self.rows}-scores"
        self._made: list[str] = []
        self.add(self.rows, [f"{self.rows}.in", f"{self.rows}.more"])
        self.add(self.scores, [self.scores, f"{self.rows}-dead", f"{self.rows}.dead-letters"])

    def doing(self, work: Any) -> Any:
        async def do() -> Any:
            client = await nats.connect(f"nats://{self.host}:{self.port}", **self._tls)
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(do())

    def add(self, name: str, subjects: Sequence[str], **options: Any) -> None:
        self._made.append(name)
        self.doing(lambda js: js.add_stream(api.StreamConfig(name=name, subjects=list(subjects), **options)))

    def source_uri(self, port: int | None = None, **options: object) -> str:
        return uri_of("nats", self.host, port or self.port, f"{self.rows}.reader", options)

    def sink_uri(self, port: int | None = None, *, name: str = "", **options: object) -> str:
        return uri_of("nats", self.host, port or self.port, name or self.scores, options)

    def publish(self, values: Sequence[bytes], **headers: str) -> None:
        async def work(js: Any) -> None:
            for value in values:
                await js.publish(f"{self.rows}.in", value, headers=dict(headers) or None)

        self.doing(work)

    def stored(self, subject: str = "") -> list[tuple[bytes, dict[str, str]]]:
        """What was published to a subject, in order."""

        async def work(js: Any) -> list[tuple[bytes, dict[str, str]]]:
            config = api.ConsumerConfig(ack_policy=api.AckPolicy.NONE)
            sub = await js.pull_subscribe(subject or self.scores, config=config)
            found: list[tuple[bytes, dict[str, str]]] = []
            while count := (await sub.consumer_info()).num_pending:
                for msg in await sub.fetch(min(count, 500), timeout=5):
                    found.append((msg.data, {str(k): v for k, v in (msg.headers or {}).items()}))
            return found

        return list(self.doing(work))

    def clean(self) -> None:
        for name in self._made:
            self.doing(lambda js, name=name: js.delete_stream(name))


class NatsPlace(Streams):
    """Streams of a server, as every broker's place is."""

    kind = "nats"

    def source_uri(self, port: int | None = None, **options: object) -> str:
        options["ack_seconds"] = options.pop("claim_after", 1)
        return super().source_uri(port, **options)

    def publish(self, values: Sequence[bytes], key: bytes | None = None, **headers: str) -> None:
        super().publish(values, **headers, **({KEY: key.decode()} if key else {}))

    def published(self, count: int, *, name: str = "", within: float = 20) -> list[Found]:
        until = time.monotonic() + within
        while len(found := self.stored(name)) < count and time.monotonic() < until:
            time.sleep(0.05)
        return [_found(*each) for each in found]

    def proxy(self) -> Proxy:
        return Proxy(self.host, self.port)

    @contextmanager
    def guarded(self) -> Iterator[str]:
        """Of a server of the test's own: one that asks nobody takes every password."""
        with own_nats("--user", "me", "--pass", "other") as server:
            yield with_login(self.source_uri(server.port))

    def fill(self) -> Callable[[], object]:
        names = [self.scores, f"{self.rows}-dead", f"{self.rows}.dead-letters"]
        full = api.StreamConfig(name=self.scores, subjects=names, max_msgs=1, discard=api.DiscardPolicy.NEW)
        self.doing(lambda js: js.publish(self.scores, b"before"))
        self.doing(lambda js: js.update_stream(full))
        return lambda: self.doing(lambda js: js.update_stream(full.evolve(max_msgs=-1)))


def _found(value: bytes, headers: dict[str, str]) -> Found:
    known_by, key = headers.pop("Nats-Msg-Id", ""), headers.pop(KEY, "")
    named = {name: content.encode() for name, content in headers.items()}
    return Found(value, key.encode() or None, named, known_by.removeprefix("dead/"))
