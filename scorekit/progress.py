"""How long work tells of itself, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listener to long work. A terminal draws bars; ``Silent`` does nothing.

    Attributes
    ----------
    drawn : bool
        Whether somebody looks, so that it is worth finding out how much there is to do.
    """

    drawn: bool

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Begin a stage of ``total`` units; ends the one before."""

    def advance(self, amount: int = 1) -> None:
        """So many units of this stage are done."""

    def note(self, text: str) -> None:
        """Say something worth knowing that is no error."""


class Silent:
    """A listener that does not."""

    drawn = False

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Begin a stage."""

    def advance(self, amount: int = 1) -> None:
        """Count."""

    def note(self, text: str) -> None:
        """Say something."""
