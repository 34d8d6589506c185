"""What is written beside a dead letter, under the names that Kafka Streams gives it."""

from __future__ import annotations

from collections.abc import Callable

from scorekit.feeds import DeadLetters, Message

ERRORS = "__streams.errors."
"""How the names of its headers begin."""

MESSAGE_ID = "scorekit-message-id"
"""The header of an answer's id, where a broker has no place of its own for it."""

DELIVERED_TOO_OFTEN = "delivered_too_often"
"""Why a message is dead that was delivered again and again and never answered."""

MOST_DELIVERIES = 10
"""Deliveries of a message after which it is dead."""

ALONE_AFTER = 2
"""Deliveries after which a message comes alone, so that one which ends its reader takes no other along."""


def headers_of(message: Message, code: str, said: str) -> tuple[tuple[str, bytes], ...]:
    """Headers of a dead letter: those it came with, and why it is here.

    Parameters
    ----------
    message : Message
        Of a source without partitions, it is in partition 0.
    code : str
        Of the error; stands for the class of an exception.
    said : str

    Examples
    --------
    >>> message = Message(b"{", 1, topic="rows", position="3/17", partition=3)
    >>> dict(headers_of(message, "not_json", "cut short"))["__streams.errors.offset"]
    b'17'
    """
    why = {
        "exception": code,
        "message": said,
        "topic": message.topic,
        "partition": str(message.partition or 0),
        "offset": message.offset,
    }
    kept = ((name, value) for name, value in message.headers if not name.startswith(ERRORS))
    return (*kept, *((ERRORS + name, value.encode()) for name, value in why.items()))


def bury_undelivered(
    grave: DeadLetters, message: Message, deliveries: int, note: Callable[[str], None] | None
) -> None:
    """Put a message aside that was delivered too often, and tell of it."""
    said = f"delivered {deliveries} times and never answered"
    grave.bury(message, DELIVERED_TOO_OFTEN, said)
    if note is not None:
        note(f"{message.topic} {message.position}: {said}; the message is with the dead letters now")
