"""A connection to NATS: its client lives in a thread of its own, and what its errors mean.

The client is told not to connect again by itself: it would go on as though nothing had been
under way, and wait for as long each time.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from nats import errors
from nats.aio.client import Client
from nats.js import errors as js_errors

from scorekit import config
from scorekit.errors import ScorekitError, Unreachable
from scorekit.feeds.retrying import Patience, Trouble
from scorekit.feeds.uris import Address, certificate_hint, tls_context

T = TypeVar("T")

OPTIONS: Mapping[str, str] = {
    "subject": "the only subject of the stream that a new consumer reads",
    "from": "where a new consumer begins: earliest or latest",
    "ack-seconds": "after which a new consumer's message comes again that nobody answered",
    "max-deliveries": "deliveries after which a message is dead",
}
"""Options of an address."""

TIMEOUT = 5.0
"""Seconds in which a server answers."""
_PING = 3
"""Seconds between two signs of life; two that fail are the end of a connection."""

_HINTS = (
    (("ask for tls",), "let the server require TLS, or write nats://"),
    (
        ("authorization", "authentication"),
        "check SCOREKIT_NATS_USER and SCOREKIT_NATS_PASSWORD, or SCOREKIT_NATS_TOKEN",
    ),
    (
        ("permissions",),
        "let that user publish to the subject, to $JS.API.> and to $JS.ACK.>, and have an inbox",
    ),
)


class TlsClient(Client):
    """A client that tells a server without TLS nothing, least of all a password.

    The library's own begins TLS only where the server asks for it, whatever the address says.
    """

    def _connect_command(self) -> bytes:
        if not self._server_info.get("tls_required"):
            raise errors.Error(_PLAIN)
        found: bytes = super()._connect_command()
        return found


_PLAIN = "it does not ask for TLS"


class Connection:
    """The way to a server.

    Parameters
    ----------
    address : Address
    patience : Patience

    Attributes
    ----------
    shown : str
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        self.shown = address.shown
        self.patience = patience
        self._options = _client_options(address)
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._heard: Exception | None = None

    def asking(self, attempt: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """What an attempt returns, in the end.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        return self.patience.keep_trying(self.shown, lambda: self.try_once(attempt))

    def try_once(self, attempt: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """What an attempt returns.

        Raises
        ------
        Trouble
            For what may pass.
        Unreachable
            For everything else.
        """
        return self.run(self._with_client(attempt))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What some work returns that is done in the client's thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin work in the client's thread that goes on by itself."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def client(self) -> Client | None:
        """The client, while it is connected."""
        return self._client if self._client is not None and self._client.is_connected else None

    async def _with_client(self, attempt: Callable[[Client], Awaitable[T]]) -> T:
        try:
            with self._translated():
                return await attempt(self.client or await self._connect())
        except Trouble:
            await self._drop()
            raise

    async def _connect(self) -> Client:
        await self._drop()
        self._heard = None
        client = TlsClient() if "tls" in self._options else Client()
        await client.connect(**self._options, error_cb=self._hear)
        self._client = client
        return client

    async def _hear(self, error: Exception) -> None:
        self._heard = error

    async def _drop(self) -> None:
        """Let go of a client, whatever state it is in."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                await asyncio.wait_for(client.close(), 1)

    async def _end(self) -> None:
        await self._drop()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def close(self) -> None:
        """Let go of it; once more does nothing."""
        if self._loop.is_closed():
            return
        if self._thread is not None:
            self.run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the client into ours."""
        try:
            yield
        except (Trouble, ScorekitError):
            raise
        except (errors.AuthorizationError, ssl.SSLCertVerificationError) as error:
            raise self._refused(str(error)) from None
        except (OSError, TimeoutError, errors.Error) as error:
            raise self._meaning(error) from None

    def _meaning(self, error: Exception) -> Trouble | Unreachable:
        # of several servers it says only that there are no more, and before that, why
        if isinstance(error, errors.NoServersError) and self._heard is not None:
            error = self._heard
        text = "refused" if isinstance(error, ConnectionRefusedError) else str(error) or "no answer"
        for said in (str(self._heard or ""), text):
            if _hint(said):
                return self._refused(said)
        if isinstance(error, js_errors.APIError) and (error.code or 0) < _UNAVAILABLE:
            return self._refused(error.description or text)
        hint = "check that it runs with JetStream, and its host and port"
        return Trouble(f"no connection ({text})", hint=hint)

    def _refused(self, text: str) -> Unreachable:
        return Unreachable(f"{self.shown} refuses: {text}", hint=_hint(text))


_UNAVAILABLE = 500
"""Codes from here on may pass."""


def _hint(text: str) -> str | None:
    found = (hint for marks, hint in _HINTS if any(mark in text.lower() for mark in marks))
    return next(found, None) or certificate_hint(text)


def _client_options(address: Address) -> dict[str, Any]:
    scheme = "nats" if address.tls is None else "tls"
    hosts = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts]
    options: dict[str, Any] = {
        "servers": [f"{scheme}://{host}" for host in hosts],
        "name": "scorekit",
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": TIMEOUT,
        "ping_interval": _PING,
        "max_outstanding_pings": 2,
    }
    if address.tls is not None:
        options["tls"] = tls_context(address)
    return options | _login(address)


def _login(address: Address) -> dict[str, Any]:
    if token := config.secret("NATS_TOKEN"):
        return {"token": token}
    if address.user is None:
        return {}
    return {"user": address.user, "password": address.password or ""}
