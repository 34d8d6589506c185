"""What a command said, and how stores are harmed or filled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scorekit.store.versions import Store
from tests.store import example

Models = Callable[..., "Said"]


class Said:
    """Exit code of a command, and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.out.splitlines()
        found: dict[str, Any] = json.loads(line)
        assert found.pop("format_version") == 1
        return found


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def flip(file: Path, place: int = -3) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def many(folder: Path, count: int, name: str = "bank", **changes: Any) -> Store:
    """A store with more versions than a screen has lines, of a few bytes each."""
    made = Store.open(str(folder))
    for number in range(count):
        made.publish(example.manifest(name, **changes), example.files(str(number)), by="tests")
    return made
