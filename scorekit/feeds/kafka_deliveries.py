"""How often messages of Kafka were handed out and never answered, which no broker counts.

The group counts it: beside the offset that it committed, a reader writes how often somebody
began there, and up to where messages were handed out. Whoever answers them commits a later
offset, and the count is gone. After some of these the messages in doubt come one by one, so
that the one which ends its readers is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scorekit.feeds.letters import ALONE_AFTER

_MARK = "scorekit"


class Doubt(NamedTuple):
    """What earlier readers left of a partition.

    Attributes
    ----------
    times : int
        How often somebody began at the committed offset, and did not come further.
    end : int
        The offset after the last message that was handed out then.
    """

    times: int = 0
    end: int = 0

    @classmethod
    def read(cls, metadata: str | None) -> Doubt:
        """What stands beside a committed offset; none, where others wrote it.

        Examples
        --------
        >>> Doubt.read(Doubt(3, 17).written), Doubt.read("somebody else's")
        (Doubt(times=3, end=17), Doubt(times=0, end=0))
        """
        mark, *numbers = (metadata or "").split(" ")
        if mark != _MARK or len(numbers) != len(cls._fields) or not all(map(str.isdecimal, numbers)):
            return cls()
        return cls(*map(int, numbers))

    @property
    def written(self) -> str:
        """As it stands beside a committed offset."""
        return f"{_MARK} {self.times} {self.end}"


class Deliveries:
    """Counts for one reader, of the partitions it has.

    Attributes
    ----------
    unwritten : set of int
        Partitions of which it is to be written down that messages are handed out.
    """

    def __init__(self) -> None:
        self.unwritten: set[int] = set()
        self._doubts: dict[int, Doubt] = {}

    @property
    def doubtful(self) -> bool:
        """Whether any message was handed out before."""
        return any(doubt.times for doubt in self._doubts.values())

    def begin(self, partition: int, metadata: str | None) -> None:
        """A partition is read from its committed offset on."""
        self._doubts[partition] = Doubt.read(metadata)
        self.unwritten.add(partition)

    def knows(self, partition: int) -> bool:
        """Whether it has begun."""
        return partition in self._doubts

    def forget(self, partition: int) -> None:
        """Another reader has it."""
        self._doubts.pop(partition, None)
        self.unwritten.discard(partition)

    def before(self, partition: int, offset: int) -> int:
        """How often a message was handed out and not answered, as far as that is known."""
        doubt = self._doubts[partition]
        return doubt.times if offset < doubt.end else 0

    def alone(self, partition: int, offset: int) -> bool:
        """Whether a message comes alone, so that one which ends its reader takes no other along."""
        return self.before(partition, offset) > ALONE_AFTER

    def hand_out(self, ends: Mapping[int, int]) -> dict[int, str]:
        """What to write beside the committed offset of partitions, of which messages are handed out.

        Parameters
        ----------
        ends : mapping of int to int
            The offset after the last of them, for each partition.
        """
        found = {}
        for partition in self.unwritten.intersection(ends):
            times, end = self._doubts[partition]
            found[partition] = Doubt(times + 1, max(end, ends[partition])).written
        self.unwritten.difference_update(found)
        return found

    def pass_on(self, partition: int, offset: int) -> str:
        """What to write beside an offset to commit: those behind it were never handed out alone."""
        doubt = self._doubts.get(partition, Doubt())
        if offset >= doubt.end:
            self._doubts[partition] = Doubt()
            return ""
        self._doubts[partition] = Doubt(min(doubt.times, ALONE_AFTER + 1), doubt.end)
        self.unwritten.add(partition)
        return self._doubts[partition].written
