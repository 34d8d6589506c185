"""Entries of a Redis stream, for a consumer group; what a dead consumer left is claimed.

Entries are claimed with XPENDING and XCLAIM, not XAUTOCLAIM: how often one was delivered
has to be known before it is claimed with others, or one that ends its reader takes them along.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from redis import exceptions

from scorekit.errors import ScorekitError
from scorekit.feeds import DeadLetters, Message
from scorekit.feeds.letters import ALONE_AFTER, bury_undelivered
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.redis_connection import KEY, TOGETHER, Stream, translated
from scorekit.feeds.retrying import Trouble

Entry = tuple[bytes, Mapping[bytes, bytes]]

_SLICE = 0.2
"""Seconds of waiting after which signals are heard."""


class Reading(NamedTuple):
    """How a stream is read.

    Attributes
    ----------
    group, consumer : str
        Without a consumer's name, one of its own for each process.
    start : str
        The id after which a new group begins.
    claim_after : float
        Seconds.
    most_deliveries : int
    """

    group: str
    consumer: str
    start: str
    claim_after: float
    most_deliveries: int


class RedisSource:
    """Entries that a consumer group has not answered; see ``Source``.

    Parameters
    ----------
    stream : Stream
    reading : Reading
    grave : DeadLetters
        Where entries go that were delivered too often.
    """

    def __init__(self, stream: Stream, reading: Reading, grave: DeadLetters) -> None:
        self.name = stream.shown
        self._stream = stream
        self._client = stream.client
        self._reading = reading
        self._grave = grave
        self._consumer = reading.consumer or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._prefix = f"{reading.group}/{stream.name.decode(errors='replace')}/"
        self._line = 0
        self._held: dict[bytes, None] = {}
        self._ready = self._stopped = False
        self._own_left = True
        self._look_at = 0.0
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next messages; see ``Source.receive``.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        if self._stopped:
            return None
        found = self._stream.asking(lambda: self._receive(most, wait, gather))
        self._held.update((message.position.encode(), None) for message in found)
        return found

    def _receive(self, most: int, wait: float, gather: float) -> list[Message]:
        if self._stream.patience.stopping:
            return []
        line, complete = self._line, False
        try:
            self._make_ready()
            found = self._left_behind(most) or self._gathered(most, wait, gather)
            complete = True
        finally:
            if not complete:
                # what was on its way to us is ours, though we do not have it
                self._line, self._ready, self._own_left = line, False, True
        return found

    def _make_ready(self) -> None:
        if self._ready:
            return
        with _there_already():
            self._client.xgroup_create(
                self._stream.name, self._reading.group, id=self._reading.start, mkstream=True
            )
        self._ready = True
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep_held, daemon=True)
            self._keeper.start()

    # what is new

    def _gathered(self, most: int, wait: float, gather: float) -> list[Message]:
        found = self._first(most, wait)
        until = time.monotonic() + gather
        while 0 < len(found) < most and time.monotonic() < until:
            more = self._read(most - len(found), None)
            if not more:
                break
            found += more
        return found

    def _first(self, most: int, wait: float) -> list[Message]:
        until = time.monotonic() + wait
        while True:
            left = until - time.monotonic()
            found = self._read(most, max(1, int(min(left, _SLICE) * 1000)) if left > 0 else None)
            if found or left <= _SLICE or self._stream.patience.stopping:
                return found

    def _read(self, most: int, block: int | None) -> list[Message]:
        blocking = () if block is None else ("BLOCK", block)
        found = self._client.execute_command(
            *("XREADGROUP", "GROUP", self._reading.group, self._consumer, "COUNT", most, *blocking),
            *("STREAMS", self._stream.name, ">"),
        )
        return self._messages(found[0][1] if found else [])

    def _messages(self, entries: Sequence[Entry]) -> list[Message]:
        return [self._message(*entry) for entry in entries]

    def _message(self, number: bytes, fields: Mapping[bytes, bytes]) -> Message:
        self._line += 1
        position, own = number.decode(), (self._stream.field, KEY)
        value = fields.get(self._stream.field)
        headers = () if value is None else tuple(_headers(fields, own))
        value = _as_object(fields) if value is None else value
        return Message(
            value,
            self._line,
            key=fields.get(KEY),
            headers=headers,
            position=position,
            too_long=len(value) > LINE_LIMIT,
            topic=self._stream.name.decode(errors="replace"),
            id=self._prefix + position,
        )

    # what was left behind

    def _left_behind(self, most: int) -> list[Message]:
        """Entries that were delivered and never answered: here before, or to a consumer that is dead."""
        if self._own_left:
            found = self._claimed(most, idle=0, consumer=self._consumer)
            self._own_left = bool(found)
            if found:
                return found
        if time.monotonic() < self._look_at:
            return []
        found = self._claimed(most, idle=int(self._reading.claim_after * 1000), consumer=None)
        if not found:
            self._look_at = time.monotonic() + self._reading.claim_after / 4
        return found

    def _claimed(self, most: int, *, idle: int, consumer: str | None) -> list[Message]:
        """Entries that wait for an answer for so long; one alone that was delivered often."""
        waiting = self._client.xpending_range(
            self._stream.name,
            self._reading.group,
            idle=idle or None,
            min="-",
            max="+",
            count=most + len(self._held),
            consumername=consumer,
        )
        usual: list[bytes] = []
        for each in waiting:
            number, deliveries = each["message_id"], each["times_delivered"]
            if number in self._held:
                continue
            if deliveries <= ALONE_AFTER:
                usual.append(number)
            elif deliveries >= self._reading.most_deliveries:
                self._bury(number, deliveries, idle)
            elif not usual:
                alone = self._claim([number], idle)
                if alone:
                    return alone
            else:
                break
        return self._claim(usual[:most], idle)

    def _claim(self, numbers: Sequence[bytes], idle: int) -> list[Message]:
        """Those that nobody else has claimed meanwhile; what was cut off the stream is forgotten by this."""
        if not numbers:
            return []
        found = self._client.xclaim(
            self._stream.name, self._reading.group, self._consumer, idle, list(numbers)
        )
        return self._messages(found)

    def _bury(self, number: bytes, deliveries: int, idle: int) -> None:
        for message in self._claim([number], idle):
            bury_undelivered(self._grave, message, deliveries, self._stream.patience.note)
            self.acknowledge([message])

    # what is answered

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that they are answered.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        numbers = [message.position.encode() for message in messages]
        for start in range(0, len(numbers), TOGETHER):
            some = numbers[start : start + TOGETHER]
            self._stream.asking(
                lambda some=some: self._client.xack(self._stream.name, self._reading.group, *some)  # type: ignore[misc]  # bound now
            )
        for number in numbers:
            self._held.pop(number, None)

    def _keep_held(self) -> None:
        """Say now and then that what is held here is not left behind, however long it takes."""
        while not self._closed.wait(self._reading.claim_after / 3):
            with suppress(exceptions.RedisError, OSError):
                self._touch(idle=0)

    def _touch(self, *, idle: int) -> None:
        held = list(self._held)
        for start in range(0, len(held), TOGETHER):
            self._client.xclaim(
                self._stream.name,
                self._reading.group,
                self._consumer,
                0,
                held[start : start + TOGETHER],
                idle=idle,
                justid=True,
            )

    def lag(self) -> int | None:
        """Entries that nobody in the group has received; None if the server does not say."""
        try:
            with translated(self.name):
                groups = self._client.xinfo_groups(self._stream.name)
        except (Trouble, ScorekitError):
            return None
        found = (each.get("lag") for each in groups if each["name"] == self._reading.group.encode())
        return next(found, None)

    def stop(self) -> None:
        """Receive nothing more."""
        self._stopped = True

    def close(self) -> None:
        """Let go of it; what was not acknowledged may be claimed at once."""
        self._closed.set()
        if self._keeper is not None:
            self._keeper.join()
        with suppress(exceptions.RedisError, OSError):
            self._hand_back()
        self._grave.close()
        self._client.close()

    def _hand_back(self) -> None:
        if self._held:
            self._touch(idle=int(self._reading.claim_after * 1000))
        elif self._ready and not self._reading.consumer:
            self._leave()

    def _leave(self) -> None:
        """Take a name that no process will have again out of the group, unless something is left to it."""
        left = self._client.xpending_range(
            self._stream.name, self._reading.group, "-", "+", 1, consumername=self._consumer
        )
        if not left:
            self._client.xgroup_delconsumer(self._stream.name, self._reading.group, self._consumer)


def _headers(fields: Mapping[bytes, bytes], own: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    for name, content in fields.items():
        if name not in own:
            yield name.decode(errors="replace"), content


def _as_object(fields: Mapping[bytes, bytes]) -> bytes:
    """Fields as a JSON object of texts."""
    return json.dumps(
        {name.decode(errors="replace"): content.decode(errors="replace") for name, content in fields.items()},
        ensure_ascii=False,
    ).encode()


@contextmanager
def _there_already() -> Iterator[None]:
    """Let a group be there already."""
    try:
        yield
    except exceptions.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
