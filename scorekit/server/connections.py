"""Connections of clients: how many there may be, and how long one may say nothing, or read nothing."""

from __future__ import annotations

import asyncio
import resource
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 10.0
"""Seconds for the head of a request to come in."""
READ = 60.0
"""Seconds in which some of an answer has to be read that waits for it."""
FILES = 65_536
"""Open files that are enough: every connection is one."""


class Protocol(HttpToolsProtocol):
    """HTTP, where heads of requests have to come, and answers to be read, in time.

    uvicorn alone waits for ever for the first one of a connection, for the rest of one that has begun, for
    the rest of a body after its request was answered, and for an answer to be read, which it holds in memory.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head: asyncio.TimerHandle | None = None
        self._in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(transport)
        # under TLS nobody else can tell how much of an answer has left
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(READ * 1000)
        )
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head that has begun, or of a body that nobody reads any more."""
        super().data_received(data)
        if self._head is None and (self._in_head or not self._answering):
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """A head has come in."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        """Whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._head = self.loop.call_later(HEAD, self._give_up)

    def _give_up(self) -> None:
        """Wait no longer, unless for a head that came before its turn: it is read after the answer."""
        if self._answering:
            self._wait()
        else:
            self.transport.close()

    def _stop_waiting(self) -> None:
        self._in_head = False
        if self._head is not None:
            self._head.cancel()
            self._head = None


def allow_many() -> None:
    """Have as many files open as the system lets this process; what it begins with is often a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
