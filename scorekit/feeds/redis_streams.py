"""Redis Streams: a consumer group reads, and answers are entries, too.

An entry's field ``value`` is the message, ``key`` its key and every other field a header;
an entry without ``value`` is a message of its fields. An answer is an entry of the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from scorekit.feeds import DeadLetters, Message
from scorekit.feeds.letters import ALONE_AFTER, MOST_DELIVERIES, headers_of
from scorekit.feeds.redis_connection import Stream, client_of
from scorekit.feeds.redis_source import Reading, RedisSource
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import Address

OPTIONS = {
    "db": "number of the database",
    "field": "the field that holds the message",
    "group": "the consumer group",
    "consumer": "the name in the group, by which a restarted process finds what it left",
    "from": "where a new group begins: earliest or latest",
    "claim-after": "seconds after which a consumer that does not answer is dead",
    "max-deliveries": "deliveries after which a message is dead",
    "maxlen": "entries that the stream is cut to, about",
}


_STARTS = {"earliest": "0", "latest": "$"}


class RedisBroker:
    """A stream of a Redis server; see ``Broker``.

    Parameters
    ----------
    address : Address
    patience : Patience
    """

    def __init__(self, address: Address, patience: Patience) -> None:
        address.check_options(OPTIONS)
        if len(address.hosts) > 1:
            address.refuse("names several hosts")
        if not address.path or "/" in address.path:
            address.refuse("names no stream")
        self._address = address
        self._patience = patience

    def source(self, batch_size: int, grave: DeadLetters | None) -> RedisSource:  # noqa: ARG002 - the protocol gives it
        """Entries of the stream, for a consumer group."""
        address = self._address
        group = address.options.get("group") or address.refuse("names no group")
        if (start := address.options.get("from", "earliest")) not in _STARTS:
            address.refuse(f"takes earliest or latest for from, not {start}")
        stream = self._stream()
        reading = Reading(
            group=group,
            consumer=address.options.get("consumer", ""),
            start=_STARTS[start],
            claim_after=address.number("claim-after", 60, least=1),
            most_deliveries=address.count("max-deliveries", MOST_DELIVERIES, least=ALONE_AFTER + 1),
        )
        return RedisSource(stream, reading, grave or RedisGrave(stream.beside(".dead-letters")))

    def sink(self) -> RedisSink:
        """Answers as entries of the stream."""
        return RedisSink(self._opened())

    def dead_letters(self) -> RedisGrave:
        """Dead letters as entries of the stream."""
        return RedisGrave(self._opened())

    def _opened(self) -> Stream:
        stream = self._stream()
        stream.open()
        return stream

    def _stream(self) -> Stream:
        address = self._address
        return Stream(
            address.shown,
            unquote(address.path).encode(),
            address.options.get("field", "value").encode(),
            address.count("maxlen", 0, least=1) if "maxlen" in address.options else None,
            client_of(address),
            self._patience,
        )


class RedisSink:
    """Answers as entries of a stream; see ``Sink``.

    Parameters
    ----------
    stream : Stream
    """

    def __init__(self, stream: Stream) -> None:
        self.name = stream.shown
        self._stream = stream

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:
        """Write an entry for each answer; see ``Sink.send``.

        Raises
        ------
        Unreachable
            If the server cannot be reached, or is out of memory, for too long, or refuses.
        """
        pairs = zip(values, messages, strict=True)
        self._stream.add([self._stream.fields(value, message, message.headers) for value, message in pairs])

    def close(self) -> None:
        """Let go of it."""
        self._stream.client.close()


class RedisGrave:
    """Dead letters as entries of a stream; see ``DeadLetters``.

    Parameters
    ----------
    stream : Stream
    """

    def __init__(self, stream: Stream) -> None:
        self.name = stream.shown
        self._stream = stream

    def bury(self, message: Message, code: str, said: str) -> None:
        """Write the message, as it came, and why it is here.

        Raises
        ------
        Unreachable
            If the server cannot be reached, or is out of memory, for too long, or refuses.
        """
        headers = headers_of(message, code, said)
        self._stream.add([self._stream.fields(message.value, message, headers)])

    def close(self) -> None:
        """Let go of it."""
        self._stream.client.close()
