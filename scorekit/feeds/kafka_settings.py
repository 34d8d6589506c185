"""What the Kafka client is told, from an address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from scorekit.feeds.retrying import LONGEST, Patience
from scorekit.feeds.uris import Address

ANSWER_LIMIT = 64 << 20
"""Bytes of the largest message that is sent; the broker's own limit is mostly smaller."""

_TIMEOUT = 10.0
"""Seconds in which a broker answers."""
_MARGIN = 60.0
"""Seconds added to a limit of ours, so that it is met before the client's."""
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_STARTS = ("earliest", "latest")
_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")

OPTIONS: Mapping[str, str] = {
    "group": "the consumer group",
    "from": "where a new group begins: earliest or latest",
    "instance": "a name that stays the same over restarts, so that none of them moves partitions",
    "session-seconds": "after which a reader that is silent loses its partitions",
    "poll-seconds": "after which one loses them that receives nothing more, as the sink is slow",
    "max-deliveries": "deliveries after which a message is dead",
    "sasl": "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    "compression": "of answers: none, gzip, snappy, lz4 or zstd",
}
"""Options of an address."""

_LOG = logging.getLogger("scorekit.feeds.kafka")
"""What the client logs goes here, and not to standard error, where some take a line for a failure."""
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False

Hear = Callable[[Any], None]


def consumer_settings(address: Address, patience: Patience, hear: Hear) -> dict[str, Any]:
    """Settings of a consumer.

    Raises
    ------
    UsageError
        If an option is not as it should be.
    """
    if not address.options.get("group"):
        address.refuse("names no group")
    # while answers are sent, and tried again, nothing is received
    longest = address.number("poll-seconds", 2 * patience.limit + 2 * _MARGIN, least=1)
    session = min(address.number("session-seconds", 45, least=1), longest)
    settings = _common(address, hear) | {
        "group.id": address.options["group"],
        "auto.offset.reset": _choice(address, "from", _STARTS),
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "session.timeout.ms": _ms(session),
        "heartbeat.interval.ms": _ms(session / 10),
        "max.poll.interval.ms": _ms(longest),
        "queued.max.messages.kbytes": 16_384,
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 10,
    }
    if instance := address.options.get("instance"):
        settings["group.instance.id"] = instance
    return settings


def producer_settings(address: Address, patience: Patience, hear: Hear, linger: int) -> dict[str, Any]:
    """Settings of a producer, which keeps the order of what it sends, also where it sends again.

    Parameters
    ----------
    linger : int
        Milliseconds.

    Raises
    ------
    UsageError
        If an option is not as it should be.
    """
    return _common(address, hear) | {
        "enable.idempotence": True,
        "linger.ms": linger,
        "request.timeout.ms": _ms(_TIMEOUT),
        "message.timeout.ms": _ms(patience.limit + _MARGIN),
        "message.max.bytes": ANSWER_LIMIT,
        "queue.buffering.max.kbytes": 2 * ANSWER_LIMIT >> 10,
        "delivery.report.only.error": True,
        # as the Java client does it, so that a key stays in the partition of its number
        "partitioner": "murmur2_random",
        "compression.type": _choice(address, "compression", _COMPRESSIONS),
        # a producer has a broker make what it asks for, unless told otherwise
        "allow.auto.create.topics": False,
    }


def _common(address: Address, hear: Hear) -> dict[str, Any]:
    address.check_options(OPTIONS)
    hosts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    return {
        "bootstrap.servers": ",".join(hosts),
        "client.id": "scorekit",
        "error_cb": hear,
        "logger": _LOG,
        "log_level": 2,
        # the client connects again by itself: longer and longer apart, and not in step with others
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": _ms(LONGEST),
        "socket.timeout.ms": _ms(_TIMEOUT),
        "socket.keepalive.enable": True,
        **_security(address),
    }


def _security(address: Address) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    tls = address.tls
    if tls is not None:
        files = {
            "ssl.ca.location": tls.ca,
            "ssl.certificate.location": tls.cert,
            "ssl.key.location": tls.key,
        }
        settings |= {name: file for name, file in files.items() if file}
    if address.user is not None:
        settings |= {
            "sasl.mechanism": _choice(address, "sasl", _MECHANISMS),
            "sasl.username": address.user,
            "sasl.password": address.password or "",
        }
    elif "sasl" in address.options:
        address.refuse(
            "says how to log in, and not who", "set SCOREKIT_KAFKA_USER and SCOREKIT_KAFKA_PASSWORD"
        )
    kinds = {(False, False): "plaintext", (True, False): "ssl", (False, True): "sasl_plaintext"}
    settings["security.protocol"] = kinds.get((tls is not None, address.user is not None), "sasl_ssl")
    return settings


def _choice(address: Address, option: str, choices: tuple[str, ...]) -> str:
    """What an option says, else the first of its choices."""
    value = address.options.get(option, choices[0])
    found = [choice for choice in choices if choice.lower() == value.lower()]
    if not found:
        address.refuse(f"has {option}={value}", f"there are {', '.join(choices)}")
    return found[0]


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
