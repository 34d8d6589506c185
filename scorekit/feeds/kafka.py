"""Kafka: a topic read by a group, and topics written to.

At least once: offsets are committed by hand, once the broker has confirmed the answers. A
partition that is given up has what was answered of it committed first; of one that was lost
nothing is committed any more, as another reader has it. Nothing here is exactly once.

References
----------
.. [1] KIP-429 (cooperative rebalancing), KIP-1034 (headers of dead letters)
"""

from __future__ import annotations

from dataclasses import replace

from scorekit.feeds import DeadLetters
from scorekit.feeds.kafka_sink import KafkaGrave, KafkaSink
from scorekit.feeds.kafka_source import KafkaSource
from scorekit.feeds.letters import ALONE_AFTER, MOST_DELIVERIES
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Address


class KafkaBroker:
    """Speaks Kafka; see ``Broker``.

    Parameters
    ----------
    address : Address
    patience : Patience
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address = address
        self._patience = patience
        if not address.path or "/" in address.path:
            address.refuse("names no topic")

    def source(self, batch_size: int, grave: DeadLetters | None) -> KafkaSource:  # noqa: ARG002 - the protocol gives it
        """Messages of the topic."""
        address = self._address
        most = address.count("max-deliveries", MOST_DELIVERIES, least=ALONE_AFTER + 1)
        default = KafkaGrave(replace(address, path=f"{address.path}.dead-letters"), self._patience)
        return KafkaSource(address, self._patience, most, grave or default)

    def sink(self) -> KafkaSink:
        """Answers to the topic."""
        return KafkaSink(self._address, self._patience)

    def dead_letters(self) -> KafkaGrave:
        """What cannot be answered, to the topic."""
        grave = KafkaGrave(self._address, self._patience)
        grave.open()
        return grave
