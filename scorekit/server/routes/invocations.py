"""``/invocations``, ``/ping`` and ``/health``: what clients of MLflow and of SageMaker speak."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from scorekit.errors import Refused
from scorekit.server import problems
from scorekit.server.bodies import accepted, media_type, read_body
from scorekit.server.documents import INVOCATION, PREDICTIONS, body_of
from scorekit.server.invocations import READERS, WRITERS, invocation_form
from scorekit.server.payloads import LONGEST_REFERENCE
from scorekit.server.routes.health import ready
from scorekit.server.scored import answer_records
from scorekit.server.security import require
from scorekit.server.service import Service, service_of

router = APIRouter(tags=["invocations"])

Here = Annotated[Service, Depends(service_of)]

_PROBLEMS = problems.responses(400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 429, 503, 504)
_OK: dict[int | str, dict[str, Any]] = {200: {"description": "Predictions", **PREDICTIONS}}


@router.post(
    "/invocations",
    responses={**_OK, **_PROBLEMS},
    response_model=None,
    dependencies=[require("score")],
    openapi_extra=body_of(*READERS, schema=INVOCATION),
)
async def invocations(
    request: Request, service: Here, model: Annotated[str | None, Query(max_length=LONGEST_REFERENCE)] = None
) -> Response:
    """Score what MLflow's clients and SageMaker send.

    A record that has no score is null among the predictions, and says why among the errors.
    """
    kind = media_type(request)
    if kind not in READERS:
        raise Refused(f"records come as {', '.join(READERS)}", code="unknown_media_type")
    wanted = accepted(request, WRITERS) or "application/json"
    form_of = partial(invocation_form, kind, wanted, header=_header(request))
    limits = service.settings.limits
    body = await read_body(request, limits.body, limits.seconds)
    return Response(await answer_records(request, service, model, body, form_of), media_type=wanted)


def _header(request: Request) -> str | None:
    """Whether CSV has a header, where its content type says so (RFC 4180).

    Raises
    ------
    Refused
    """
    parameters = request.headers.get("content-type", "").lower().split(";")[1:]
    named = dict(parameter.strip().partition("=")[::2] for parameter in parameters)
    header = named.get("header")
    if header not in (None, "present", "absent"):
        raise Refused("header of text/csv is present or absent", code="unknown_media_type")
    return header


@router.get("/ping", responses=problems.responses(503))
@router.get("/health", responses=problems.responses(503))
async def ping(service: Here) -> dict[str, Any]:
    """Whether it can answer, as ``/readyz`` has it."""
    return await ready(service)
