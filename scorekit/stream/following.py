"""Following an alias: when it moves, the next version is made ready beside the stream, which goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from scorekit.errors import ScorekitError, Unreachable
from scorekit.store.references import Ref
from scorekit.stream.journal import Journal
from scorekit.stream.road import Road

EVERY = 1.0
"""Seconds between two looks at the alias."""


class Following:
    """Looks where a reference points, and makes ready what it points at.

    A version that cannot be used changes nothing but what is said; it is tried again when
    the alias has moved on.

    Parameters
    ----------
    current : Ref
        The version that scores now.
    resolve : callable
        Gives the version the reference means; may raise ``ScorekitError``.
    prepare : callable
        Loads, verifies and warms a version; may raise ``ScorekitError``.
    every : float
        Seconds between two looks.
    """

    def __init__(
        self,
        current: Ref,
        resolve: Callable[[], Ref],
        prepare: Callable[[Ref], Road],
        *,
        every: float = EVERY,
    ) -> None:
        self._seen = current
        self._scoring = current
        self._resolve = resolve
        self._prepare = prepare
        self._every = every
        self._lock = threading.Lock()
        self._ready: Road | None = None
        self._said: list[str] = []
        self._unreachable = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._thread.start()

    def taken(self, journal: Journal) -> Road | None:
        """The next version, once, if one is ready; says what went wrong meanwhile."""
        with self._lock:
            road, self._ready = self._ready, None
            said, self._said = self._said, []
        for text in said:
            journal.note("follow", text)
        return road

    def _follow(self) -> None:
        while not self._ended.wait(self._every):
            self._look()

    def _look(self) -> None:
        try:
            found = self._resolve()
            self._unreachable = False
        except ScorekitError as error:
            # said once: it may last
            if not self._unreachable:
                self._say(f"the alias cannot be read: {error.message}")
            self._unreachable = True
            return
        if found != self._seen:
            self._make_ready(found)

    def _make_ready(self, ref: Ref) -> None:
        try:
            road = self._prepare(ref) if ref != self._scoring else None
        except Unreachable as error:
            self._say(f"{ref} cannot be loaded now: {error.message}; it is tried again")
            return
        except ScorekitError as error:
            self._seen = ref
            self._say(f"{ref} cannot be used: {error.message}; going on with {self._scoring}")
            return
        self._seen = ref
        with self._lock:
            # one that was made ready and never taken is not wanted any more
            self._ready = road
            self._scoring = ref

    def _say(self, text: str) -> None:
        with self._lock:
            self._said.append(text)

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(timeout=1.0)
