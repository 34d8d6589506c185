"""What is kept as JSON: records that are read strictly, and files of a format that has a number.

A file carries its ``format_version``: older ones are read, newer ones refused.
"""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar, Self

import msgspec

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


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what is kept as JSON: it never changes, and is read only if nothing in it is unknown."""

    def plain(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        plain: dict[str, Any] = _plain(msgspec.to_builtins(self))
        return plain

    def to_bytes(self) -> bytes:
        """The file."""
        return json.dumps(self.plain(), indent=1, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """A value as JSON has it, which has no word for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


class Kept(Record, frozen=True):
    """What is kept as a JSON file with a format of its own."""

    NEWEST: ClassVar[int] = 1
    KIND: ClassVar[str]
    """What it is called, with its article."""
    MEND: ClassVar[str | None] = None
    """What to do about a file that is none."""

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
            return msgspec.convert(content, cls, strict=False)
        except msgspec.ValidationError:
            raise TamperedError(f"{source} is not {cls.KIND}", hint=cls.MEND) from None
