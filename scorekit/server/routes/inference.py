"""``/v2``: the Open Inference Protocol of KServe, Triton and MLServer.

Errors are as it has them: ``{"error": "…"}`` (``problems.answer``).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from scorekit import __version__
from scorekit.errors import Refused
from scorekit.server import problems
from scorekit.server.bodies import media_type, read_body
from scorekit.server.documents import INFERENCE, INFERRED, body_of
from scorekit.server.inference import HEADER, InferAnswer, inference_form, input_tensors, output_tensors
from scorekit.server.routes import health
from scorekit.server.scored import answer_records
from scorekit.server.security import require
from scorekit.server.service import Service, service_of

router = APIRouter(prefix=problems.INFERENCE, tags=["inference"])

Here = Annotated[Service, Depends(service_of)]
Version = Annotated[int, Path(ge=1)]

_BINARY = "application/octet-stream"
_ASKED: dict[str, Any] = {
    "responses": problems.inference_responses(400, 401, 403, 404, 409, 422, 429, 503),
    "dependencies": [require("score")],
}
_INFER: dict[str, Any] = {
    "responses": {
        200: {"description": "Outputs", **INFERRED},
        **problems.inference_responses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, 504),
    },
    "response_model": None,
    "dependencies": [require("score")],
    "openapi_extra": body_of("application/json", _BINARY, schema=INFERENCE),
}


@router.get("")
async def server() -> dict[str, Any]:
    """Which server answers, and which extensions of the protocol it knows."""
    return {"name": "scorekit", "version": __version__, "extensions": ["binary_tensor_data"]}


@router.get("/health/live")
async def live() -> dict[str, Any]:
    """Whether the worker lives; nothing is touched."""
    return {"live": True}


@router.get("/health/ready", responses=problems.inference_responses(503))
async def ready(service: Here) -> dict[str, Any]:
    """Whether it can answer, as ``/readyz`` has it."""
    await health.ready(service)
    return {"ready": True}


@router.get("/models/{name}", **_ASKED)
async def model(name: str, service: Here) -> dict[str, Any]:
    """What a model takes and gives; its name may be one with an alias."""
    return await _described(service, name)


@router.get("/models/{name}/versions/{version}", **_ASKED)
async def model_version(name: str, version: Version, service: Here) -> dict[str, Any]:
    """What a version takes and gives."""
    return await _described(service, f"{name}:{version}")


@router.get("/models/{name}/ready", **_ASKED)
async def model_ready(name: str, service: Here) -> dict[str, Any]:
    """Whether a model is loaded and verified; it is loaded where it is not."""
    return await _loaded(service, name)


@router.get("/models/{name}/versions/{version}/ready", **_ASKED)
async def version_ready(name: str, version: Version, service: Here) -> dict[str, Any]:
    """Whether a version is loaded and verified; it is loaded where it is not."""
    return await _loaded(service, f"{name}:{version}")


@router.post("/models/{name}/infer", **_INFER)
async def infer(name: str, request: Request, service: Here) -> Response:
    """Score rows, one input for each column.

    A row that has no score is null, or NaN, among the outputs; its flags say why.
    """
    return await _inferred(request, service, name)


@router.post("/models/{name}/versions/{version}/infer", **_INFER)
async def infer_version(name: str, version: Version, request: Request, service: Here) -> Response:
    """Score rows by a version, one input for each column."""
    return await _inferred(request, service, f"{name}:{version}")


async def _described(service: Service, reference: str) -> dict[str, Any]:
    lane = (await service.fleet.of(reference)).lane
    return {
        "name": lane.ref.name,
        "versions": [str(lane.ref.version)],
        "platform": f"scorekit_{lane.gate.scorer.engine.name}",
        "inputs": input_tensors(lane.manifest),
        "outputs": output_tensors(lane.manifest),
    }


async def _loaded(service: Service, reference: str) -> dict[str, Any]:
    lane = (await service.fleet.of(reference)).lane
    return {"name": lane.ref.name, "ready": True}


async def _inferred(request: Request, service: Service, reference: str) -> Response:
    if media_type(request) not in ("application/json", _BINARY, ""):
        raise Refused(f"a request comes as application/json or {_BINARY}", code="unknown_media_type")
    limits = service.settings.limits
    body = await read_body(request, limits.body, limits.seconds)
    form_of = partial(inference_form, length=request.headers.get(HEADER))
    answer: InferAnswer = await answer_records(request, service, reference, body, form_of)
    if answer.tensors is None:
        return Response(answer.head, media_type="application/json")
    return Response(answer.head + answer.tensors, headers={HEADER: str(len(answer.head))}, media_type=_BINARY)
