"""A question to the database that many ask at a time, and whose answer may not come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from scorekit.errors import Unreachable

Answer = TypeVar("Answer")

PATIENCE = 2.0
"""Seconds that somebody waits for an answer."""


class Asked(Generic[Answer]):
    """Asks by one thread at a time: whoever comes meanwhile waits for the same answer.

    A database that hangs would otherwise keep a thread for everybody who asks, until there is none left.

    Parameters
    ----------
    question : callable
        May block; may raise ``ScorekitError``.
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._asking: asyncio.Task[Answer] | None = None

    async def answer(self) -> Answer:
        """What it gives.

        Raises
        ------
        ScorekitError
            As the question raised it.
        Unreachable
            If there is no answer for too long.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(self._question))
            self._asking.add_done_callback(_seen)
        asking = self._asking
        await asyncio.wait({asking}, timeout=PATIENCE)
        if not asking.done():
            raise Unreachable("the state database does not answer", code="state_unreachable")
        return asking.result()


def _seen(asking: asyncio.Task[Any]) -> None:
    """Let nobody complain of a failure that nobody waited for any more."""
    if not asking.cancelled():
        asking.exception()
