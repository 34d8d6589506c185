"""Trying again: longer and longer apart, never in step with others, and not for ever.

What may pass is raised as ``Trouble``; what will not, such as a wrong password, as the
error a user meets, which ends the trying at once.
"""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from scorekit.errors import Unreachable

T = TypeVar("T")

LIMIT = 120.0
"""Seconds without success, after which nothing is tried any more."""
FIRST = 0.1
LONGEST = 10.0
"""Seconds of the first and of the longest pause."""
GRACE = 5.0
"""Seconds that are left once somebody asked to stop."""
TOLD_AFTER = 1.0
"""Seconds of trouble after which a person hears of it."""


class Trouble(Exception):
    """What may pass: a connection was lost, a server is starting, a queue is full.

    Parameters
    ----------
    said : str
        What is the matter, without any secret.
    hint : str, optional
        What to do should it not pass.
    """

    def __init__(self, said: str, *, hint: str | None = None) -> None:
        super().__init__(said)
        self.said = said
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody tries again.

    Attributes
    ----------
    limit : float
        Seconds without success.
    wake : int or None
        A descriptor that can be read once somebody asked to stop; little patience is left then.
    note : callable or None
        Hears what a person should know.
    allowed : callable or None
        Asked before every attempt, and while one waits for its confirmation; raises where nothing more
        may be sent.
    """

    limit: float = LIMIT
    wake: int | None = None
    note: Callable[[str], None] | None = None
    allowed: Callable[[], None] | None = None

    def ask(self) -> None:
        """Raise where nothing more may be sent."""
        if self.allowed is not None:
            self.allowed()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self.wake is not None and _readable(self.wake, 0)

    def keep_trying(self, name: str, attempt: Callable[[], T]) -> T:
        """What an attempt returns, once one succeeds.

        Parameters
        ----------
        name : str
            What is named in messages.
        attempt : callable
            Raises ``Trouble`` when it should be tried again, from the beginning.

        Raises
        ------
        Unreachable
            If the trouble lasts longer than the limit.
        """
        self.ask()
        try:
            return attempt()
        except Trouble as trouble:
            return self._try_again(name, attempt, trouble)

    def make_ready(self, name: str, attempt: Callable[[], object]) -> None:
        """Try until an attempt succeeds, or somebody asks to stop: nothing is in hand that needs it.

        Parameters
        ----------
        name : str
            What is named in messages.
        attempt : callable
            As of ``keep_trying``.

        Raises
        ------
        Unreachable
            If the trouble lasts longer than the limit.
        """

        def unless_stopping() -> None:
            if not self.stopping:
                attempt()

        self.keep_trying(name, unless_stopping)

    def _try_again(self, name: str, attempt: Callable[[], T], trouble: Trouble) -> T:
        began, told = time.monotonic(), False
        for pause in pauses():
            self._wait(pause, name, began, trouble)
            self.ask()
            try:
                found = attempt()
            except Trouble as latest:
                trouble = latest
            else:
                if told and not self.stopping:
                    self._tell(f"{name}: it goes on")
                return found
            if not told and time.monotonic() - began > TOLD_AFTER:
                told = True
                self._tell(f"{name}: {trouble.said}; trying again for {self.limit:g} s")
        raise AssertionError("pauses have no end")

    def _wait(self, pause: float, name: str, began: float, trouble: Trouble) -> None:
        """Wait as long as allowed, which is less once somebody asked to stop."""
        left = began + self.limit - time.monotonic()
        if left <= 0:
            raise _given_up(name, f"tried for {self.limit:g} s", trouble)
        if not self.stopping:
            if self.wake is None:
                time.sleep(min(pause, left))
            else:
                _readable(self.wake, min(pause, left))
            return
        left = min(left, began + GRACE - time.monotonic())
        if left <= 0:
            raise _given_up(name, "asked to stop meanwhile", trouble)
        time.sleep(min(pause, left))

    def _tell(self, text: str) -> None:
        if self.note is not None:
            self.note(text)


def pauses() -> Iterator[float]:
    """Seconds to wait before each further attempt, without end.

    Each is drawn anew between half of twice the one before and all of it, so that those who
    lost the same server do not come back in step.

    Yields
    ------
    float
    """
    longest = FIRST
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        longest = min(2 * longest, LONGEST)


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _given_up(name: str, how_long: str, trouble: Trouble) -> Unreachable:
    return Unreachable(f"{name} cannot be reached: {trouble.said} ({how_long})", hint=trouble.hint)
