"""A connection to a stream of a Redis server, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from scorekit.errors import ScorekitError, Unreachable
from scorekit.feeds import Message
from scorekit.feeds.letters import MESSAGE_ID
from scorekit.feeds.retrying import Patience, Trouble
from scorekit.feeds.uris import Address, certificate_hint

T = TypeVar("T")

KEY = b"key"
"""The field that holds the key of a message."""

TOGETHER = 1000
"""Entries written, or acknowledged, at a time."""
_TIMEOUT = 5.0
"""Seconds in which a server answers."""


class Stream(NamedTuple):
    """A stream, and the way there.

    Attributes
    ----------
    shown : str
    name, field : bytes
        Of the stream, and of what holds a message in its entries.
    maxlen : int or None
        Entries that it is cut to, about.
    client : redis.Redis
    patience : Patience
    """

    shown: str
    name: bytes
    field: bytes
    maxlen: int | None
    client: Any
    patience: Patience

    def beside(self, ending: str) -> Stream:
        """Another stream of the same server."""
        return self._replace(shown=self.shown + ending, name=self.name + ending.encode())

    def asking(self, attempt: Callable[[], T]) -> T:
        """What an attempt returns, in the end."""

        def try_once() -> T:
            with translated(self.shown):
                return attempt()

        return self.patience.keep_trying(self.shown, try_once)

    def open(self) -> None:
        """Connect, and see that it can be used, before there is something to write.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """

        def look() -> None:
            # who may only write is told by the first answer whether they may
            with translated(self.shown), suppress(exceptions.NoPermissionError):
                self.client.xlen(self.name)

        self.patience.make_ready(self.shown, look)

    def add(self, entries: Sequence[Sequence[bytes]]) -> None:
        """Write entries, a transaction at a time: all of one arrive in order, or none."""
        cut = () if self.maxlen is None else (b"MAXLEN", b"~", str(self.maxlen).encode())
        for start in range(0, len(entries), TOGETHER):
            some = entries[start : start + TOGETHER]
            self.asking(lambda some=some: self._add(some, cut))  # type: ignore[misc]  # bound now

    def _add(self, entries: Sequence[Sequence[bytes]], cut: tuple[bytes, ...]) -> None:
        with self.client.pipeline(transaction=True) as together:
            for entry in entries:
                together.execute_command("XADD", self.name, *cut, b"*", *entry)
            together.execute()

    def fields(self, value: bytes, message: Message, headers: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """An entry, for an answer to a message."""
        own = {self.field, KEY, MESSAGE_ID.encode()}
        fields = [self.field, value]
        if message.key is not None:
            fields += [KEY, message.key]
        if message.id:
            fields += [MESSAGE_ID.encode(), message.id.encode()]
        for name, content in headers:
            if name.encode() not in own:
                fields += [name.encode(), content]
        return fields


def client_of(address: Address) -> Any:
    """A client that leaves trying again to us."""
    (host, port), tls = address.hosts[0], address.tls
    secure: dict[str, Any] = {}
    if tls is not None:
        secure = {"ssl": True, "ssl_ca_certs": tls.ca, "ssl_certfile": tls.cert, "ssl_keyfile": tls.key}
    return redis.Redis(
        host,
        port,
        db=address.count("db", 0),
        username=address.user,
        password=address.password,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name="scorekit",
        **secure,
    )


_PASSING = (
    "LOADING",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "READONLY",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "OOM",
    "BUSY ",
)
"""What a server that refuses now may not refuse later, by its first words."""

_HINTS = (
    (
        ("NOAUTH", "WRONGPASS", "invalid username", "Authentication"),
        "check SCOREKIT_REDIS_USER and SCOREKIT_REDIS_PASSWORD",
    ),
    (("NOPERM", "No permissions"), "give that user the stream's key and the commands of @stream"),
    (("WRONGTYPE",), "name a key that holds a stream, or none yet"),
    (("DB index",), "the server has fewer databases than db= says"),
    (("MOVED", "CROSSSLOT"), "name the server of a cluster that holds the stream"),
)


@contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn errors of the client into ours.

    Raises
    ------
    Trouble
        For what may pass.
    Unreachable
        For everything else.
    """
    try:
        yield
    except exceptions.OutOfMemoryError:
        raise Trouble(
            "the server is out of memory", hint="read the stream, cut it with maxlen, or give it more"
        ) from None
    except exceptions.NoPermissionError as error:
        raise _refused(shown, f"NOPERM {_said(error)}") from None
    except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
        raise _refused(shown, f"Authentication: {_said(error)}") from None
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        if "certificate" in str(error).lower():
            raise _refused(shown, _said(error)) from None
        hint = certificate_hint(_said(error)) or "check that the server runs, and its host and port"
        raise Trouble(f"no connection ({_said(error)})", hint=hint) from None
    except exceptions.ResponseError as error:
        _of_response(shown, error)


def _of_response(shown: str, error: exceptions.ResponseError) -> None:
    text = _said(error)
    passing = (exceptions.ReadOnlyError, exceptions.TryAgainError, exceptions.ClusterDownError)
    if isinstance(error, passing) or text.startswith(_PASSING):
        raise Trouble(f"the server does not take it now ({text})") from None
    if text.startswith("NOGROUP"):
        raise Trouble("the stream or its group was deleted") from None
    raise _refused(shown, text) from None


def _said(error: Exception) -> str:
    """What the server said; the client puts the command before it, and so what was to be sent."""
    return str(error).rpartition(" of pipeline caused error: ")[2]


def _refused(shown: str, text: str) -> ScorekitError:
    hint = next((hint for marks, hint in _HINTS if any(mark in text for mark in marks)), None)
    hint = hint or certificate_hint(text)
    return Unreachable(f"{shown} refuses: {text}", hint=hint)
