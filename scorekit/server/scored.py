"""Records, scored and counted: the one way of every request for scores, whatever protocol it came by.

The switch is looked at before and after, rows are counted in the window of their version, in the
metrics and in the log, and a request is refused where none of its records has a score.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from scorekit.errors import Refused, RowsRejected
from scorekit.scoring import ScoredBatch
from scorekit.server import large
from scorekit.server.answers import failures
from scorekit.server.forms import Form, Piece
from scorekit.server.lane import Lane
from scorekit.server.large import Head, LargeAnswer, terms_of
from scorekit.server.payloads import Payload
from scorekit.server.problems import RecordRefused
from scorekit.server.requests import passing
from scorekit.server.served import Served
from scorekit.server.service import Service
from scorekit.store.manifest import Manifest

LARGE = 1 << 20
"""Bytes of a body from which it is read in a process of its own."""
MANY = 10_000
"""Lines or records from which it is, too, however short they are."""


class Chosen(NamedTuple):
    """What a request is scored by: what its model means, and the version that this is now."""

    served: Served
    lane: Lane


async def choose(service: Service, reference: str | None) -> Chosen:
    """What a request is scored by, behind the switch.

    Raises
    ------
    ScorekitError
        If there is no such model, or its answers are withheld.
    """
    served = await service.fleet.of(reference)
    await served.check()
    return Chosen(served, served.lane)


async def answer_records(
    request: Request,
    service: Service,
    reference: str | None,
    body: bytes,
    form_of: Callable[[str, Manifest], Form],
) -> Any:
    """What a protocol answers to a body of records, scored behind the switch and counted.

    Parameters
    ----------
    request : Request
    service : Service
    reference : str or None
    body : bytes
    form_of : callable
        Makes the form of what the reference means and of its manifest: that by which is scored, too,
        wherever its alias has moved meanwhile.

    Raises
    ------
    ScorekitError
        Also if no record has a score.
    """
    began = time.monotonic()
    chosen = await choose(service, reference)
    with chosen.lane.at_work():
        form = form_of(chosen.served.reference, chosen.lane.manifest)
        payload = read_here(form, body, service.settings.limits.rows)
        if payload is None:
            _, _, made = await score_aside(request, service, body, form, chosen)
            return made.written
        answered = await _score(request, service, chosen, payload, began)
    refuse_without(answered, payload)
    return form.write([Piece(answered, payload.wrong)], chosen.lane.manifest, payload)


def read_here(form: Form, body: bytes, most_rows: int) -> Payload | None:
    """A payload that is to be scored here; None of one that would hold up others.

    Raises
    ------
    ScorekitError
        As the form has it.
    """
    if len(body) >= LARGE or body.count(b"\n") + body.count(b"\r") >= MANY:
        return None
    payload = form.read(body, most_rows)
    return payload if len(payload.rows) < MANY else None


async def score_here(request: Request, service: Service, payload: Payload) -> tuple[Lane, ScoredBatch]:
    """Records, scored behind the switch and counted; and the version that did it.

    Raises
    ------
    ScorekitError
        If there is no such model, or its answers are withheld.
    """
    began = time.monotonic()
    chosen = await choose(service, payload.model)
    return chosen.lane, await _score(request, service, chosen, payload, began)


async def _score(
    request: Request, service: Service, chosen: Chosen, payload: Payload, began: float
) -> ScoredBatch:
    scoring = time.monotonic()
    answered = await chosen.lane.score(payload.rows, list(payload.wrong))
    ended = time.monotonic()
    rejected = _codes(answered, payload)
    scored = Scored(len(answered), len(answered.poor), rejected, scoring - began, ended - scoring)
    await _tell(request, service, chosen, scored)
    return answered


async def score_aside(
    request: Request, service: Service, body: bytes, form: Form, chosen: Chosen | None = None
) -> tuple[Lane, Head, LargeAnswer]:
    """The same of a large body, which a process of its own reads and scores.

    Parameters
    ----------
    request : Request
    service : Service
    body : bytes
    form : Form
    chosen : Chosen, optional
        By default what the body names.

    Raises
    ------
    ScorekitError
        Also if it could not be done in time, or no record has a score.
    """
    limits = service.settings.limits
    try:
        async with asyncio.timeout(limits.seconds), service.heavy.one() as heavy:
            head = await heavy.do(large.open_payload, form, body, limits.rows)
            chosen = chosen or await choose(service, head.model)
            lane = chosen.lane
            with lane.at_work():
                terms = terms_of(service.settings, service.store.uri, lane)
                made: LargeAnswer = await heavy.do(large.score_payload, terms)
                counted = made.counted
                poor = counted.poor
                fallback = len(poor) - sum(counted.rejected.values())
                lane.count(counted.found, counted.rows, poor, fallback)
    except TimeoutError:
        raise Refused("the request could not be answered in time", code="timeout") from None
    scored = Scored(counted.rows, len(poor), counted.rejected, 0.0, counted.seconds)
    await _tell(request, service, chosen, scored)
    if sum(counted.rejected.values()) == counted.rows:
        assert counted.first is not None  # noqa: S101 - one of those that were rejected
        _refuse_all(Counter(counted.rejected), counted.first)
    return lane, head, made


class Scored(NamedTuple):
    """What is told of records that were scored, wherever that was."""

    rows: int
    poor: int
    rejected: Mapping[str, int]
    queued: float
    took: float


async def _tell(request: Request, service: Service, chosen: Chosen, scored: Scored) -> None:
    """Have it in the metrics, the traces and the log; and let no answer leave that is withheld."""
    served, lane = chosen
    rejected = sum(scored.rejected.values())
    meters = service.metrics.of(lane.ref.name, lane.ref.version)
    meters.counted(scored.rows, scored.poor - rejected, rejected, scored.queued, scored.took)
    service.traces.scored(scored.queued, scored.took, model=str(lane.ref), rows=scored.rows)
    for code, count in scored.rejected.items():
        meters.failed(code, count)
    passing(request).facts.update(model=str(lane.ref), rows=scored.rows, rejected=rejected)
    served.counted()
    lane.check()
    await served.check()


def refuse_without(answered: ScoredBatch, payload: Payload) -> None:
    """Refuse a request of which no record has a score.

    Raises
    ------
    RowsRejected
    """
    if len(answered.rejected) == len(answered):
        _refuse_all(_codes(answered, payload), next(failures(answered, payload.wrong)))


def _codes(answered: ScoredBatch, payload: Payload) -> Counter[str]:
    """Records without a score, by what is wrong."""
    if not len(answered.rejected):
        return Counter()
    return Counter(failure.code for failure in failures(answered, payload.wrong))


def _refuse_all(codes: Counter[str], first: RecordRefused) -> None:
    code, count = codes.most_common(1)[0]
    where = f", column {first.column}" if first.column else ""
    raise RowsRejected(
        f"no record has a score; {count:,} time{'s' if count > 1 else ''}: {code}; "
        f"the first{where}: {first.message}",
        code="all_rejected",
    )
