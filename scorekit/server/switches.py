"""The kill switch as requests ask for it: read beside them, and never believed for longer than a second."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor
from contextlib import suppress

from scorekit.errors import ScorekitError, Unreachable
from scorekit.gate import Gate
from scorekit.quality.switch import SwitchState

EVERY = 0.25
"""Seconds between two looks."""
BELIEVED = 0.9
"""Seconds for which a look is believed; the rest of the second is for the answer to leave."""
PATIENCE = 2.0
"""Seconds that a request waits for a look, where the last is too old."""


class SwitchWatch:
    """Looks at the switch of one model.

    Parameters
    ----------
    gate : Gate
    thread : Executor
        Reads the switches and nothing else: what is slow beside them would make them unknown.
    """

    def __init__(self, gate: Gate, thread: Executor) -> None:
        self._gate = gate
        self._thread = thread
        self._state: SwitchState | None = None
        self._seen = -BELIEVED
        self._looked = asyncio.Condition()

    def saw(self, state: SwitchState | None, at: float) -> None:
        """Take in how it stands, as it was asked for at a time of the monotonic clock."""
        if at >= self._seen:
            self._state, self._seen = state, at

    def follow(self, gate: Gate) -> None:
        """Look by the gate of another version."""
        self._gate = gate

    async def look(self) -> None:
        """Read it; where that fails, what was read before grows old."""
        asked = time.monotonic()
        loop = asyncio.get_running_loop()
        with suppress(ScorekitError):
            self.saw(await loop.run_in_executor(self._thread, self._gate.read_switch), asked)
        async with self._looked:
            self._looked.notify_all()

    @property
    def known(self) -> bool:
        """Whether it was read so lately that it is believed."""
        return time.monotonic() - self._seen < BELIEVED

    @property
    def closed(self) -> bool:
        """Whether answers may leave, as far as is known."""
        return self.known and self._gate.refused_by(self._state) is None

    async def check(self) -> None:
        """Refuse to answer while the switch is not closed, or nobody can say.

        Raises
        ------
        SwitchOpen
        Unreachable
            If it could not be read for too long: it counts as open.
        """
        await self.read()
        refusal = self._gate.refused_by(self._state)
        if refusal is not None:
            raise refusal

    async def read(self) -> None:
        """Wait until it was read so lately that it is believed.

        Raises
        ------
        Unreachable
            If it cannot be read for too long.
        """
        if self.known:
            return
        try:
            async with asyncio.timeout(PATIENCE), self._looked:
                await self._looked.wait_for(lambda: self.known)
        except TimeoutError:
            raise Unreachable(
                "the kill switch cannot be read, and counts as open", code="state_unreachable"
            ) from None
