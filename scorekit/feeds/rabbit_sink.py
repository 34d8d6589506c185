"""Answers to RabbitMQ: confirmed many at a time, and none without a queue that takes it.

What was sent and not confirmed is sent again; what a queue refuses because it is full, later.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pika

from scorekit.errors import ScorekitError, Unreachable
from scorekit.feeds import Message
from scorekit.feeds.letters import headers_of
from scorekit.feeds.rabbit_connection import SHORT, Link
from scorekit.feeds.rabbit_source import KEY, PREFIX, PROPERTIES
from scorekit.feeds.retrying import FIRST, GRACE, Patience, Trouble

_TOGETHER = 1000
"""Messages that may wait for their confirmation."""
_SLICE = 0.2
"""Seconds of waiting after which signals are heard."""
_PERSISTENT = 2

Headers = Sequence[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """A message on its way.

    Attributes
    ----------
    body : bytes
    routing_key : str
    properties : pika.BasicProperties
    """

    body: bytes
    routing_key: str
    properties: Any


class Flight:
    """Messages that were sent together, and what became of each.

    Parameters
    ----------
    outgoing : sequence of Outgoing

    Attributes
    ----------
    returned : set of str
        Ids of messages that no queue takes.
    """

    def __init__(self, outgoing: Sequence[Outgoing]) -> None:
        self.returned: set[str] = set()
        self._outgoing = outgoing
        self._open = dict.fromkeys(range(len(outgoing)))
        self._refused: set[int] = set()
        self._first = 0

    def start(self, link: Link, exchange: str) -> None:
        """Send them, in the thread of the connection."""
        self._first = link.sent + 1
        for each in self._outgoing:
            link.channel.basic_publish(exchange, each.routing_key, each.body, each.properties, mandatory=True)
            link.sent += 1

    def settle(self, method: Any) -> None:
        """Take a confirmation, or a refusal, of one message or of all up to it."""
        last = method.delivery_tag - self._first
        numbers = [last]
        if method.multiple:
            numbers = [number for number in self._open if number <= last]
        for number in numbers:
            self._open.pop(number, None)
        if method.NAME == "Basic.Nack":
            self._refused.update(numbers)

    @property
    def open(self) -> int:
        """How many wait for their confirmation."""
        return len(self._open)

    @property
    def left(self) -> list[Outgoing]:
        """Those that did not arrive, or of which that is not known."""
        return [each for number, each in enumerate(self._outgoing) if self._is_left(number, each)]

    def _is_left(self, number: int, each: Outgoing) -> bool:
        lost = number in self._open or number in self._refused
        return lost or each.properties.message_id in self.returned


class RabbitSink:
    """Answers to a queue, or to an exchange; see ``Sink``.

    Parameters
    ----------
    shown : str
        What is named in messages.
    queue : str
        Made where it is missing; to an exchange, the routing key of a message without a key.
    exchange : str
        Empty for none.
    connect : callable
        Makes a new connection.
    patience : Patience
    """

    def __init__(
        self, shown: str, queue: str, exchange: str, connect: Callable[[], Link], patience: Patience
    ) -> None:
        self.name = shown
        self._queue = queue
        self._exchange = exchange
        self._connect = connect
        self._patience = patience
        self._link: Link | None = None
        self._flight: Flight | None = None
        self._run = uuid.uuid4().hex

    def open(self) -> None:
        """Connect before there is something to send.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        self._patience.make_ready(self.name, self._linked)

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:
        """Send a message for each answer, and wait for the confirmations; see ``Sink.send``.

        Raises
        ------
        Unreachable
            If the server cannot be reached, or takes nothing, for too long, or refuses.
        DataError
            If an answer is larger than the server takes.
        """
        pairs = zip(values, messages, strict=True)
        self.send_all([self._outgoing(value, message, message.headers) for value, message in pairs])

    def send_one(self, value: bytes, message: Message, headers: Headers) -> None:
        """Send a message with headers of its own; see ``send``."""
        self.send_all([self._outgoing(value, message, headers)])

    def send_all(self, outgoing: Sequence[Outgoing]) -> None:
        """Send messages; see ``send``."""
        for start in range(0, len(outgoing), _TOGETHER):
            left = list(outgoing[start : start + _TOGETHER])
            while left:
                left = self._patience.keep_trying(self.name, lambda left=left: self._send(left))  # type: ignore[misc]  # bound now
                if left:
                    time.sleep(FIRST)

    def _send(self, outgoing: list[Outgoing]) -> list[Outgoing]:
        """Send messages once; those that did not arrive.

        Raises
        ------
        Trouble
            If none arrived.
        """
        link = self._linked()
        flight = self._flight = Flight(outgoing)
        link.run(lambda: flight.start(link, self._exchange))
        self._await(link, flight)
        left = flight.left
        if len(left) == len(outgoing):
            link.check()
            raise self._unwanted(flight)
        return left

    def _await(self, link: Link, flight: Flight) -> None:
        """Wait until each is confirmed or refused, or the connection is lost."""
        seen, since = -1, time.monotonic()
        while flight.open and link.error is None:
            if flight.open != seen:
                seen, since = flight.open, time.monotonic()
            limit = min(self._patience.limit, GRACE) if self._patience.stopping else self._patience.limit
            if time.monotonic() - since > limit:
                raise self._silent(link, limit)
            with link.changed:
                link.changed.wait_for(lambda: not flight.open or link.error is not None, _SLICE)
            self._patience.ask()

    def _silent(self, link: Link, limit: float) -> Unreachable:
        why = "it is short of memory or disk" if link.blocked else "it confirms nothing"
        return Unreachable(f"{self.name} takes no message for {limit:g} s: {why}")

    def _unwanted(self, flight: Flight) -> Trouble:
        if not flight.returned:
            return Trouble("the queue is full", hint="read the queue, or raise its max-length")
        # a queue that was deleted is made again with the connection
        self.close()
        self._link = None
        return Trouble("no queue takes a message with this key", hint="bind a queue to the exchange")

    def _outgoing(self, value: bytes, message: Message, headers: Headers) -> Outgoing:
        routing_key = self._queue
        kept: dict[str, Any] = {}
        own: dict[str, str] = {}
        for name, content in headers:
            place = name.removeprefix(PREFIX)
            if name.startswith(PREFIX) and place in PROPERTIES:
                own[place] = short(content.decode(errors="replace"))
            else:
                kept[short(name)] = _text(content)
        if message.key is not None and self._exchange:
            routing_key = short(message.key.decode(errors="replace"))
        elif message.key is not None:
            kept[KEY] = _text(message.key)
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=_PERSISTENT,
            message_id=short(message.id or f"{self._run}/{message.line}"),
            headers=kept or None,
            **own,
        )
        return Outgoing(value, routing_key, properties)

    # the connection

    def _linked(self) -> Link:
        if self._link is not None and self._link.error is None:
            return self._link
        self._link = None
        link = self._connect()
        if self._exchange:
            link.ask(lambda done: link.channel.exchange_declare(self._exchange, passive=True, callback=done))
        elif link.declare(self._queue, passive=True) is None:
            link.declare(self._queue, passive=False)
        link.ask(lambda done: self._ask_to_confirm(link, done))
        self._link = link
        return link

    def _ask_to_confirm(self, link: Link, done: Callable[[Any], None]) -> None:
        def settle(frame: Any) -> None:
            flight = self._flight
            # what a lost connection still says is of another flight
            if flight is not None and link.error is None:
                with link.changed:
                    flight.settle(frame.method)
                    link.changed.notify_all()

        def take_back(_channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
            if self._flight is not None and link.error is None:
                self._flight.returned.add(properties.message_id)

        link.channel.add_on_return_callback(take_back)
        link.channel.confirm_delivery(settle, callback=done)

    def close(self) -> None:
        """Let go of it."""
        with suppress(Trouble, ScorekitError):
            if self._link is not None:
                self._link.close()


class RabbitGrave:
    """Dead letters to a queue, or to an exchange; see ``DeadLetters``.

    Parameters
    ----------
    sink : RabbitSink
    """

    def __init__(self, sink: RabbitSink) -> None:
        self.name = sink.name
        self._sink = sink

    def bury(self, message: Message, code: str, said: str) -> None:
        """Send the message, as it came, and why it is here.

        Raises
        ------
        Unreachable
            If the server cannot be reached, or takes nothing, for too long, or refuses.
        """
        self._sink.send_one(message.value, message, headers_of(message, code, said))

    def close(self) -> None:
        """Let go of it."""
        self._sink.close()


def short(text: str) -> str:
    """A text as a name, an id or a routing key can be; of a longer one, its beginning and a digest."""
    content = text.encode(errors="replace")
    if len(content) <= SHORT:
        return text
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return f"{content[: SHORT - len(digest) - 1].decode(errors='ignore')}-{digest}"


def _text(content: bytes) -> str | bytes:
    """A header's value: a text where it is one."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
