"""The ends of a stream: pipes and files as they are named, brokers by their addresses."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scorekit.errors import UsageError
from scorekit.feeds import DeadLetters, Sink, Source
from scorekit.feeds.pipe import STANDARD, open_sink
from scorekit.feeds.retrying import Patience
from scorekit.feeds.uris import connect, is_address, parse
from scorekit.stream.stopping import Stopping


def shown(place: str) -> str:
    """A place as people and the record may see it: without what may be a secret."""
    return parse(place).shown if is_address(place) else place


def called(place: str, standard: str = "standard output") -> str:
    """A place as a sentence has it."""
    return standard if place == STANDARD else shown(place)


def refuse_circle(source: str, sink: str, dead_letter: str | None) -> None:
    """Refuse a stream that would answer its own answers without end, or mix them with what has none.

    Raises
    ------
    UsageError
        If two of the places are the same.
    """
    for other in (sink, dead_letter):
        if other is not None and _same(source, other):
            raise UsageError(
                f"{called(other)} is where the stream comes from: it would answer its own answers",
                hint="name another with --sink or --dead-letter",
            )
    if dead_letter is not None and _same(dead_letter, sink):
        raise UsageError(
            f"{called(sink)} is where answers go: lines without a score would stand among them",
            hint="name another with --dead-letter",
        )


def _same(first: str, other: str) -> bool:
    if is_address(first) or is_address(other):
        return is_address(first) and is_address(other) and _where(first) == _where(other)
    try:
        ends = (_status(first, 0), _status(other, 1))
    except OSError:
        # one that is not there yet
        return STANDARD not in (first, other) and Path(first).resolve() == Path(other).resolve()
    return all(stat.S_ISREG(end.st_mode) for end in ends) and os.path.samestat(*ends)


def _where(place: str) -> tuple[str, int, str]:
    """An address, with the options that make two places of one name, as the brokers read them."""
    address = parse(place)
    return address.shown, address.count("db", 0), address.options.get("exchange", "")


def _status(place: str, standard: int) -> os.stat_result:
    return os.fstat(standard) if place == STANDARD else Path(place).stat()


class Ends:
    """Opens the ends of a stream.

    Parameters
    ----------
    stopping : Stopping
        What ends the patience with a broker that does not answer.
    note : callable
        Hears when a broker is tried again, and of messages that were put aside.
    allowed : callable
        Raises where nothing more may be sent.
    """

    def __init__(self, stopping: Stopping, note: Callable[[str], None], allowed: Callable[[], None]) -> None:
        self._patience = Patience(wake=stopping.wake, note=note)
        self._sending = replace(self._patience, allowed=allowed)

    def source(self, place: str, batch_size: int, grave: DeadLetters | None) -> Source:
        """The messages of a broker.

        Raises
        ------
        UsageError
            If the address cannot be read, or what speaks to the broker is not installed.
        Unreachable
            If it does not answer.
        """
        return connect(place, self._patience).source(batch_size, grave)

    def sink(self, place: str) -> Sink:
        """Where answers go; see ``source`` for what it may raise."""
        return connect(place, self._sending).sink() if is_address(place) else open_sink(place)

    def dead_letters(self, place: str) -> DeadLetters:
        """Where messages of a broker go that cannot be answered."""
        return connect(place, self._sending).dead_letters()
