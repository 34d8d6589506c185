"""Which data a client may name: places that whoever runs the service has listed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scorekit.errors import NotAllowed, UsageError
from scorekit.tables import sources

_S3 = "s3://"


@dataclass(frozen=True, slots=True)
class AllowedPlaces:
    """Folders, files and ``s3://`` prefixes that clients may name, and what lies below them.

    Attributes
    ----------
    places : tuple of str
        Nothing is allowed where there are none.

    Examples
    --------
    >>> AllowedPlaces(("s3://rows/daily",)).check("s3://rows/daily/monday.parquet")
    >>> AllowedPlaces(("s3://rows/daily",)).check("s3://rows/dailyother/monday.parquet")
    Traceback (most recent call last):
        ...
    scorekit.errors.NotAllowed: clients may not name this place to train from
    """

    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for place in self.places:
            if not place.startswith(_S3) and not Path(place).is_absolute():
                raise UsageError(
                    f"not a place that can be allowed: {place}",
                    hint="write an absolute path, or s3://bucket/prefix",
                )

    def check(self, uri: str) -> None:
        """Refuse a place that is not on the list, whether or not there is anything.

        Raises
        ------
        NotAllowed
        """
        allowed = self._remote if uri.startswith(_S3) else self._local
        if not allowed(uri):
            raise NotAllowed(
                "clients may not name this place to train from",
                hint="whoever runs the service lists places with --train-from; data can be uploaded instead",
                code="data_not_allowed",
            )

    def inputs(self, uris: Sequence[str], file_format: str | None = None) -> list[str]:
        """The files that allowed places hold, each of them allowed itself: a link may lead out of a folder.

        Raises
        ------
        NotAllowed
        UsageError, Unreachable
            As ``tables.sources.find`` has them.
        """
        for uri in uris:
            self.check(uri)
        found = sources.find(uris, format=file_format)
        for source in found:
            self.check(source.name)
        return [os.path.realpath(source.uri) if source.local else source.uri for source in found]

    def _local(self, path: str) -> bool:
        if not Path(path).is_absolute() or "\0" in path:
            return False
        real = Path(os.path.realpath(path))
        places = (place for place in self.places if not place.startswith(_S3))
        return any(real.is_relative_to(os.path.realpath(place)) for place in places)

    def _remote(self, uri: str) -> bool:
        parts = uri.removeprefix(_S3).rstrip("/").split("/")
        if any(part in ("", ".", "..") or "%" in part for part in parts):
            return False
        places = [place.rstrip("/") for place in self.places if place.startswith(_S3)]
        return any(uri == place or uri.startswith(f"{place}/") for place in places)
