"""Messages of a queue of RabbitMQ that nobody has answered."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from scorekit.errors import ScorekitError
from scorekit.feeds import DeadLetters, Message
from scorekit.feeds.letters import ALONE_AFTER, bury_undelivered
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.rabbit_connection import Link
from scorekit.feeds.retrying import Patience, Trouble

T = TypeVar("T")

KEY = "scorekit-key"
"""The header that holds the key of a message, where its routing key names the queue."""

PROPERTIES = ("correlation_id", "reply_to", "type", "app_id")
"""Properties that go with a message, as headers: ``amqp.correlation_id``."""
PREFIX = "amqp."

_COUNT = "x-delivery-count"
_OF_THE_QUEUE = (_COUNT, "x-acquired-count", "x-death", "x-first-death-", "x-last-death-")
"""How headers begin that tell of the way, not of the message."""
_SLICE = 0.2
"""Seconds of waiting after which signals are heard."""
_QUIET = 0.001
"""Seconds without a further message, after which no more are there."""


class Delivery(NamedTuple):
    """A message as it was delivered.

    Attributes
    ----------
    tag : int
    deliveries : int
    exchange, routing_key : str
    properties : pika.BasicProperties
    body : bytes
    """

    tag: int
    deliveries: int
    exchange: str
    routing_key: str
    properties: Any
    body: bytes

    @property
    def often(self) -> bool:
        """Whether it comes alone, so that it takes no other along."""
        return self.deliveries > ALONE_AFTER


class RabbitSource:
    """Messages of a queue; see ``Source``.

    Parameters
    ----------
    shown : str
        What is named in messages.
    queue : str
    connect : callable
        Makes a new connection.
    patience : Patience
    prefetch : int
        Messages that may be here and not answered.
    most_deliveries : int
    grave : DeadLetters
        Where messages go that were delivered too often.
    """

    def __init__(
        self,
        shown: str,
        queue: str,
        connect: Callable[[], Link],
        patience: Patience,
        *,
        prefetch: int,
        most_deliveries: int,
        grave: DeadLetters,
    ) -> None:
        self.name = shown
        self._queue = queue
        self._connect = connect
        self._patience = patience
        self._prefetch = prefetch
        self._most_deliveries = most_deliveries
        self._grave = grave
        self._link: Link | None = None
        self._arrived: deque[Delivery] = deque()
        self._tags: dict[int, int] = {}
        self._line = 0
        self._stopped = False

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next messages; see ``Source.receive``.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        if self._stopped:
            return None
        return self._asking(lambda: self._receive(most, wait, gather))

    def _asking(self, attempt: Callable[[], T]) -> T:
        return self._patience.keep_trying(self.name, attempt)

    def _receive(self, most: int, wait: float, gather: float) -> list[Message]:
        if self._patience.stopping:
            return []
        link = self._linked()
        self._await(link, most, wait, gather)
        link.check()
        return [self._message(each) for each in self._taken(most)]

    def _await(self, link: Link, most: int, wait: float, gather: float) -> None:
        until = time.monotonic() + wait
        with link.changed:
            while not self._arrived and link.error is None and not self._patience.stopping:
                left = until - time.monotonic()
                if left <= 0:
                    return
                link.changed.wait(min(left, _SLICE))
            until = time.monotonic() + gather
            while len(self._arrived) < most and time.monotonic() < until:
                if not link.changed.wait(_QUIET):
                    return

    def _taken(self, most: int) -> list[Delivery]:
        """What arrived, up to one that comes alone."""
        found: list[Delivery] = []
        while self._arrived and len(found) < most:
            if self._arrived[0].often and found:
                break
            delivery = self._arrived.popleft()
            if delivery.deliveries > self._most_deliveries:
                self._bury(delivery)
                continue
            found.append(delivery)
            if delivery.often:
                break
        return found

    def _bury(self, delivery: Delivery) -> None:
        message = self._message(delivery)
        bury_undelivered(self._grave, message, delivery.deliveries - 1, self._patience.note)
        self.acknowledge([message])

    def _message(self, delivery: Delivery) -> Message:
        self._line += 1
        self._tags[self._line] = delivery.tag
        key, headers = _key_and_headers(delivery)
        position = delivery.properties.message_id
        known_by = position or f"content:{_digest(delivery.body, key, headers)}"
        return Message(
            delivery.body,
            self._line,
            key=key,
            headers=headers,
            position=position or "",
            too_long=len(delivery.body) > LINE_LIMIT,
            topic=self._queue,
            id=f"{self._queue}/{known_by}",
        )

    # the connection

    def _linked(self) -> Link:
        if self._link is not None and self._link.error is None:
            return self._link
        # what had arrived by a connection that is lost comes again by the next one
        self._arrived.clear()
        self._tags.clear()
        self._link = None
        link = self._connect()
        if link.declare(self._queue, passive=True) is None:
            link.declare(self._queue, passive=False)
        self._link = link
        link.run(lambda: self._consume(link, 1))
        return link

    def _consume(self, link: Link, prefetch: int) -> None:
        """Take messages; the first one alone, which says whether those to come were delivered before."""
        careful = prefetch < self._prefetch

        def arrive(_channel: Any, method: Any, properties: Any, body: bytes) -> None:
            nonlocal careful
            if link.error is not None:
                return  # its tags mean nothing to the connection that follows it
            delivery = _delivery(method, properties, body)
            with link.changed:
                self._arrived.append(delivery)
                link.changed.notify_all()
            if careful and not delivery.often:
                careful = False
                link.channel.basic_cancel(tag, callback=lambda _: self._consume(link, self._prefetch))

        link.channel.basic_qos(prefetch_count=prefetch)
        tag = link.channel.basic_consume(self._queue, arrive)

    # what is answered

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that they are answered; what a connection brought that is lost comes again.

        Raises
        ------
        Unreachable
            If the server refuses.
        """
        tags = sorted(self._tags.pop(message.line) for message in messages if message.line in self._tags)
        link = self._link
        if not tags or link is None:
            return
        whole = all(tag > tags[-1] for tag in self._tags.values())
        with suppress(Trouble):
            link.run(lambda: _acknowledge(link, tags, whole=whole))

    def lag(self) -> int | None:
        """Messages that nobody has received; None if the server does not say."""
        if self._link is None:
            return None
        try:
            return self._link.declare(self._queue, passive=True)
        except (Trouble, ScorekitError):
            return None

    def stop(self) -> None:
        """Receive nothing more."""
        self._stopped = True

    def close(self) -> None:
        """Let go of it; what was not acknowledged goes back to the queue."""
        with suppress(Trouble, ScorekitError):
            if self._link is not None:
                self._link.close()
        self._grave.close()


def _acknowledge(link: Link, tags: Sequence[int], *, whole: bool) -> None:
    if whole:
        link.channel.basic_ack(tags[-1], multiple=True)
        return
    for tag in tags:
        link.channel.basic_ack(tag)


def _delivery(method: Any, properties: Any, body: bytes) -> Delivery:
    count = (properties.headers or {}).get(_COUNT, int(method.redelivered))
    return Delivery(
        method.delivery_tag, int(count) + 1, method.exchange, method.routing_key, properties, body
    )


def _key_and_headers(delivery: Delivery) -> tuple[bytes | None, tuple[tuple[str, bytes], ...]]:
    headers: Mapping[str, Any] = delivery.properties.headers or {}
    kept = [
        (name, _bytes(value))
        for name, value in headers.items()
        if name != KEY and not name.startswith(_OF_THE_QUEUE)
    ]
    own = ((name, getattr(delivery.properties, name)) for name in PROPERTIES)
    kept += [(PREFIX + name, _bytes(value)) for name, value in own if value]
    if KEY in headers:
        return _bytes(headers[KEY]), tuple(kept)
    return (delivery.routing_key.encode() if delivery.exchange else None), tuple(kept)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _digest(body: bytes, key: bytes | None, headers: Sequence[tuple[str, bytes]]) -> str:
    """What a message is known by that has no id: the same whenever it comes."""
    found = hashlib.blake2b(body, digest_size=16)
    found.update(repr((key, headers)).encode())
    return found.hexdigest()
