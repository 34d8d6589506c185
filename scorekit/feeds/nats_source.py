"""Messages of a JetStream, pulled for a durable consumer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js import errors as js_errors

from scorekit.errors import Unreachable, UsageError
from scorekit.feeds import DeadLetters, Message
from scorekit.feeds.letters import ALONE_AFTER, bury_undelivered
from scorekit.feeds.nats_connection import TIMEOUT, Connection
from scorekit.feeds.nats_sink import KEY, OWN
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.retrying import Trouble

_SLICE = 0.1
"""Seconds of waiting after which signals are heard."""
_PULLED = 16 << 20
"""Bytes that are asked for at a time."""
_ACK, _NAK, _WORKING = b"+ACK", b"-NAK", b"+WPI"
_FIELDS = 9
"""Parts of the subject by which a message is acknowledged; a later server puts two before the stream."""


class Reading(NamedTuple):
    """How a stream is read.

    Attributes
    ----------
    stream, consumer : str
    only_new : bool
        Whether a new consumer begins with what is published after it.
    subject : str or None
        The only one that a new consumer reads.
    held_for : float
        Seconds.
    most_deliveries : int
    """

    stream: str
    consumer: str
    only_new: bool
    subject: str | None
    held_for: float
    most_deliveries: int


class _Got(NamedTuple):
    """What came: a message, where it stands in the stream, and its deliveries before this one."""

    position: str
    before: int
    message: Msg


class NatsSource:
    """Messages of a stream that its consumer has not acknowledged; see ``Source``.

    Parameters
    ----------
    connection : Connection
    reading : Reading
    grave : DeadLetters
        Where messages go that were delivered too often.
    """

    def __init__(self, connection: Connection, reading: Reading, grave: DeadLetters) -> None:
        self.name = connection.shown
        self._connection = connection
        self._reading = reading
        self._grave = grave
        self._queue: deque[_Got] = deque()
        self._held: dict[str, str] = {}
        self._came = asyncio.Event()
        self._status: dict[str, str] = {}
        self._inbox = ""
        self._asked = 0
        self._ready: Client | None = None
        self._known = self._stopped = False
        self._careful = True
        self._held_for = reading.held_for
        self._line = 1

    # receiving

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next messages; see ``Source.receive``.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        UsageError
            If there is no such stream, or its consumer would lose messages.
        """
        if self._stopped:
            return None
        self._connection.patience.keep_trying(self.name, lambda: self._try_to_fill(most, wait, gather))
        return self._handed(most)

    def _try_to_fill(self, most: int, wait: float, gather: float) -> None:
        # nothing is in hand, so that stopping needs no server
        if not self._connection.patience.stopping:
            self._connection.try_once(lambda client: self._fill(client, most, wait, gather))

    async def _fill(self, client: Client, most: int, wait: float, gather: float) -> None:
        await self._make_ready(client)
        until = time.monotonic() + wait
        if len(self._queue) < most:
            await self._pull_there(client, most)
        while not self._queue and (left := until - time.monotonic()) > 0:
            if self._connection.patience.stopping:
                return
            await self._pull(client, 1, left)
        until = time.monotonic() + gather
        while 0 < len(self._queue) < most and time.monotonic() < until and not self._careful:
            before = len(self._queue)
            await self._pull(client, self._room(most), None)
            if len(self._queue) == before:
                return

    async def _pull_there(self, client: Client, most: int) -> None:
        """Ask for what is there; first for one of it, as long as that may have been delivered often."""
        careful = self._careful
        await self._pull(client, self._room(most), None)
        if careful and not self._careful and len(self._queue) < most:
            await self._pull(client, self._room(most), None)

    def _room(self, most: int) -> int:
        """How many to ask for; one, while what comes was delivered often, as asking counts as delivery."""
        return 1 if self._careful else most - len(self._queue)

    async def _pull(self, client: Client, most: int, wait: float | None) -> None:
        """Ask for messages: what is there, or the first one to come."""
        self._asked += 1
        reply, before = f"{self._inbox}.{self._asked}", len(self._queue)
        asked: dict[str, object] = {"batch": most, "max_bytes": max(_PULLED, 2 * client.max_payload)}
        asked |= {"no_wait": True} if wait is None else {"expires": int(wait * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._reading.stream}.{self._reading.consumer}"
        self._status.clear()
        await client.publish(subject, json.dumps(asked).encode(), reply)
        until = time.monotonic() + (wait or 0) + TIMEOUT
        while len(self._queue) < before + most and reply not in self._status:
            await self._await_any(client, until)
            if wait is not None and self._connection.patience.stopping:
                return
        self._heed(self._status.pop(reply, ""))

    async def _await_any(self, client: Client, until: float) -> None:
        if client.is_closed:
            raise errors.ConnectionClosedError
        if time.monotonic() > until:
            raise Trouble("the server does not answer", hint="see `nats consumer report`")
        self._came.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), _SLICE)

    def _heed(self, status: str) -> None:
        if status.startswith("503") or "Deleted" in status or "leadership" in status.lower():
            raise Trouble(f"the consumer is not there ({status})", hint="see `nats consumer report`")

    async def _hear(self, message: Msg) -> None:
        headers = message.headers or {}
        if "Status" in headers and not message.data:
            self._status[message.subject] = f"{headers['Status']} {headers.get('Description', '')}"
        else:
            self._keep(_got(message))
        self._came.set()

    def _keep(self, got: _Got) -> None:
        if got.position not in self._held:
            self._queue.append(got)
            self._careful = got.before > ALONE_AFTER
        # else it was here for so long that it came again
        self._held[got.position] = got.message.reply

    def _handed(self, most: int) -> list[Message]:
        """Messages from the queue; one alone that was delivered often, so that it takes no other along."""
        found: list[Message] = []
        while self._queue and len(found) < most:
            often = self._queue[0].before > ALONE_AFTER
            if often and found:
                break
            got = self._queue.popleft()
            message = self._message(got)
            if got.before >= self._reading.most_deliveries:
                bury_undelivered(self._grave, message, got.before, self._connection.patience.note)
                self.acknowledge([message])
                continue
            self._line += 1
            found.append(message)
            if often:
                break
        return found

    def _message(self, got: _Got) -> Message:
        headers = got.message.headers or {}
        key = headers.get(KEY)
        value, reading = got.message.data, self._reading
        return Message(
            value,
            self._line,
            key=key.encode() if key is not None else None,
            headers=tuple(
                (name, content.encode())
                for name, content in headers.items()
                if name != KEY and not name.lower().startswith(OWN)
            ),
            position=got.position,
            too_long=len(value) > LINE_LIMIT,
            topic=reading.stream,
            id=f"{reading.consumer}/{reading.stream}/{got.position}",
        )

    # the consumer

    async def _make_ready(self, client: Client) -> None:
        if self._ready is client:
            return
        await self._check(await self._consumer(client))
        self._inbox = client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._hear, pending_bytes_limit=0)
        if not self._known:
            self._connection.begin(self._keep_held())
        self._ready, self._known = client, True

    async def _consumer(self, client: Client) -> api.ConsumerInfo:
        reading, jetstream = self._reading, client.jetstream(timeout=TIMEOUT)
        try:
            found: api.ConsumerInfo = await jetstream.consumer_info(reading.stream, reading.consumer)
        except js_errors.NotFoundError:
            if self._known:
                raise Unreachable(f"{self.name}: its consumer was deleted") from None
        else:
            return found
        start = api.DeliverPolicy.NEW if reading.only_new else api.DeliverPolicy.ALL
        wanted = api.ConsumerConfig(
            durable_name=reading.consumer,
            ack_policy=api.AckPolicy.EXPLICIT,
            deliver_policy=start,
            ack_wait=reading.held_for,
            max_ack_pending=-1,
            filter_subject=reading.subject,
        )
        try:
            return await jetstream.add_consumer(reading.stream, wanted)
        except js_errors.NotFoundError:
            raise UsageError(
                f"{self.name}: there is no stream {reading.stream}",
                hint="add it: nats stream add",
                code="no_such_input",
            ) from None

    async def _check(self, found: api.ConsumerInfo) -> None:
        """Refuse a consumer with which messages would be lost."""
        made = found.config
        wrong = {
            "is pushed to": made.deliver_subject,
            "does not acknowledge each message": made.ack_policy != api.AckPolicy.EXPLICIT,
            f"gives messages up after {made.max_deliver} deliveries": (made.max_deliver or -1) > 0,
        }
        for what, holds in wrong.items():
            if holds:
                raise UsageError(
                    f"{self.name}: this consumer {what}",
                    hint="name one that does not exist yet: it is made as it should be",
                    code="no_such_input",
                )
        self._held_for = made.ack_wait or self._held_for

    # acknowledging

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that they are answered, and that the server has heard it.

        Raises
        ------
        Unreachable
            If the server cannot be reached for too long, or refuses.
        """
        positions = [message.position for message in messages if message.position in self._held]
        if positions:
            self._connection.asking(lambda client: self._tell(client, positions, _ACK))
        for position in positions:
            del self._held[position]

    async def _tell(self, client: Client, positions: Sequence[str], what: bytes) -> None:
        for position in positions:
            await client.publish(self._held[position], what)
        await client.flush(timeout=int(TIMEOUT))

    async def _keep_held(self) -> None:
        """Tell the server now and then that what is here is worked on, however long that takes."""
        while True:
            await asyncio.sleep(self._held_for / 3)
            client = self._connection.client
            if client is None:
                continue
            with suppress(errors.Error, OSError):
                for reply in list(self._held.values()):
                    await client.publish(reply, _WORKING)

    def lag(self) -> int | None:
        """Messages that nobody has received for this consumer; None if the server does not say."""
        try:
            found = self._connection.try_once(self._consumer)
        except (Trouble, Unreachable):
            return None
        return None if found.num_pending is None else found.num_pending + len(self._queue)

    def stop(self) -> None:
        """Receive nothing more; what was not handed out goes back."""
        self._stopped = True

    def close(self) -> None:
        """Let go of it; what was not acknowledged comes again at once."""
        if self._held and self._connection.client is not None:
            with suppress(Trouble, Unreachable):
                self._connection.try_once(lambda client: self._tell(client, list(self._held), _NAK))
        self._grave.close()
        self._connection.close()


def _got(message: Msg) -> _Got:
    parts = message.reply.split(".")
    first = 4 if len(parts) == _FIELDS else 6
    return _Got(parts[first + 1], int(parts[first]) - 1, message)
