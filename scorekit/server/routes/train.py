"""``/v1/train``: a model is asked for, and comes as a job.

The data is either a body of its own, by its content type, and the request stands in the query::

    POST /v1/train?name=bank&target=y&estimator=logistic     Content-Type: text/csv

or it is where clients may name it, and the request is JSON::

    {"data": "s3://rows/daily", "name": "bank", "target": "y", "estimator": "logistic"}
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from scorekit.access import Caller
from scorekit.errors import FormatError, Refused, UsageError
from scorekit.jobs import Job, TrainRequest
from scorekit.server import jobs, problems
from scorekit.server.bodies import SMALL, keep_body, media_type, read_body
from scorekit.server.documents import JOB, body_of, train_parameters, train_schema
from scorekit.server.files import MEDIA_TYPES
from scorekit.server.payloads import read_object
from scorekit.server.requests import passing
from scorekit.server.routes.jobs import Wait
from scorekit.server.security import caller_of, require
from scorekit.server.service import Service, service_of
from scorekit.tables.formats import format_of

router = APIRouter(tags=["jobs"], dependencies=[require("train")])

_PROBLEMS = problems.responses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
_SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "A job that is over", **JOB},
    202: {"description": "A job that is not over yet; its place is in `Location`", **JOB},
}
_LISTS = frozenset({"id_columns", "drop", "na_values"})
_TABLES = frozenset({"params", "search"})
_NOT_OF_REQUEST = frozenset({"wait"})

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Sent again with the same request, it gives the same job.",
    ),
]


@router.post(
    "/v1/train",
    status_code=202,
    responses={**_SUBMITTED, **_PROBLEMS},
    response_model=None,
    openapi_extra={
        **body_of("application/json", *MEDIA_TYPES, schema=train_schema()),
        "parameters": train_parameters(),
    },
)
async def train(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    caller: Annotated[Caller, Depends(caller_of)],
    idempotency_key: Key = None,
    *,
    wait: Wait = False,
) -> Response:
    """Submit a job that trains a model and publishes it as a version.

    Data is the body, as Parquet, Arrow, CSV or JSON lines, and the request stands in the query;
    or the request is JSON and names data that clients may name.
    """
    kind = media_type(request)
    if kind in MEDIA_TYPES:
        job = await _uploaded(request, service, caller, idempotency_key, MEDIA_TYPES[kind])
    elif kind == "application/json":
        job = await _named(request, service, caller, idempotency_key)
    else:
        known = ", ".join(("application/json", *MEDIA_TYPES))
        raise Refused(f"a request to train comes as one of {known}", code="unknown_media_type")
    passing(request).facts["job"] = job.id
    if wait:
        job = await service.waits.for_end(job, service.settings.limits.seconds, request.is_disconnected)
    return _answer(job)


async def _named(request: Request, service: Service, caller: Caller, key: str | None) -> Job:
    """A job on data that the request names."""
    content = read_object(await read_body(request, SMALL, service.settings.limits.seconds))
    asked = TrainRequest.read(content)
    if not asked.data:
        raise UsageError("data: names nothing to train on", code="bad_request")
    return await jobs.submit(service, caller, asked, key)


async def _uploaded(request: Request, service: Service, caller: Caller, key: str | None, ending: str) -> Job:
    """A job on the data that the body is."""
    asked = TrainRequest.read(_read_query(request.query_params))
    file_format = format_of(ending)
    assert file_format is not None  # noqa: S101 - what is taken as a body has a format
    limits = service.settings.limits
    upload = await asyncio.to_thread(service.jobs.uploads.begin, file_format.name)
    try:
        await keep_body(request, limits.upload, limits.seconds, upload.write)
        return await jobs.submit(service, caller, asked, key, upload)
    finally:
        await asyncio.to_thread(upload.drop)  # unless it has become the job's


def _read_query(query: QueryParams) -> dict[str, Any]:
    """What a query asks for: lists by a name that is said again, tables as JSON."""
    content: dict[str, Any] = {}
    for name in query.keys() - _NOT_OF_REQUEST:
        values = query.getlist(name)
        if name == "data":
            raise UsageError("data: the body is the data", code="bad_request")
        if name in _LISTS:
            content[name] = values
        elif len(values) > 1:
            raise UsageError(f"{name}: stands more than once", code="bad_request")
        else:
            content[name] = _read_table(name, values[0]) if name in _TABLES else values[0]
    return content


def _read_table(name: str, text: str) -> dict[str, Any]:
    try:
        return read_object(text.encode())
    except FormatError:
        raise UsageError(f"{name}: has to be a JSON object", code="bad_request") from None


def _answer(job: Job) -> Response:
    return JSONResponse(
        jobs.job_json(job), 200 if job.over else 202, headers={"Location": f"/v1/jobs/{job.id}"}
    )
