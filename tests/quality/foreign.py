"""Checks as another package would bring them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scorekit.quality.checks import Evidence
from scorekit.quality.judging import ENTRY_POINTS
from scorekit.quality.verdict import Finding


def bring(check: str, folder: Path, name: str = "shop.weekend") -> None:
    """Make a folder a distribution that brings a check of this module."""
    about = folder / "shop-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{name} = {__name__}:{check}\n")


class Weekend:
    """Finds what it is told to find."""

    id = "shop.weekend"
    action = "window"

    def check(self, evidence: Evidence) -> Iterable[Finding]:
        yield Finding(self.id, "alarm", "it is a weekend", value=np.float32(evidence.window.rows))  # type: ignore[arg-type]


class Stops(Weekend):
    action = "fail"


class Raises(Weekend):
    def check(self, evidence: Evidence) -> Iterable[Finding]:
        raise ZeroDivisionError(evidence)


class RaisesLate(Weekend):
    def check(self, evidence: Evidence) -> Iterator[Finding]:
        yield Finding(self.id, "ok", "so far")
        raise KeyError(evidence)


class FindsNothing(Weekend):
    def check(self, evidence: Evidence) -> Any:
        return None


class FindsNonsense(Weekend):
    def check(self, evidence: Evidence) -> Any:
        return [{"state": "alarm"}]


class FindsAnotherState(Weekend):
    def check(self, evidence: Evidence) -> Any:
        return [Finding(self.id, "dreadful", "what is that")]  # type: ignore[arg-type]


class Renamed(Weekend):
    id = "shop.sunday"


class Acts(Weekend):
    action = "explode"


class CannotBeMade(Weekend):
    def __init__(self) -> None:
        raise OSError("no network")


class HasNoId:
    pass
