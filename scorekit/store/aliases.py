"""Aliases: names that point at versions, and who moved them, when and why.

An alias is one small object with its whole history; it only ever grows. Every entry
has an ``id``, so that a move whose answer was lost on the way is not made twice.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from scorekit.errors import ModelError
from scorekit.formats import Kept, Record

CHAMPION = "champion"
"""The alias a bare model name means."""

FORMAT_VERSION = 1


class AliasEntry(Record, frozen=True, kw_only=True):
    """One move of an alias.

    Attributes
    ----------
    at : str
        ISO 8601, UTC.
    by, why : str
    from_version : int or None
        None when the alias was new.
    to_version : int
    """

    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    at: str
    by: str
    from_version: int | None = msgspec.field(name="from")
    to_version: int = msgspec.field(name="to")
    why: str = ""


class AliasRecord(Kept, frozen=True, kw_only=True):
    """Where an alias points, and every move it made, oldest first."""

    NEWEST = FORMAT_VERSION
    KIND = "an alias"
    MEND = "promote a version to mend it"

    format_version: int = FORMAT_VERSION
    version: int
    history: tuple[AliasEntry, ...] = ()

    def moved(self, entry: AliasEntry) -> AliasRecord:
        """The record after a move; the entry's ``from`` is where the alias points now."""
        if any(past.id == entry.id for past in self.history):
            return self
        entry = replace(entry, from_version=self.version)
        return replace(self, version=entry.to_version, history=(*self.history, entry))

    def previous(self) -> int | None:
        """The version it pointed at before this one."""
        trail = [entry.from_version for entry in self.history[:1]] + [
            entry.to_version for entry in self.history
        ]
        return next((past for past in reversed(trail) if past is not None and past != self.version), None)


def entry(to_version: int, *, by: str, why: str, name: str | None = None) -> AliasEntry:
    """A move to be made now; ``name`` makes it one that may have been made before."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    named = name or uuid.uuid4().hex
    return AliasEntry(id=named, at=now, by=by, from_version=None, to_version=to_version, why=why)


def new(move: AliasEntry) -> AliasRecord:
    """The record of an alias that was not there before."""
    return AliasRecord(version=move.to_version, history=(move,))


def rolled_back(record: AliasRecord, move: AliasEntry, source: str) -> AliasRecord:
    """The record after pointing back at what it pointed at before.

    Raises
    ------
    ModelError
        If it never pointed at anything else.
    """
    previous = record.previous()
    if previous is None:
        raise ModelError(
            f"{source} has pointed at version {record.version} only: nothing to roll back to",
            hint="move it with `scorekit models promote`",
            code="no_previous_version",
        )
    return record.moved(replace(move, to_version=previous))
