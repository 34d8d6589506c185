"""What came of checking a version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scorekit.store.references import Ref
from scorekit.store.signatures import Signing

State = Literal["ok", "changed", "missing", "unexpected"]

STATES: dict[State, str] = {
    "ok": "holds",
    "changed": "was changed after it was published",
    "missing": "is missing",
    "unexpected": "is not a file of this version",
}


@dataclass(frozen=True, slots=True)
class FileCheck:
    """A file of a version, held against the manifest.

    Attributes
    ----------
    path : str
    state : {"ok", "changed", "missing", "unexpected"}
    size : int or None
        Bytes there are; None for a missing file.
    """

    path: str
    state: State
    size: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that can be checked of a version.

    Attributes
    ----------
    ref : Ref
    digest : str or None
        The manifest's; None when the manifest does not hold.
    files : tuple of FileCheck
        Every file of the manifest and every other one found, by path.
    signing : Signing
    problems : tuple of str
        What does not hold, one sentence each; empty when all does.
    """

    ref: Ref
    digest: str | None
    files: tuple[FileCheck, ...]
    signing: Signing
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.problems
