"""Where messages come from and where answers go: pipes and files here, brokers by the same protocols.

What is received is answered in order, and acknowledged once its answers have arrived::

    while (messages := source.receive(most, wait, gather)) is not None:
        sink.send(answers, messages)
        source.acknowledge(messages)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Message(Struct, frozen=True, gc=False):
    """What was received.

    Attributes
    ----------
    value : bytes
        Of a line: without its end.
    line : int
        Its number in this run, from 1.
    key : bytes or None
    headers : tuple of (str, bytes)
    position : str
        Where it stands at its source, such as a partition and an offset; empty for a line.
    too_long : bool
        Whether it is longer than the limit; of a line it then has no value.
    topic : str
        The topic, stream or queue it came from; empty for a line.
    partition : int or None
        Of a topic that has several; its position then begins with it.
    id : str
        What an answer to it is recognised by, the same whenever it is delivered again; empty for a
        line.
    """

    value: bytes
    line: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    position: str = ""
    too_long: bool = False
    topic: str = ""
    id: str = ""
    partition: int | None = None

    @property
    def offset(self) -> str:
        """Where it stands in its partition, topic, stream or queue."""
        return self.position if self.partition is None else self.position.partition("/")[2]


class Source(Protocol):
    """Where messages come from, in order.

    Attributes
    ----------
    name : str
        What people call it.
    """

    name: str

    def receive(self, most: int, wait: float, gather: float) -> list[Message] | None:
        """The next messages: what is there, without waiting for more.

        Parameters
        ----------
        most : int
        wait : float
            Seconds to wait for the first one.
        gather : float
            Seconds in which to take more, as long as more are there.

        Returns
        -------
        list of Message or None
            Empty if none came meanwhile, or something else wants attention; None at the end.
        """

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that they are answered, and need never come again."""

    def stop(self) -> None:
        """Receive nothing more than what was read already."""

    def close(self) -> None:
        """Let go of it; what was not acknowledged comes again, where the source can do that."""


class Lagging(Protocol):
    """A source that knows how much waits there."""

    def lag(self) -> int | None:
        """Messages that were not received yet by anybody of its group; None if that is not known."""


class Sink(Protocol):
    """Where answers go.

    Attributes
    ----------
    name : str
        What people call it.
    """

    name: str

    def send(self, values: Sequence[bytes], messages: Sequence[Message]) -> None:
        """Send answers; they have arrived when this returns.

        Parameters
        ----------
        values : sequence of bytes
        messages : sequence of Message
            What each of them answers: keys and headers go with it.
        """

    def close(self) -> None:
        """Let go of it."""


class DeadLetters(Protocol):
    """Where messages go that cannot be answered, as they came.

    Attributes
    ----------
    name : str
        What people call it.
    """

    name: str

    def bury(self, message: Message, code: str, said: str) -> None:
        """Keep a message, and why it is here."""

    def close(self) -> None:
        """Let go of it."""
