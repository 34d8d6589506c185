"""What tests do with a source and a sink."""

from __future__ import annotations

import time
from collections.abc import Sequence

from scorekit.feeds import Message, Sink, Source
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect
from tests.feeds.brokers import Place

BATCH = 100


def source_of(
    broker: Place, port: int | None = None, patience: Patience | None = None, **options: object
) -> Source:
    return connect(broker.source_uri(port, **options), patience).source(BATCH, None)


def take(source: Source, count: int, *, within: float = 20) -> list[Message]:
    found: list[Message] = []
    until = time.monotonic() + within
    while len(found) < count and time.monotonic() < until:
        found += source.receive(BATCH, 0.5, 0.05) or []
    return found


def answer(sink: Sink, source: Source, messages: Sequence[Message]) -> None:
    sink.send([b"<%b>" % message.value for message in messages], messages)
    source.acknowledge(messages)


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def answers(count: int) -> list[bytes]:
    return [b"<%d>" % number for number in range(count)]
