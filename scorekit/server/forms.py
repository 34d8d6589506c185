"""Forms of requests and answers: what a protocol makes of a body, and of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from scorekit.scoring import ScoredBatch
from scorekit.server.answers import record_answers
from scorekit.server.payloads import Payload, read_payload
from scorekit.store.manifest import Manifest
from scorekit.stream.lines import Wrong


class Piece(NamedTuple):
    """Records of a request that were scored together, and what is wrong with those that are none."""

    answered: ScoredBatch
    wrong: Mapping[int, Wrong]


class Form(NamedTuple):
    """How a protocol reads a body and writes what is answered, here or in a process of its own.

    Attributes
    ----------
    read : callable
        Gives the payload that a body is, of at most so many records.
    write : callable
        Gives the answer to a payload, made of its pieces in their order.
    """

    read: Callable[[bytes, int], Payload]
    write: Callable[[Iterable[Piece], Manifest, Payload], Any]


def write_list(pieces: Iterable[Piece], manifest: Manifest, payload: Payload) -> bytes:
    """A JSON list, an answer for each record."""
    lists = (record_answers(piece.answered, manifest, piece.wrong, payload.include) for piece in pieces)
    return b"[" + b",".join(msgspec.json.encode(answers)[1:-1] for answers in lists) + b"]"


OWN = Form(read_payload, write_list)
"""Of ``/v1/score/batch``."""
