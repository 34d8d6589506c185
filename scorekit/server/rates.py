"""How often somebody may call."""

from __future__ import annotations

import math
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from scorekit.errors import Refused, UsageError


class Rates:
    """Counts the requests of each caller in this worker.

    Parameters
    ----------
    rate : str or None
        Such as ``100/second`` or ``5000/hour``; None lets everybody call as often as they like.

    Raises
    ------
    UsageError
        If it is no rate.
    """

    def __init__(self, rate: str | None) -> None:
        self._rate = None
        if rate is not None:
            try:
                self._rate = parse(rate)
            except ValueError:
                raise UsageError(
                    f"--rate-limit takes a rate, not {rate!r}", hint="write it as 100/second"
                ) from None
            self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, caller: str) -> None:
        """Count a request.

        Raises
        ------
        Refused
            If it is one too many.
        """
        if self._rate is None or self._limiter.hit(self._rate, caller):
            return
        reset, _ = self._limiter.get_window_stats(self._rate, caller)
        after = max(1, math.ceil(reset - time.time()))
        raise Refused("too many requests", retry_after=after, code="too_many_requests")
