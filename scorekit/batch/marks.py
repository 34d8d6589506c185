"""What made a file, as an attribute of the file: CSV and JSON lines have no place of their own for it.

Where the file system keeps no attributes, nothing is kept, and a finished output is not
told from anything else that stands there.
"""

from __future__ import annotations

import os
from contextlib import suppress

from scorekit.tables.parts import identity

ATTRIBUTE = "user.scorekit.run_key"


def mark(target: str, key: str) -> None:
    """Keep beside a local file by which run it was made."""
    if "://" not in target and hasattr(os, "setxattr"):
        with suppress(OSError):
            os.setxattr(target, ATTRIBUTE, f"{key} {identity(target)}".encode())


def mark_of(target: str) -> str | None:
    """By which run a local file was made, as far as it says so and is as it was left."""
    if "://" in target or not hasattr(os, "getxattr"):
        return None
    try:
        key, _, left = os.getxattr(target, ATTRIBUTE).decode().partition(" ")
    except OSError:
        return None
    return key if left == identity(target) else None
