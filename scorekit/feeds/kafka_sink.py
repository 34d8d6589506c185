"""Answers, and what cannot be answered, to Kafka topics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import unquote

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from scorekit.errors import DataError, ScorekitError
from scorekit.feeds import Message
from scorekit.feeds.kafka_link import TOO_LARGE, Link, refused
from scorekit.feeds.kafka_settings import ANSWER_LIMIT, producer_settings
from scorekit.feeds.letters import MESSAGE_ID, headers_of
from scorekit.feeds.retrying import GRACE, Patience, Trouble
from scorekit.feeds.uris import Address

_SLICE = 0.1
"""Seconds of waiting after which signals are heard."""
_STILL = 10.0
"""Seconds without a confirmation after which a broker is in trouble."""
_Headers = list[tuple[str, str | bytes | None]]
"""As the client has them."""
_ANY = -1
"""The partition that the key says, or any."""


class KafkaSink:
    """Answers to a topic; see ``Sink``.

    Parameters
    ----------
    address : Address
    patience : Patience
    linger : int
        Milliseconds a message waits for others to travel with.
    """

    def __init__(self, address: Address, patience: Patience, linger: int = 5) -> None:
        self.name = address.shown
        self._patience = patience
        self._topic = unquote(address.path)
        self._link = Link(self.name)
        try:
            self._producer = Producer(producer_settings(address, patience, self._link.hear, linger))
        except KafkaException as error:
            address.refuse(f"cannot be used as it is: {error.args[0].str()}")
        self._failures: list[tuple[KafkaError, Record]] = []
        self._partitions = 1
        patience.make_ready(self.name, self._probe)

    def _probe(self) -> None:
        self._partitions = self._link.partitions(
            self._producer, self._topic, "bad_output", lambda: self._producer.poll(0)
        )

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:
        """Publish answers with the keys and headers of what they answer; see ``Sink.send``.

        One to a message without a key goes to the partition of the number that message came
        from, so that the order within a partition is kept.

        Raises
        ------
        Unreachable
            If the broker does not confirm them.
        DataError
            If one is larger than the broker takes.
        """
        for value, message in zip(values, messages, strict=True):
            self.put(value, message, message.headers)
        self.confirm()

    def put(self, value: bytes, message: Message, headers: Sequence[tuple[str, bytes]]) -> None:
        """Give a message to the client, as soon as it has room.

        Raises
        ------
        Unreachable
            If it has none for too long.
        DataError
            If it is larger than any broker would take.
        """
        named = [(MESSAGE_ID, message.id.encode())] if message.id else []
        own: _Headers = [*(header for header in headers if header[0] != MESSAGE_ID), *named]
        where = self._partition(message)
        while True:
            try:
                self._producer.produce(
                    self._topic, value, message.key, where, on_delivery=self._report, headers=own
                )
            except BufferError:
                self._make_room()
            except KafkaException as failure:
                raise self._refusal(failure.args[0], len(value)) from None
            else:
                return

    def _partition(self, message: Message) -> int:
        if message.key is not None or message.partition is None:
            return _ANY
        return message.partition % self._partitions

    def _make_room(self) -> None:
        """Wait for the client's queue to empty, as long as it does."""
        waiting = len(self._producer)
        self._producer.poll(_SLICE)
        self._patience.ask()
        self._link.check()
        if self._link.down and len(self._producer) >= waiting:
            self.confirm()

    def confirm(self) -> None:
        """Wait until everything has arrived.

        Raises
        ------
        Unreachable, DataError
        """
        self._patience.keep_trying(self.name, self._flush)
        if self._failures:
            (error, record), *_ = self._failures
            self._failures = []
            raise self._refusal(error, len(record.value() or b""))

    def _flush(self) -> None:
        """Wait, for as long as confirmations come."""
        left, since = len(self._producer), time.monotonic()
        while waiting := self._producer.flush(_SLICE):
            self._patience.ask()
            self._link.check()
            if waiting < left:
                left, since = waiting, time.monotonic()
            still = GRACE if self._patience.stopping else _STILL
            if self._link.down or time.monotonic() - since > still:
                self._link.down = False
                raise Trouble(f"{waiting:,} messages are not confirmed")
        self._link.down = False

    def _report(self, error: KafkaError | None, record: Record) -> None:
        if error is not None:
            self._failures.append((error, record))

    def _refusal(self, error: KafkaError, size: int) -> ScorekitError:
        if error.name() in TOO_LARGE:
            return DataError(
                f"{self.name}: an answer of {size:,} bytes is larger than the broker takes",
                hint=f"raise max.message.bytes of the topic, {ANSWER_LIMIT:,} at most, or carry less",
                code="answer_too_large",
            )
        return refused(self.name, error)

    def close(self) -> None:
        """Let go of it; what is not confirmed is not acknowledged either."""
        self._producer.purge()
        self._producer.flush(1)


class KafkaGrave:
    """Messages that cannot be answered, in a topic; see ``DeadLetters``.

    Parameters
    ----------
    address : Address
    patience : Patience
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        self.name = address.shown
        self._address = address
        self._patience = patience
        self._sink: KafkaSink | None = None

    def open(self) -> KafkaSink:
        """Connect, where that was not done yet.

        Raises
        ------
        UsageError
            If there is no such topic.
        Unreachable
            If no broker answers for too long.
        """
        if self._sink is None:
            self._sink = KafkaSink(self._address, self._patience, linger=0)
        return self._sink

    def bury(self, message: Message, code: str, said: str) -> None:
        """Publish the message as it came, with headers that say why."""
        sink = self.open()
        sink.put(message.value, message, headers_of(message, code, said))
        sink.confirm()

    def close(self) -> None:
        """Let go of it."""
        if self._sink is not None:
            self._sink.close()
