"""Following an alias: when it moves, the next version is made ready beside the stream, which goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from scorekit.errors import ScorekitError, Unreachable
from scorekit.store.references import Ref

EVERY = 1.0
"""Seconds between two looks at the alias."""

Ready = TypeVar("Ready")
"""A version that was loaded, verified and warmed, as whoever follows scores by it."""

Trouble = Ref | Literal["alias"]
"""What cannot be had for now: a version, or what the alias says."""


class Following(Generic[Ready]):
    """Looks where a reference points, and makes ready what it points at.

    A version that cannot be used changes nothing but what is said; it is tried again when
    the alias has moved on. One that cannot be loaded for now is tried again at every look.

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
        prepare: Callable[[Ref], Ready],
        *,
        every: float = EVERY,
    ) -> None:
        self._seen = current
        self._scoring = current
        self._resolve = resolve
        self._prepare = prepare
        self._every = every
        self._lock = threading.Lock()
        self._ready: Ready | None = None
        self._said: list[str] = []
        self._trouble: Trouble | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._thread.start()

    def taken(self, note: Callable[[str], None]) -> Ready | None:
        """The next version, once, if one is ready.

        Parameters
        ----------
        note : callable
            Hears what went wrong meanwhile.
        """
        with self._lock:
            ready, self._ready = self._ready, None
            said, self._said = self._said, []
        for text in said:
            note(text)
        return ready

    def _follow(self) -> None:
        while not self._ended.wait(self._every):
            self._look()

    def _look(self) -> None:
        try:
            found = self._resolve()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do better
            self._say_once("alias", f"the alias cannot be read: {_why(error)}")
            return
        if found == self._seen:
            self._trouble = None
        else:
            self._make_ready(found)

    def _make_ready(self, ref: Ref) -> None:
        try:
            ready = self._prepare(ref) if ref != self._scoring else None
        except Unreachable as error:
            self._say_once(ref, f"{ref} cannot be loaded now: {error.message}; it is tried again")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the version before goes on
            self._seen = ref
            self._say(f"{ref} cannot be used: {_why(error)}; going on with {self._scoring}")
            return
        self._seen, self._trouble = ref, None
        with self._lock:
            # one that was made ready and never taken is not wanted any more
            self._ready = ready
            self._scoring = ref

    def _say_once(self, about: Trouble, text: str) -> None:
        """Say what may last, and not again while it does."""
        if about != self._trouble:
            self._trouble = about
            self._say(text)

    def _say(self, text: str) -> None:
        with self._lock:
            self._said.append(text)

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(timeout=1.0)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, ScorekitError) else type(error).__name__
