"""``/v1/score/…``: records in, scores out.

One payload for one record and for many::

    {"features": [{"age": 41, "job": "technician"}], "model": "bank@champion", "include": ["flags"]}
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from scorekit.errors import Refused
from scorekit.scoring import ScoredBatch
from scorekit.server import problems
from scorekit.server.answers import Shape, as_it_is, failures, record_answers, shaping
from scorekit.server.bodies import media_type, read_body, require_json
from scorekit.server.direct import DirectRoute
from scorekit.server.documents import PAYLOAD, SCORES, body_of
from scorekit.server.files import MEDIA_TYPES, answer_file
from scorekit.server.forms import OWN
from scorekit.server.lane import Lane
from scorekit.server.payloads import Payload, read_payload
from scorekit.server.scored import LARGE, read_here, refuse_without, score_aside, score_here
from scorekit.server.security import require
from scorekit.server.service import Service, service_of

router = APIRouter(
    prefix="/v1/score", tags=["score"], dependencies=[require("score")], route_class=DirectRoute
)

_STATUSES = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, 504)
_PROBLEMS = problems.responses(*_STATUSES)
_OK: dict[int | str, dict[str, Any]] = {200: {"description": "Scores", **SCORES}}


@router.post(
    "/stream",
    responses={**_OK, **_PROBLEMS},
    response_model=None,
    openapi_extra=body_of("application/json", schema=PAYLOAD),
)
async def score_one(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    shape: Annotated[Shape, Depends(shaping)],
) -> Response:
    """Score one record.

    One that has no score is refused, by its index and column.
    """
    require_json(request)
    limits = service.settings.limits
    body = await read_body(request, min(limits.body, LARGE), limits.seconds)
    payload = read_payload(body, limits.rows)
    if len(payload.rows) != 1:
        raise Refused("features should be a list with one record here", code="one_record")
    lane, answered = await score_here(request, service, payload)
    for failure in failures(answered, payload.wrong):
        raise failure
    return _answer(lane, payload, answered, shape)


@router.post(
    "/batch",
    responses={**_OK, **problems.responses(*_STATUSES, 406)},
    response_model=None,
    openapi_extra=body_of("application/json", *MEDIA_TYPES, schema=PAYLOAD),
)
async def score_batch(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    shape: Annotated[Shape, Depends(shaping)],
) -> Response:
    """Score many records, or a file.

    A record that has no score says why in its place; the others are scored. A file comes as
    Parquet, Arrow, CSV or JSON lines, by its content type, and goes back as what ``Accept`` asks for.
    """
    kind = media_type(request)
    if kind in MEDIA_TYPES:
        return await answer_file(request, service, MEDIA_TYPES[kind])
    if kind != "application/json":
        raise Refused(f"rows come as application/json, {', '.join(MEDIA_TYPES)}", code="unknown_media_type")
    limits = service.settings.limits
    body = await read_body(request, limits.body, limits.seconds)
    payload = read_here(OWN, body, limits.rows)
    if payload is None:
        return await _answer_large(request, service, body, shape)
    lane, answered = await score_here(request, service, payload)
    refuse_without(answered, payload)
    return _answer(lane, payload, answered, shape)


def _answer(lane: Lane, payload: Payload, answered: ScoredBatch, shape: Shape) -> Response:
    scores = record_answers(answered, lane.manifest, payload.wrong, payload.include)
    return _sent(shape(_content(lane, payload.include, scores)))


def _content(lane: Lane, include: frozenset[str], scores: Any) -> dict[str, Any]:
    ref = lane.ref
    content: dict[str, Any] = {"model": ref.name, "version": ref.version, "scores": scores}
    if "quality" in include:
        last = lane.last
        content["quality"] = None if last is None else _verdict(last.verdict)
    return content


def _verdict(verdict: Any) -> dict[str, Any]:
    return {"state": verdict.state, "outcome": verdict.outcome, "rows": verdict.window.rows}


def _sent(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _answer_large(request: Request, service: Service, body: bytes, shape: Shape) -> Response:
    """The same by a process of its own."""
    lane, head, made = await score_aside(request, service, body, OWN)
    # what nobody changes is not read again
    scores = msgspec.Raw(made.written) if shape is as_it_is else msgspec.json.decode(made.written)
    return _sent(shape(_content(lane, head.include, scores)))
