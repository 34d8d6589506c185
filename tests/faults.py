"""Faults of the machine, brought on in a process before it starts."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Callable

_DROP_FROM_BOUNDING_SET = 24
_OVERRIDES = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what makes permissions mean nothing to root."""


def without_privileges() -> None:
    """Let the permissions of files hold, also where the tests are run by root."""
    if os.geteuid() != 0:
        return
    library = ctypes.CDLL(None)
    for capability in _OVERRIDES:
        if library.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0):
            raise PermissionError("root cannot give up its capabilities here")


def full_disk(size: int) -> Callable[[], None]:
    """Let no file grow beyond ``size`` bytes, as on a disk that is full: the write fails in the middle."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def closed(number: int) -> Callable[[], None]:
    """Close a standard stream."""
    return lambda: os.close(number)
