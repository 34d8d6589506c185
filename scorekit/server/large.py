"""Large requests, as the process does them that has nothing else to do. See ``heavy``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit import batch
from scorekit.batch import BatchResult, JobOptions
from scorekit.errors import ScorekitError
from scorekit.gate import Gate
from scorekit.model import Model, open_model
from scorekit.policy import Policy
from scorekit.quality.verdict import OnFail, Verdict
from scorekit.quality.window import Window
from scorekit.server.answers import failures
from scorekit.server.forms import Form, Piece
from scorekit.server.lane import Lane, Pair, judged_by
from scorekit.server.payloads import Payload
from scorekit.server.problems import RecordRefused
from scorekit.server.settings import ServeSettings
from scorekit.store.references import Ref
from scorekit.store.versions import Store

_CHUNK = 10_000
"""Records that are scored at a time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a large request is scored.

    Attributes
    ----------
    ref : Ref
    store : str
    policy : Policy
    on_fail : {"warn", "fallback", "fail"} or None
    allow_mismatch : bool
    failed : Verdict or None
        Of the last window, where the fallback answers for it.
    """

    ref: Ref
    store: str
    policy: Policy
    on_fail: OnFail | None = None
    allow_mismatch: bool = False
    failed: Verdict | None = None


def terms_of(settings: ServeSettings, store: str, lane: Lane) -> Terms:
    """By what a large request is scored, as things stand."""
    last = lane.last
    failed = last.verdict if last is not None and last.action == "replace" else None
    return Terms(lane.ref, store, settings.policy, settings.on_fail, settings.allow_mismatch, failed)


@dataclass(frozen=True, slots=True)
class Head:
    """What a payload asks for."""

    model: str | None
    include: frozenset[str]
    rows: int


@dataclass(slots=True, eq=False)
class Counted:
    """What there is to count of records that were scored.

    Attributes
    ----------
    rows : int
    found : Window
        Counts of the model's scores.
    parts : list of ndarray of int64
        Records that the model did not answer.
    rejected : dict of str to int
        Records without a score, by code.
    first : RecordRefused or None
        The first of them.
    seconds : float
        That scoring took.
    """

    rows: int = 0
    found: Window = field(default_factory=Window)
    parts: list[NDArray[np.int64]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    first: RecordRefused | None = None
    seconds: float = 0.0

    @property
    def poor(self) -> NDArray[np.int64]:
        """Records that the model did not answer."""
        return np.concatenate(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class LargeAnswer:
    """Records that were scored: what was written of them, and what there is to count."""

    written: Any
    counted: Counted


_held: list[tuple[Payload, Form]] = []
"""The payload that was opened last and is not scored yet."""


def open_payload(form: Form, body: bytes, most_rows: int) -> Head:
    """Read a payload and keep it for ``score_payload``.

    Raises
    ------
    ScorekitError
        As the form has it.
    """
    _held.clear()
    payload = form.read(body, most_rows)
    _held.append((payload, form))
    return Head(payload.model, payload.include, len(payload.rows))


def score_payload(terms: Terms) -> LargeAnswer:
    """Score the payload that was opened last."""
    (payload, form), pair, counted = _held.pop(), _pair(terms), Counted()
    written = form.write(_pieces(payload, pair, counted), pair.model.manifest, payload)
    return LargeAnswer(written, counted)


def _pieces(payload: Payload, pair: Pair, counted: Counted) -> Iterator[Piece]:
    """A payload, scored piece by piece and counted."""
    for start in range(0, len(payload.rows), _CHUNK):
        rows = payload.rows[start : start + _CHUNK]
        wrong = {row - start: said for row, said in payload.wrong.items() if start <= row < start + _CHUNK}
        began = time.perf_counter()
        scored, answered = pair.score(rows, list(wrong))
        counted.seconds += time.perf_counter() - began
        counted.rows += len(rows)
        counted.found.add(scored.window())
        counted.parts.append(answered.poor + start)
        for failure in failures(answered, wrong):
            counted.first = counted.first or failure
            counted.rejected[failure.code] = counted.rejected.get(failure.code, 0) + 1
        yield Piece(answered, wrong)


def _pair(terms: Terms) -> Pair:
    model = _model(terms.ref, terms.store, terms.allow_mismatch)
    gate = Gate(model, judged_by(terms.policy), on_fail=terms.on_fail, kind="serve")
    instead = gate.replacing(terms.failed) if terms.failed is not None else None
    return Pair(gate.scorer, instead)


@lru_cache(maxsize=4)
def _model(ref: Ref, store: str, allow_mismatch: bool) -> Model:  # noqa: FBT001 - keys of the cache
    return open_model(Store.open(store), ref, allow_mismatch=allow_mismatch)


def score_file(terms: Terms, given: str, made: str, options: JobOptions) -> BatchResult:
    """Score a file as ``scorekit score`` does.

    Returns
    -------
    BatchResult
        Also where its scores are withheld: it says why.

    Raises
    ------
    ScorekitError
        As ``score_files`` has it.
    """
    model = _model(terms.ref, terms.store, terms.allow_mismatch)
    try:
        return batch.score_files(
            [given], made, model=model, options=options, policy=terms.policy, on_quality_fail=terms.on_fail
        )
    except ScorekitError as error:
        # where the scores were put aside is nobody's business: they are gone with the request
        if isinstance(error.result, BatchResult) and error.result.refusals:
            return error.result
        raise
