"""RabbitMQ: messages of a queue are answered to another one, or to an exchange."""

from __future__ import annotations

from scorekit.feeds import DeadLetters
from scorekit.feeds.letters import ALONE_AFTER, MOST_DELIVERIES
from scorekit.feeds.rabbit_connection import Link, parameters_of, place_of
from scorekit.feeds.rabbit_sink import RabbitGrave, RabbitSink
from scorekit.feeds.rabbit_source import RabbitSource
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Address

OPTIONS = {
    "exchange": "the exchange that answers are sent to, with the message's key as routing key",
    "max-deliveries": "deliveries after which a message is dead",
    "prefetch": "messages that may be here and not answered",
}

_MOST_PREFETCHED = 0xFFFF


class RabbitBroker:
    """A queue of a RabbitMQ server; see ``Broker``.

    Parameters
    ----------
    address : Address
    patience : Patience
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        address.check_options(OPTIONS)
        if len(address.hosts) > 1:
            address.refuse("names several hosts")
        self._address = address
        self._patience = patience
        vhost, self._queue = place_of(address)
        self._parameters = parameters_of(address, vhost)

    def source(self, batch_size: int, grave: DeadLetters | None) -> RabbitSource:
        """Messages of the queue."""
        address = self._address
        if "exchange" in address.options:
            address.refuse("names an exchange to read from", "name a queue that is bound to it")
        return RabbitSource(
            address.shown,
            self._queue,
            self._connect,
            self._patience,
            prefetch=min(address.count("prefetch", batch_size, least=1), _MOST_PREFETCHED),
            most_deliveries=address.count("max-deliveries", MOST_DELIVERIES, least=ALONE_AFTER + 1),
            grave=grave or RabbitGrave(self._sink(".dead-letters")),
        )

    def sink(self) -> RabbitSink:
        """Answers to the queue, or to an exchange."""
        sink = self._sink("", self._address.options.get("exchange", ""))
        sink.open()
        return sink

    def dead_letters(self) -> RabbitGrave:
        """Dead letters to the queue, or to an exchange."""
        return RabbitGrave(self.sink())

    def _sink(self, ending: str, exchange: str = "") -> RabbitSink:
        shown = self._address.shown + ending
        return RabbitSink(shown, self._queue + ending, exchange, self._connect, self._patience)

    def _connect(self) -> Link:
        link = Link(self._parameters, self._address.shown)
        link.open()
        return link
