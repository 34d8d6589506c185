"""Processes of their own for large requests, so that they hold up no others.

Reading a large body keeps the interpreter busy for longer than a small request may take,
and a file is scored by as many cores as there are. What is scored here is counted where the
request came in: counts add up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from scorekit.errors import Refused, ScorekitError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

Answer = TypeVar("Answer")

_SPAWN = multiprocessing.get_context("spawn")
"""A fork would share locks that other threads hold."""


class Porter:
    """A process that does one thing at a time."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None

    def do(self, work: Callable[..., Any], *given: Any) -> Any:
        """Have something done; blocks until it is.

        Raises
        ------
        ScorekitError
            As the work raised it, or because the process ended.
        """
        line = self._connected()
        try:
            line.send((work, given))
            done, result = line.recv()
        except (EOFError, OSError):
            self.stop()
            raise Refused("the request was interrupted; send it again", code="interrupted") from None
        if not done:
            raise result
        return result

    def _connected(self) -> Connection:
        if self._line is None or self._process is None or not self._process.is_alive():
            self.stop()
            self._line, theirs = _SPAWN.Pipe()
            self._process = _SPAWN.Process(target=_serve, args=(theirs,), name="scorekit-heavy", daemon=True)
            self._process.start()
            theirs.close()
        return self._line

    def kill(self) -> None:
        """End what it does; whoever waits for it is told, and clears away."""
        process = self._process
        if process is not None and process.is_alive():
            process.kill()

    def stop(self) -> None:
        """End it, and let go of it."""
        process, self._process = self._process, None
        line, self._line = self._line, None
        if process is not None:
            process.kill()
            process.join()
        if line is not None:
            line.close()


def _serve(line: Connection) -> None:
    """What the process does."""
    import signal

    # the one who asked is told to stop, and stops this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            work, given = line.recv()
            line.send(_done(work, given))


def _done(work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, work(*given)
    except ScorekitError as error:
        error.result = None
        return False, error
    except Exception as error:  # noqa: BLE001 - it is told, not lost; its text may hold data
        return False, ScorekitError(f"a request failed in a way it should not: {type(error).__name__}")


class Hand:
    """A process that is held.

    Parameters
    ----------
    porter : Porter
    """

    def __init__(self, porter: Porter) -> None:
        self._porter = porter

    async def do(self, work: Callable[..., Answer], *given: Any) -> Answer:
        """Have something done; a request that is given up ends its process.

        Raises
        ------
        ScorekitError
            As the work raised it.
        """
        doing = asyncio.ensure_future(asyncio.to_thread(self._porter.do, work, *given))
        try:
            result: Answer = await asyncio.shield(doing)
        except asyncio.CancelledError:
            while not doing.done():  # it may only be about to start its process
                self._porter.kill()
                await asyncio.wait([doing], timeout=0.1)
            raise
        return result


class Heavy:
    """A few of these processes, begun when they are needed.

    Parameters
    ----------
    count : int
    """

    def __init__(self, count: int = 2) -> None:
        self._idle: asyncio.Queue[Porter] = asyncio.Queue()
        self._all = [Porter() for _ in range(count)]
        for porter in self._all:
            self._idle.put_nowait(porter)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Hand]:
        """One of them, for as long as it is needed; waits for one that is idle."""
        porter = await self._idle.get()
        try:
            yield Hand(porter)
        finally:
            self._idle.put_nowait(porter)

    def close(self) -> None:
        """End all of them."""
        for porter in self._all:
            porter.stop()
