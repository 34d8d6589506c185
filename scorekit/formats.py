"""JSON files that carry a ``format_version``: older ones are read, newer ones refused."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from scorekit.errors import TamperedError, VersionMismatch


def read_format(
    data: bytes, source: str, what: str, *, newest: int, hint: str | None = None
) -> dict[str, Any]:
    """The content of a file, if this scorekit can read it.

    Parameters
    ----------
    data : bytes
    source : str
        Where it came from, for errors.
    what : str
        What it should be: ``a manifest``.
    newest : int
        The newest format that can be read.
    hint : str, optional
        What to do about a file that is none.

    Raises
    ------
    TamperedError
        If it is no JSON object with a ``format_version``.
    VersionMismatch
        If a newer scorekit wrote it.
    """
    try:
        content: dict[str, Any] = json.loads(data)
        written = int(content["format_version"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TamperedError(f"{source} is not {what}", hint=hint) from None
    if written > newest:
        raise VersionMismatch(
            f"{source} has format {written}, this scorekit reads up to {newest}",
            hint="install a newer scorekit",
        )
    return content


class Kept(BaseModel):
    """What is kept as a JSON file with a format of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    NEWEST: ClassVar[int] = 1
    KIND: ClassVar[str]
    """What it is called, with its article."""
    MEND: ClassVar[str | None] = None
    """What to do about a file that is none."""

    def to_bytes(self) -> bytes:
        """The file."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Self:
        """Read a file of this or an older format.

        Parameters
        ----------
        data : bytes
        source : str
            Where it came from, for errors.

        Raises
        ------
        TamperedError
            If it is none.
        VersionMismatch
            If a newer scorekit wrote it.
        """
        content = read_format(data, source, cls.KIND, newest=cls.NEWEST, hint=cls.MEND)
        try:
            return cls.model_validate(content)
        except ValidationError:
            raise TamperedError(f"{source} is not {cls.KIND}", hint=cls.MEND) from None
