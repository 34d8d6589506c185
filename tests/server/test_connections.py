"""Connections that say nothing, or not what they should, and are not kept for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from scorekit.server import connections

HEAD = 0.3
READ = 1.0
LONG = bytes(1 << 25)
"""An answer that is longer than what is sent ahead of its reader."""
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD", HEAD)
    monkeypatch.setattr(connections, "READ", READ)


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answers after as many seconds as the path says, and reads no body."""
    await asyncio.sleep(float(scope["path"][1:]))
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def answer_at_length(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers at once by more than anybody takes at once."""
    length = str(len(LONG)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": LONG})


@asynccontextmanager
async def talking(
    app: Callable[..., Awaitable[None]] = refuse, state: ServerState | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server; by default its answer to every request is no."""
    config = uvicorn.Config(app, http=connections.Protocol, ws="none", log_config=None)
    config.load()
    known = state or ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: connections.Protocol(config, known, {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def said(*parts: tuple[bytes, float]) -> bytes:
    """What is answered until the server hangs up, to parts that are sent so many seconds apart."""
    async with talking() as (reader, writer), asyncio.timeout(PATIENCE):
        for part, seconds in parts:
            writer.write(part)
            await asyncio.sleep(seconds)
        return await reader.read()


def test_a_body_that_goes_on_after_its_answer_is_not_waited_for() -> None:
    head = b"POST /0 HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
    assert asyncio.run(said((head, 0.1), (b"x", 0.0))).startswith(b"HTTP/1.1 401")


def test_a_head_that_came_too_early_does_not_end_the_answer_before_it() -> None:
    first, second = f"GET /{3 * HEAD} HTTP/1.1\r\n\r\n".encode(), b"GET /0 HTTP/1.1\r\n"
    assert asyncio.run(said((first + second, 0.0))).count(b"HTTP/1.1 401") == 1


@pytest.mark.parametrize("begun", [b"", b"GET /0 HTTP/1.1\r\nHost"])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    assert asyncio.run(said((begun, 0.0))) == b""


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_answer_that_nobody_reads_is_not_kept(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def let_go() -> None:
        state = ServerState()
        async with talking(answer_at_length, state) as (_, writer), asyncio.timeout(PATIENCE):
            began = time.monotonic()
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            while not state.connections:
                await asyncio.sleep(0)
            while state.connections:
                await asyncio.sleep(READ / 10)
            assert time.monotonic() - began >= READ / 2

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(let_go())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_answer_that_is_read_slowly_is_read_to_its_end(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def read() -> int:
        seen = 0
        async with talking(answer_at_length) as (reader, writer), asyncio.timeout(PATIENCE):
            writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            while part := await reader.read(1 << 20):
                seen += len(part)
                await asyncio.sleep(READ / 100)
        return seen

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(read()) > len(LONG)
