"""Checks as another package would bring them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scorekit.quality.checks import Evidence
from scorekit.quality.verdict import Finding


class Weekend:
    """Finds what it is told to find."""

    id = "shop.weekend"
    action = "window"

    def check(self, evidence: Evidence) -> Iterable[Finding]:
        yield Finding(self.id, "alarm", "it is a weekend", value=np.float32(evidence.window.rows))  # type: ignore[arg-type]


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
