"""NATS JetStream: a durable consumer of a stream is read, and answers are published to a subject.

At least once: a message is acknowledged once the server has stored its answer. Answers carry
an id that is the same however often a message is delivered, so that the server drops those it
has stored already, for as long as its stream remembers ids. While messages are held, the
server is told so.
"""

from __future__ import annotations

from scorekit.feeds import DeadLetters
from scorekit.feeds.letters import ALONE_AFTER, MOST_DELIVERIES
from scorekit.feeds.nats_connection import OPTIONS, Connection
from scorekit.feeds.nats_sink import NatsGrave, NatsSink
from scorekit.feeds.nats_source import NatsSource, Reading
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Address

_STARTS = ("earliest", "latest")


class NatsBroker:
    """Speaks to NATS; see ``Broker``.

    Parameters
    ----------
    address : Address
    patience : Patience
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        address.check_options(OPTIONS)
        if "/" in address.path or " " in address.path:
            address.refuse("has a path of several parts")
        self._address = address
        self._patience = patience

    def source(self, batch_size: int, grave: DeadLetters | None) -> NatsSource:  # noqa: ARG002 - the protocol gives it
        """Messages of a stream, for a consumer."""
        address = self._address
        stream, _, consumer = address.path.partition(".")
        if not stream or not consumer or set(consumer) & set(".*>"):
            address.refuse("names no stream and consumer")
        if (start := address.options.get("from", _STARTS[0])) not in _STARTS:
            address.refuse(f"takes earliest or latest for from, not {start}")
        reading = Reading(
            stream=stream,
            consumer=consumer,
            only_new=start == "latest",
            subject=address.options.get("subject"),
            held_for=address.number("ack-seconds", 60, least=1),
            most_deliveries=address.count("max-deliveries", MOST_DELIVERIES, least=ALONE_AFTER + 1),
        )
        default = NatsGrave(address, self._patience, f"{stream}.dead-letters")
        return NatsSource(Connection(address, self._patience), reading, grave or default)

    def sink(self) -> NatsSink:
        """Answers to a subject."""
        return NatsSink(Connection(self._address, self._patience), self._subject())

    def dead_letters(self) -> NatsGrave:
        """What cannot be answered, to a subject."""
        grave = NatsGrave(self._address, self._patience, self._subject())
        grave.open()
        return grave

    def _subject(self) -> str:
        subject = self._address.path
        if not subject or set(subject) & set("*>"):
            self._address.refuse("names no subject to publish to")
        return subject
