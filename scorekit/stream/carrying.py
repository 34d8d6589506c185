"""What goes from a line to its answer unchanged: ids and other fields, byte by byte as they came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from scorekit.errors import UsageError
from scorekit.scoring import output_fields
from scorekit.store.manifest import Manifest
from scorekit.tables.json_records import Number

ALL = "all"
_MARKS = ("line", "error")
"""Keys of an answer that is none."""

Carry = dict[str, bytes]
"""Names of fields and their values, as JSON has them."""


class Carrier:
    """Carries fields.

    Parameters
    ----------
    ids : sequence of str
        Fields that identify a record; by default those of training, where it has them.
    passthrough : sequence of str
        Others; ``("all",)`` for all.
    manifest : Manifest

    Raises
    ------
    UsageError
        If a field is called like one of the answer.
    """

    def __init__(self, ids: Sequence[str], passthrough: Sequence[str], manifest: Manifest) -> None:
        self._everything = ALL in passthrough
        self._asked = tuple(dict.fromkeys((*ids, *(name for name in passthrough if name != ALL))))
        known = () if ids else tuple(manifest.recipe.get("id_columns", ()))
        self._names = tuple(dict.fromkeys((*known, *self._asked)))
        self._own = {*(field.name for field in output_fields(manifest)), *_MARKS}
        self._check()
        self._keys = {name: _key(name) for name in self._names}
        self._decoder: Any = _decoder(self._names, everything=self._everything) if self.anything else None

    @property
    def anything(self) -> bool:
        """Whether there is anything to carry."""
        return self._everything or bool(self._names)

    def _check(self) -> None:
        for name in self._asked:
            if name in self._own:
                raise UsageError(
                    f"the field {name!r} cannot be carried: the answer has one of that name",
                    hint="rename it, or list the fields to carry with --passthrough",
                )

    def of_line(self, line: bytes) -> bytes:
        """Fields of a line that is a JSON object: ``"id":7,``.

        Raises
        ------
        ValueError
            If it can only be read the slow way; see ``of_record``.
        """
        if b"\n" in line or b"\r" in line:
            raise ValueError("a message of several lines is written anew")
        if self._everything:
            return self._written({name: bytes(value) for name, value in self._decoder.decode(line).items()})
        found = zip(self._names, msgspec.structs.astuple(self._decoder.decode(line)), strict=True)
        return self._written({name: bytes(value) for name, value in found if value is not None})

    def of_record(self, record: dict[str, Any]) -> bytes:
        """The same of a record whose numbers are as they were written (``json_records``)."""
        return self._written(
            {name: _json(record[name]) for name in record if self._everything or name in self._keys}
        )

    def _written(self, found: Carry) -> bytes:
        missing = [name for name in self._asked if name not in found]
        found |= dict.fromkeys(missing, b"null")
        names: Iterable[str] = self._names
        if self._everything:
            names = (*names, *(name for name in found if name not in self._keys and name not in self._own))
        return b"".join(
            b"%b%b," % (self._keys.get(name) or _key(name), found[name]) for name in names if name in found
        )


def _decoder(names: Sequence[str], *, everything: bool) -> Any:
    if everything:
        return msgspec.json.Decoder(dict[str, msgspec.Raw])
    renamed = {f"f{number}": name for number, name in enumerate(names)}
    fields: Any = [(field, msgspec.Raw, None) for field in renamed]
    return msgspec.json.Decoder(msgspec.defstruct("Carried", fields, rename=renamed, gc=False))


def _key(name: str) -> bytes:
    return msgspec.json.encode(name) + b":"


def _json(value: Any) -> bytes:
    """A value whose numbers are texts, as JSON; ``null`` for NaN and infinity, which JSON has not."""
    if isinstance(value, Number):
        return b"null" if value[-1:] in "Ny" else value.encode()
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(_json, value))
    if isinstance(value, dict):
        return b"{%b}" % b",".join(_key(name) + _json(part) for name, part in value.items())
    return json.dumps(value, ensure_ascii=False).encode()
