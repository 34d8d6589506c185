"""A connection to RabbitMQ, in a thread of its own, and what its errors mean.

The thread answers heartbeats however long scoring takes, and takes confirmations of many
messages at a time. pika's blocking connection could do neither: it is deaf while its
caller works, and waits for each message's confirmation before it sends the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pika
from pika import exceptions
from pika.adapters.select_connection import SelectConnection

from scorekit.errors import DataError, ScorekitError, Unreachable
from scorekit.feeds.retrying import Trouble
from scorekit.feeds.uris import Address, certificate_hint, tls_context

_HEARTBEAT = 20
"""Seconds; a connection on which nothing comes for twice as long is lost."""
_TIMEOUT = 10.0
"""Seconds in which a server answers."""

SHORT = 255
"""Bytes of the longest name, id or routing key that AMQP has."""

QUORUM = {"x-queue-type": "quorum"}


class Link:
    """A connection with one channel; lost once anything fails, and then never used again.

    Parameters
    ----------
    parameters : pika.ConnectionParameters
    shown : str
        What is named in errors.

    Attributes
    ----------
    changed : threading.Condition
        Notified when something came, was confirmed or was lost.
    channel : pika.channel.Channel
        For the thread of the connection only; see ``run``.
    error : Exception or None
        Why it was lost.
    sent : int
        Messages sent, by which confirmations are numbered.
    blocked : bool
        Whether the server takes no messages for now, because it is short of memory or disk.
    """

    def __init__(self, parameters: pika.ConnectionParameters, shown: str) -> None:
        self.changed = threading.Condition()
        self.channel: Any = None
        self.error: Exception | None = None
        self.blocked = False
        self.sent = 0
        self._shown = shown
        self._waiting: set[Future[Any]] = set()
        self._connection: Any = None
        self._made: Future[Any] = self._future()
        self._thread = threading.Thread(target=self._turn, args=(parameters,), daemon=True)
        self._thread.start()

    def open(self) -> None:
        """Wait until it stands.

        Raises
        ------
        Trouble, Unreachable
        """
        try:
            self._result(self._made)
            self.channel = self.ask(self._open_channel)
        except BaseException:
            self.close()
            raise

    def _turn(self, parameters: pika.ConnectionParameters) -> None:
        try:
            self._connection = SelectConnection(
                parameters,
                on_open_callback=lambda _: self._made.set_result(None),
                on_open_error_callback=lambda _, error: self._lose(error),
                on_close_callback=lambda _, error: self._lose(error),
            )
            self._connection.add_on_connection_blocked_callback(lambda *_: self._block(now=True))
            self._connection.add_on_connection_unblocked_callback(lambda *_: self._block(now=False))
            self._connection.ioloop.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits has to hear of it
            self._lose(error)
        finally:
            if self._connection is not None:
                self._connection.ioloop.close()

    def _open_channel(self, done: Callable[[Any], None]) -> None:
        def opened(channel: Any) -> None:
            self._watch(channel)
            done(channel)

        self._connection.channel(on_open_callback=opened)

    def _watch(self, channel: Any) -> None:
        channel.add_on_close_callback(lambda _, error: self._lose(error))
        channel.add_on_cancel_callback(lambda _: self._lose(Trouble("the queue was deleted")))

    def _block(self, *, now: bool) -> None:
        with self.changed:
            self.blocked = now
            self.changed.notify_all()

    def _lose(self, error: BaseException) -> None:
        with self.changed:
            if self.error is None:
                self.error = _translated(self._shown, error)
            for future in self._waiting:
                if not future.done():
                    future.set_exception(self.error)
            self.changed.notify_all()
        if self._connection is not None:
            with suppress(exceptions.AMQPError):
                if self._connection.is_open:
                    self._connection.close()
                    return
            self._connection.ioloop.stop()

    # for other threads

    def run(self, task: Callable[[], object]) -> None:
        """Do something in the thread of the connection, and do not wait for it.

        Raises
        ------
        Trouble, Unreachable
            If the connection is lost already.
        """
        self.check()

        def guarded() -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - in that thread nobody else would hear of it
                self._lose(error)

        # the loop of a connection that is lost just now is closed
        with suppress(AttributeError, OSError, ValueError):
            self._connection.ioloop.add_callback_threadsafe(guarded)

    def ask(self, question: Callable[[Callable[[Any], None]], object]) -> Any:
        """What the server answers.

        Parameters
        ----------
        question : callable
            Called in the thread of the connection with what takes the answer.

        Raises
        ------
        Trouble, Unreachable
        """
        future = self._future()
        self.run(lambda: question(lambda answer: _answer(future, answer)))
        return self._result(future)

    def declare(self, queue: str, *, passive: bool) -> int | None:
        """Messages that wait in a queue; None if there is no such queue.

        Parameters
        ----------
        queue : str
        passive : bool
            Do not make it where it is missing; else it is a durable quorum queue.

        Raises
        ------
        Trouble, Unreachable
        """
        found = self.ask(lambda done: self._aside(queue, passive=passive, done=done))
        if isinstance(found, exceptions.ChannelClosedByBroker):
            if found.reply_code == _NOT_FOUND:
                return None
            raise _translated(self._shown, found)
        return int(found.method.message_count)

    def _aside(self, queue: str, *, passive: bool, done: Callable[[Any], None]) -> None:
        """Ask on another channel: one that hears of an error is closed by the server."""

        def declare(channel: Any) -> None:
            channel.add_on_close_callback(lambda _, error: done(error))
            arguments = None if passive else QUORUM
            channel.queue_declare(
                queue,
                passive=passive,
                durable=True,
                arguments=arguments,
                callback=lambda ok: answered(channel, ok),
            )

        def answered(channel: Any, ok: Any) -> None:
            done(ok)
            channel.close()

        self._connection.channel(on_open_callback=declare)

    def check(self) -> None:
        """Raise what it was lost by.

        Raises
        ------
        Trouble, Unreachable
        """
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Say good-bye: what was sent before arrives, and what was not acknowledged goes back."""
        with suppress(Trouble, ScorekitError):
            self.run(self._say_goodbye)
        self._thread.join(_TIMEOUT)

    def _say_goodbye(self) -> None:
        self._connection.close()

    def _future(self) -> Future[Any]:
        future: Future[Any] = Future()
        with self.changed:
            self._waiting.add(future)
        return future

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(_TIMEOUT)
        except OutOfTime:
            self.check()
            raise Trouble(f"no answer for {_TIMEOUT:g} s", hint=_CHECK) from None
        finally:
            with self.changed:
                self._waiting.discard(future)


def _answer(future: Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def parameters_of(address: Address, vhost: str) -> pika.ConnectionParameters:
    """How to connect."""
    host, port = address.hosts[0]
    return pika.ConnectionParameters(
        host,
        port,
        vhost,
        pika.PlainCredentials(address.user or "guest", address.password or "guest"),
        heartbeat=_HEARTBEAT,
        socket_timeout=_TIMEOUT / 2,
        stack_timeout=_TIMEOUT - 1,
        ssl_options=pika.SSLOptions(tls_context(address), host) if address.tls else None,
        client_properties={"connection_name": "scorekit"},
    )


def place_of(address: Address) -> tuple[str, str]:
    """Virtual host and queue.

    Raises
    ------
    UsageError
        If the address names no queue, or more than that.
    """
    *before, queue = [unquote(part) for part in address.path.split("/")]
    if not queue or len(before) > 1:
        address.refuse("names no queue")
    if len(queue.encode()) > SHORT:
        address.refuse(f"names a queue by more than {SHORT} bytes")
    return (before[0] if before else "/"), queue


_CHECK = "check that the server runs, and its host and port"
_LOGIN = "check SCOREKIT_AMQP_USER and SCOREKIT_AMQP_PASSWORD"
_RIGHTS = "give that user the rights to the queue: configure, read, write"
_NOT_FOUND, _REFUSED, _NOT_ALLOWED = 404, 403, 530
_TOO_LARGE = "larger than"
_NO_EXCHANGE = "no exchange"


def _translated(shown: str, error: BaseException) -> Exception:
    """What an error of the client means."""
    if isinstance(error, Trouble | ScorekitError):
        return error
    causes = list(_causes(error))
    for cause in causes:
        if refused := _refusal(shown, cause):
            return refused
        if _NO_EXCHANGE in str(getattr(cause, "reply_text", "")):
            return Trouble("there is no such exchange", hint="declare the exchange, or mend exchange=")
    said = next(filter(None, map(_said, reversed(causes))), "it was lost")
    return Trouble(f"no connection ({said})", hint=_CHECK)


def _refusal(shown: str, cause: BaseException) -> ScorekitError | None:
    """What trying again would not mend."""
    if isinstance(cause, exceptions.AuthenticationError | exceptions.ProbableAuthenticationError):
        return Unreachable(f"{shown} refuses the user or the password", hint=_LOGIN)
    if isinstance(cause, exceptions.ProbableAccessDeniedError):
        return Unreachable(f"{shown} refuses: there is no such virtual host for that user", hint=_LOGIN)
    if isinstance(cause, exceptions.ConnectionClosed | exceptions.ChannelClosed):
        return _of_reply(shown, cause.reply_code, cause.reply_text)
    if "certificate" in str(cause).lower():
        return Unreachable(f"{shown} refuses: {cause}", hint=certificate_hint(str(cause)))
    return None


def _of_reply(shown: str, code: int, text: str) -> ScorekitError | None:
    if code in (_REFUSED, _NOT_ALLOWED):
        hint = _LOGIN if "login" in text or "vhost" in text else _RIGHTS
        return Unreachable(f"{shown} refuses: {text}", hint=hint)
    if _TOO_LARGE in text:
        hint = "raise max_message_size of the server, or carry fewer fields"
        return DataError(f"{shown}: {text}", hint=hint, code="answer_too_large")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those it was made of."""
    yield error
    for part in [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]:
        if isinstance(part, BaseException):
            yield from _causes(part)


def _said(cause: BaseException) -> str:
    if isinstance(cause, exceptions.ConnectionClosedByBroker | exceptions.ChannelClosedByBroker):
        return str(cause.reply_text)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    text = next((part for part in cause.args if isinstance(part, str)), type(cause).__name__)
    return "it did not answer in time" if "imeout" in text else text
