"""Messages of a Kafka topic, for a member of a group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from scorekit.errors import ScorekitError, Unreachable
from scorekit.feeds import DeadLetters, Message
from scorekit.feeds.kafka_deliveries import Deliveries
from scorekit.feeds.kafka_link import NOT_NOW, Link, trouble_or_refusal
from scorekit.feeds.kafka_settings import consumer_settings
from scorekit.feeds.letters import bury_undelivered
from scorekit.feeds.pipe import LINE_LIMIT
from scorekit.feeds.retrying import Patience, Trouble
from scorekit.feeds.uris import Address

_SLICE = 0.1
"""Seconds of waiting after which signals are heard."""
_WITHIN = 5.0
"""Seconds in which a broker answers."""


class KafkaSource:
    """Messages of a topic, as a member of a group; see ``Source``.

    Parameters
    ----------
    address : Address
    patience : Patience
    most_deliveries : int
    grave : DeadLetters
        Where messages go that were delivered too often.
    """

    def __init__(
        self, address: Address, patience: Patience, most_deliveries: int, grave: DeadLetters
    ) -> None:
        self.name = address.shown
        self._patience = patience
        self._topic = unquote(address.path)
        self._link = Link(self.name)
        try:
            self._consumer = Consumer(consumer_settings(address, patience, self._link.hear))
        except KafkaException as error:
            address.refuse(f"cannot be used as it is: {error.args[0].str()}")
        self._origin = f"{address.options['group']}/{self._topic}/"
        self._hand: list[Record] = []
        self._most_deliveries = most_deliveries
        self._grave = grave
        self._deliveries = Deliveries()
        self._first: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._owing_since = time.monotonic()
        self._line = 1
        self._subscribed = self._stopped = False

    def _probe(self) -> int:
        """Look at the topic, of which the client says less than of what it receives."""
        return self._link.partitions(self._consumer, self._topic, "no_such_input", lambda: self._take(1, 0))

    # receiving

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next messages; see ``Source.receive``.

        Raises
        ------
        Unreachable
            If no broker answers for too long, or one does not let us in.
        UsageError
            If there is no such topic.
        """
        if not self._subscribed and not self._subscribe():
            return None if self._stopped else []
        self._await_one(wait)
        if self._stopped:
            return None
        if not self._settled():
            return []
        until = time.monotonic() + gather
        while 0 < len(self._hand) < most and self._take(most - len(self._hand), 0):
            if time.monotonic() >= until:
                break
        if self._link.down and not self._hand:
            self._await_brokers()
        self._patience.keep_trying(self.name, self._look_back)
        return self._handed(most)

    def _subscribe(self) -> bool:
        if self._stopped or not self._await_brokers():
            return False
        self._consumer.subscribe(
            [self._topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose
        )
        self._subscribed = True
        return True

    def _await_one(self, wait: float) -> None:
        until = time.monotonic() + wait
        while not (self._stopped or self._hand):
            left = until - time.monotonic()
            self._take(1, min(_SLICE, max(0.0, left)))
            if left <= 0 or self._link.down or self._patience.stopping:
                return

    def _take(self, most: int, wait: float) -> bool:
        """Take what the client holds; who gives up a partition meanwhile takes it out of the hand."""
        found = self._consumer.consume(most, wait)
        for record in found:
            if (error := record.error()) is not None:
                self._link.hear(error)
            elif record.partition() in self._first:
                self._hand.append(record)
        self._link.check()
        return bool(found)

    def _await_brokers(self) -> bool:
        """Whether they answer; nothing is in hand, so that stopping does not need it."""

        def attempt() -> bool:
            return not self._patience.stopping and self._probe() > 0

        return self._patience.keep_trying(self.name, attempt)

    def _look_back(self) -> None:
        """See how often messages of partitions that came were handed out before."""
        new = [TopicPartition(self._topic, each) for each in self._first if not self._deliveries.knows(each)]
        if not new or not self._hand:
            return
        try:
            found = self._consumer.committed(new, timeout=_WITHIN)
        except KafkaException as failure:
            raise trouble_or_refusal(self.name, failure.args[0]) from None
        for each in found:
            if each.error is not None:  # nothing is known of it, which is not that nothing was handed out
                raise trouble_or_refusal(self.name, each.error)
            self._deliveries.begin(each.partition, each.metadata)

    def _handed(self, most: int) -> list[Message]:
        count = self._together(most)
        records, self._hand = self._hand[:count], self._hand[count:]
        messages = [self._message(record, line) for line, record in enumerate(records, self._line)]
        if records and self._deliveries.before(*_place(records[0])) >= self._most_deliveries:
            self._bury(messages[0], self._deliveries.before(*_place(records[0])))
            return []
        self._line += len(messages)
        self._write_down(records)
        return messages

    def _together(self, most: int) -> int:
        """How many of those in hand are handed out: one, if it comes alone, or those before it."""
        if not self._deliveries.doubtful:
            return most
        alone = (self._deliveries.alone(*_place(record)) for record in self._hand[:most])
        return max(1, next((number for number, found in enumerate(alone) if found), most))

    def _bury(self, message: Message, times: int) -> None:
        bury_undelivered(self._grave, message, times, self._patience.note)
        self.acknowledge([message])

    def _write_down(self, records: Sequence[Record]) -> None:
        """Say in the group that they are handed out, where earlier ones may not have been answered."""
        if not self._deliveries.unwritten:
            return
        ends = {partition: offset + 1 for partition, offset in map(_place, records)}
        written = self._deliveries.hand_out(ends)
        if written:
            firsts = dict(map(_place, reversed(records)))
            there = [TopicPartition(self._topic, each, firsts[each], said) for each, said in written.items()]
            # without it they count once less
            with suppress(KafkaException):
                self._consumer.commit(offsets=there, asynchronous=False)

    def _message(self, record: Record, line: int) -> Message:
        value, key, headers = record.value() or b"", record.key(), _headers(record)
        partition, offset = _place(record)
        if self._first[partition] < 0:
            self._first[partition] = offset
        position = f"{partition}/{offset}"
        return Message(
            value,
            line,
            key,
            headers,
            position,
            len(value) > LINE_LIMIT,
            self._topic,
            self._origin + position,
            partition,
        )

    # acknowledging

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Commit their offsets, except of partitions that another reader has by now.

        Raises
        ------
        Unreachable
            If that fails for too long.
        """
        for partition, offset in _ends(messages).items():
            if 0 <= self._first.get(partition, -1) <= offset:
                self._owed[partition] = max(offset + 1, self._owed.get(partition, 0))
        self._patience.keep_trying(self.name, self._settle)

    def _settled(self) -> bool:
        """Whether nothing is owed; while the group is arranged anew, what is received waits for that."""
        if not self._owed:
            self._owing_since = time.monotonic()
            return True
        self._take(1, _SLICE)
        self._patience.keep_trying(self.name, self._settle)
        if self._owed and time.monotonic() - self._owing_since > self._patience.limit:
            raise Unreachable(f"{self.name}: the group does not come to rest, so nothing can be committed")
        return not self._owed

    def _settle(self) -> None:
        """Commit what is owed, or see that it has to wait."""
        if not self._owed:
            return
        owed = [
            TopicPartition(self._topic, partition, offset, self._deliveries.pass_on(partition, offset))
            for partition, offset in self._owed.items()
        ]
        try:
            done = self._consumer.commit(offsets=owed, asynchronous=False) or []
        except KafkaException as failure:
            self._unsettled(failure.args[0])
            return
        for each in done:
            if each.error is None:
                self._owed.pop(each.partition, None)
            else:
                self._unsettled(each.error)

    def _unsettled(self, error: KafkaError) -> None:
        # the callbacks below say soon whose the partitions are
        if error.name() not in NOT_NOW:
            raise trouble_or_refusal(self.name, error)

    # partitions come and go: called while messages are taken

    def _assign(self, _: object, partitions: Sequence[TopicPartition]) -> None:
        self._first |= dict.fromkeys((each.partition for each in partitions), -1)

    def _revoke(self, _: object, partitions: Sequence[TopicPartition]) -> None:
        """Commit what was answered; what was taken and not handed out is the next reader's."""
        # what cannot be committed comes again, with the ids it came with
        with suppress(Trouble, ScorekitError):
            self._settle()
        self._lose(_, partitions)

    def _lose(self, _: object, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            self._first.pop(each.partition, None)
            self._owed.pop(each.partition, None)
            self._deliveries.forget(each.partition)
        self._hand = [record for record in self._hand if record.partition() in self._first]

    def lag(self) -> int | None:
        """Messages of the topic that its group has not answered; None if no broker says so."""
        try:
            partitions = [TopicPartition(self._topic, number) for number in range(self._probe())]
            ends = self._consumer.committed(partitions, timeout=_WITHIN)
            return sum(self._waiting(end) for end in ends)
        except (KafkaException, Trouble, ScorekitError):
            return None

    def _waiting(self, end: TopicPartition) -> int:
        low, high = self._consumer.get_watermark_offsets(end, timeout=_WITHIN) or (0, 0)
        return high - max(low, end.offset)

    def stop(self) -> None:
        """Receive nothing more; what was not handed out stays at the broker."""
        self._stopped = True

    def close(self) -> None:
        """Leave the group; what was not acknowledged goes to another reader."""
        self._consumer.close()
        self._grave.close()


def _ends(messages: Sequence[Message]) -> dict[int, int]:
    """The last offset of each partition; those of one are in order."""
    return {message.partition: int(message.offset) for message in messages if message.partition is not None}


def _place(record: Record) -> tuple[int, int]:
    """Partition and offset, which everything has that was received."""
    return record.partition(), record.offset()  # type: ignore[return-value]  # a record has both


def _headers(record: Record) -> tuple[tuple[str, bytes], ...]:
    found: Any = record.headers()
    return tuple((name, content or b"") for name, content in found) if found else ()
