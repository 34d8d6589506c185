"""The ends of a stream: pipes and files as they are named, brokers by their addresses."""

from __future__ import annotations

from scorekit.feeds import DeadLetters, Sink, Source
from scorekit.feeds.pipe import open_sink
from scorekit.feeds.retrying import Patience
from scorekit.progress import Progress
from scorekit.stream.stopping import Stopping


def is_broker(place: str | None) -> bool:
    """Whether a place is the address of a broker."""
    return place is not None and "://" in place


def shown(place: str) -> str:
    """A place as people and the record may see it: without what may be a secret."""
    if not is_broker(place):
        return place
    from scorekit.feeds.uris import parse

    return parse(place).shown


class Ends:
    """Opens the ends of a stream.

    Parameters
    ----------
    stopping : Stopping
        What ends the patience with a broker that does not answer.
    progress : Progress
        Hears when a broker is tried again.
    """

    def __init__(self, stopping: Stopping, progress: Progress) -> None:
        self._patience = Patience(wake=stopping.wake, note=progress.note)

    def source(self, place: str, batch_size: int, grave: DeadLetters | None) -> Source:
        """The messages of a broker.

        Raises
        ------
        UsageError
            If the address cannot be read, or what speaks to the broker is not installed.
        Unreachable
            If it does not answer.
        """
        from scorekit.feeds.uris import connect

        return connect(place, self._patience).source(batch_size, grave)

    def sink(self, place: str) -> Sink:
        """Where answers go; see ``source`` for what it may raise."""
        if not is_broker(place):
            return open_sink(place)
        from scorekit.feeds.uris import connect

        return connect(place, self._patience).sink()

    def dead_letters(self, place: str) -> DeadLetters:
        """Where messages of a broker go that cannot be answered."""
        from scorekit.feeds.uris import connect

        return connect(place, self._patience).dead_letters()
