"""Large requests, as the process does them that has nothing else to do. See ``heavy``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from scorekit import batch
from scorekit.batch import BatchResult, JobOptions, JobResult
from scorekit.errors import ScorekitError
from scorekit.gate import Gate
from scorekit.model import Model, open_model
from scorekit.policy import Policy
from scorekit.quality.verdict import OnFail, Verdict
from scorekit.quality.window import Window
from scorekit.server.answers import failures, record_answers
from scorekit.server.lane import Lane, Pair, judged_by
from scorekit.server.payloads import Payload, read_payload
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


@dataclass(frozen=True, slots=True, eq=False)
class LargeAnswer:
    """Records that were scored.

    Attributes
    ----------
    scores : bytes
        A JSON list, an answer for each record.
    found : Window
        Counts of the model's scores.
    rows : int
    poor : ndarray of int64
        Records that the model did not answer.
    rejected : dict of str to int
        Records without a score, by code.
    seconds : float
        That scoring took.
    """

    scores: bytes
    found: Window
    rows: int
    poor: NDArray[np.int64]
    rejected: dict[str, int]
    seconds: float


_held: list[Payload] = []
"""The payload that was opened last and is not scored yet."""


def open_payload(body: bytes, most_rows: int) -> Head:
    """Read a payload and keep it for ``score_payload``.

    Raises
    ------
    ScorekitError
        As ``read_payload`` has it.
    """
    _held.clear()
    payload = read_payload(body, most_rows)
    _held.append(payload)
    return Head(payload.model, payload.include, len(payload.rows))


def score_payload(terms: Terms) -> LargeAnswer:
    """Score the payload that was opened last."""
    payload, pair = _held.pop(), _pair(terms)
    manifest = pair.model.manifest
    found, parts, took = Window(), [], 0.0
    poor: list[NDArray[np.int64]] = []
    rejected: dict[str, int] = {}
    for start in range(0, len(payload.rows), _CHUNK):
        rows = payload.rows[start : start + _CHUNK]
        wrong = {row - start: said for row, said in payload.wrong.items() if start <= row < start + _CHUNK}
        began = time.perf_counter()
        scored, answered = pair.score(rows, list(wrong))
        took += time.perf_counter() - began
        found.add(scored.window())
        poor.append(answered.poor + start)
        for failure in failures(answered, wrong):
            rejected[failure.code] = rejected.get(failure.code, 0) + 1
        answers = record_answers(answered, manifest, wrong, payload.include)
        parts.append(msgspec.json.encode(answers)[1:-1])
    scores = b"[" + b",".join(parts) + b"]"
    return LargeAnswer(scores, found, len(payload.rows), np.concatenate(poor), rejected, took)


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
        refusals = [output.refusal for output in _outputs(error) if output.refusal is not None]
        # where the scores were put aside is nobody's business: they are gone with the request
        raise (refusals[0] if refusals else error) from None


def _outputs(error: ScorekitError) -> Sequence[JobResult]:
    return error.result.outputs if isinstance(error.result, BatchResult) else ()
