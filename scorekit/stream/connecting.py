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
from scorekit.progress import Progress
from scorekit.stream.stopping import Stopping


def shown(place: str) -> str:
    """A place as people and the record may see it: without what may be a secret."""
    return parse(place).shown if is_address(place) else place


def refuse_circle(source: str, *others: str | None) -> None:
    """Refuse a stream that would answer its own answers without end.

    Raises
    ------
    UsageError
        If one of the others is the source.
    """
    for other in others:
        if other is not None and _same(source, other):
            raise UsageError(
                f"{shown(other)} is where the stream comes from: it would answer its own answers",
                hint="name another with --sink or --dead-letter",
            )


def _same(source: str, other: str) -> bool:
    if is_address(source) or is_address(other):
        return is_address(source) and is_address(other) and shown(source) == shown(other)
    try:
        ends = (_status(source, 0), _status(other, 1))
    except OSError:
        return False
    return all(stat.S_ISREG(end.st_mode) for end in ends) and os.path.samestat(*ends)


def _status(place: str, standard: int) -> os.stat_result:
    return os.fstat(standard) if place == STANDARD else Path(place).stat()


class Ends:
    """Opens the ends of a stream.

    Parameters
    ----------
    stopping : Stopping
        What ends the patience with a broker that does not answer.
    progress : Progress
        Hears when a broker is tried again.
    allowed : callable
        Raises where nothing more may be sent.
    """

    def __init__(self, stopping: Stopping, progress: Progress, allowed: Callable[[], None]) -> None:
        self._patience = Patience(wake=stopping.wake, note=progress.note)
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
