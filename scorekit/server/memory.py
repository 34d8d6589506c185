"""Memory of a worker: what one thread gave back is used by others."""

from __future__ import annotations

import ctypes
from contextlib import suppress

ARENAS = 2
_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


def share_arenas() -> None:
    """Have all threads of this process take memory from a few places.

    glibc gives threads arenas of their own, up to eight for each core, and each keeps what was given back
    to it: a tenth of what a worker holds, for threads that mostly wait.
    """
    with suppress(AttributeError, OSError):  # another C library, which has no such thing
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)
