"""Errors as clients see them: problem details (RFC 9457).

Nothing of the data, of the machine or of the code is in them: what went wrong here is
in the log, under the same request id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from scorekit.errors import CODES, DataError, Refused, ScorekitError
from scorekit.server.logs import Log

MEDIA_TYPE = "application/problem+json"
INFERENCE = "/v2"
"""Below it errors are those of the Open Inference Protocol."""
LONGEST = 500
"""Characters of what is said of an error."""


class RecordRefused(DataError):
    """A record that has no score, where one was asked for.

    Parameters
    ----------
    code, said : str
    index : int
        Of the record among the features, from 0.
    column : str
        Empty where no single one is to blame.
    """

    def __init__(self, code: str, said: str, index: int, column: str = "") -> None:
        super().__init__(said, code=code)
        self.index = index
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.index, self.column)


def status_of(error: ScorekitError) -> int:
    """The status of HTTP that an error is answered by."""
    return error.status if isinstance(error, Refused) else error.http_status


def problem(error: ScorekitError, request_id: str) -> dict[str, Any]:
    """The body for an error."""
    status = status_of(error)
    told: dict[str, Any] = {
        "type": f"urn:scorekit:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _detail(error, status),
        "code": error.code,
        "request_id": request_id,
    }
    if isinstance(error, RecordRefused):
        told["index"] = error.index
        if error.column:
            told["column"] = error.column
    return told


def said(error: ScorekitError) -> str:
    """What an error says, no longer than anybody reads: parts of it may be a caller's."""
    return error.message if len(error.message) <= LONGEST else f"{error.message[:LONGEST]}…"


def _detail(error: ScorekitError, status: int) -> str:
    """What is said of it; of what is wrong on our side, no more than what kind of thing."""
    if status < HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, Refused) or error.code not in CODES:
        return said(error)
    return CODES[error.code].meaning


def answer(
    error: ScorekitError, request_id: str, path: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The response to an error, as the protocol of the path has it."""
    status = status_of(error)
    if f"{path}/".startswith(f"{INFERENCE}/"):
        content, media_type = {"error": _detail(error, status)}, "application/json"
    else:
        content, media_type = problem(error, request_id), MEDIA_TYPE
    sent = {**(headers or {}), **headers_of(error)}
    return Response(msgspec.json.encode(content), status, sent, media_type)


def headers_of(error: ScorekitError) -> dict[str, str]:
    """When it may be asked again, where that makes sense."""
    if isinstance(error, Refused) and error.retry_after is not None:
        return {"Retry-After": str(error.retry_after)}
    return {"Retry-After": "5"} if status_of(error) == HTTPStatus.SERVICE_UNAVAILABLE else {}


def tell(log: Log, error: ScorekitError, request_id: str) -> None:
    """Write into the log that a request was refused, or that it failed."""
    status = status_of(error)
    fields: dict[str, Any] = {"request_id": request_id, "code": error.code, "status": status}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Refused):
        log.fail("failed", said(error), **fields)
    else:
        log.event("refused", said(error), **fields)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "A stable name, of the table of errors."},
        "request_id": {"type": "string"},
        "index": {"type": "integer", "description": "Of the record, from 0."},
        "column": {"type": "string"},
    },
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems for the OpenAPI document of a route."""
    return _described(statuses, MEDIA_TYPE, SCHEMA)


_INFERENCE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}


def inference_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Errors of the Open Inference Protocol for the OpenAPI document of a route."""
    return _described(statuses, "application/json", _INFERENCE_SCHEMA)


def _described(
    statuses: Sequence[int], media_type: str, schema: dict[str, Any]
) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": schema}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)
    }
