"""The models that are served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from scorekit.errors import ModelNotFound, ScorekitError, UsageError
from scorekit.server.served import Means, Served
from scorekit.store.aliases import CHAMPION
from scorekit.store.references import parse

MOST = 32
"""Models and versions that are held at a time; what was not asked for the longest makes way."""


class Fleet:
    """Loads models as they are asked for, and holds them.

    Parameters
    ----------
    means : Means
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._named = means.settings.models
        self._served: dict[str, Served] = {}
        self._aliases: dict[str, str] = {}
        self._first: set[str] = set()
        self._loading = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._served.values()))

    async def start(self) -> None:
        """Load what is named, or the champion of every model there is.

        Raises
        ------
        ScorekitError
            If one of them cannot be loaded.
        """
        named: Sequence[str] = self._named or await asyncio.to_thread(self._means.store.names)
        for reference in named:
            self._first.add((await self.of(reference)).reference)

    async def of(self, reference: str | None) -> Served:
        """What a reference means.

        Parameters
        ----------
        reference : str or None
            ``name``, ``name:version`` or ``name@alias``; None where the service began with one.

        Raises
        ------
        ModelNotFound
            If there is no such model, version or alias, or it is not served here.
        UsageError
            If it is no reference, or None and several are served.
        """
        key = self._aliases.get(reference) if reference is not None else self._only()
        if key is None:
            assert reference is not None  # noqa: S101 - where there is none, the only one has a key
            key = canonical(reference)
        served = self._served.get(key)
        if served is None:
            served = await self._load(key)
        served.used = time.monotonic()
        return served

    def of_model(self, name: str) -> Served | None:
        """What is served of a model, its champion before others."""
        found = [served for served in self if served.lane.manifest.name == name]
        return min(found, key=lambda served: served.reference != canonical(name), default=None)

    def _only(self) -> str:
        # what somebody else has asked for since the start makes nothing ambiguous
        candidates = self._first or self._served.keys()
        if len(candidates) == 1:
            return next(iter(candidates))
        known = ", ".join(sorted(candidates)) or "none yet"
        raise UsageError(f"model should name one of those that are served: {known}", code="which_model")

    async def _load(self, key: str) -> Served:
        async with self._loading:
            if key in self._served:
                return self._served[key]
            self._refuse_others(key)
            served = await asyncio.to_thread(self._made, key)
            await served.start()
            self._make_room()
            self._served[key] = served
            name, version, alias = parse(key)
            for written in (key, name) if version is None and alias == CHAMPION else (key,):
                self._aliases[written] = key
            return served

    def _refuse_others(self, key: str) -> None:
        if not self._named or key in {canonical(reference) for reference in self._named}:
            return
        # the version that an alias stands at has been told, and may be asked for by its number
        if key not in {str(served.lane.ref) for served in self}:
            raise ModelNotFound(f"{key} is not served here", code="not_served")

    def _made(self, key: str) -> Served:
        return Served(key, self._means.store.resolve(key), self._means)

    def _make_room(self) -> None:
        while len(self._served) >= max(MOST, len(self._named)):
            oldest = min(self._served.values(), key=lambda served: served.used)
            del self._served[oldest.reference]
            self._aliases = {name: key for name, key in self._aliases.items() if key != oldest.reference}
            closing = asyncio.create_task(
                oldest.close()
            )  # which waits for its requests; nobody waits for that
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Judge what is left, and let go of everything."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        for result in await asyncio.gather(*(served.close() for served in self), return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, ScorekitError):
                raise result


def canonical(reference: str) -> str:
    """A reference as it is kept: ``name:version`` or ``name@alias``."""
    name, version, alias = parse(reference)
    return f"{name}:{version}" if version is not None else f"{name}@{alias}"
