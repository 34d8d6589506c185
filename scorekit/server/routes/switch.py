"""``/v1/switch``: the kill switch of a model."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from scorekit import switches
from scorekit.access import Caller
from scorekit.render_state import switch_json
from scorekit.server import moves, problems
from scorekit.server.security import caller_of, require
from scorekit.server.service import Service, service_of
from scorekit.store.references import check_name
from scorekit.switches import SwitchStatus

router = APIRouter(
    prefix="/v1/switch", tags=["switch"], responses=problems.responses(400, 401, 403, 404, 422, 429, 503)
)

Here = Annotated[Service, Depends(service_of)]
Who = Annotated[Caller, Depends(caller_of)]


class Trip(BaseModel):
    """Why, and who does it where the service asks nobody."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)
    by: str = Field("", max_length=200)


class Reset(Trip):
    """And whether scores are still to be kept back until enough windows were clean."""

    half_open: bool = False


@router.get("/{name}", dependencies=[require("score")])
async def status(name: str, service: Here) -> dict[str, Any]:
    """How the switch stands, and every change it made."""
    return _told(await asyncio.to_thread(switches.status, check_name(name), service.store.uri))


@router.post("/{name}/trip", dependencies=[require("admin")])
async def trip(name: str, asked: Trip, service: Here, caller: Who) -> dict[str, Any]:
    """Open it: nothing is answered any more, by any process."""
    return _told(await moves.trip(service, caller, name, asked.reason, asked.by))


@router.post("/{name}/reset", dependencies=[require("admin")])
async def reset(name: str, asked: Reset, service: Here, caller: Who) -> dict[str, Any]:
    """Close it again."""
    moved = await moves.reset(service, caller, name, asked.reason, asked.by, half_open=asked.half_open)
    return _told(moved)


def _told(status: SwitchStatus) -> dict[str, Any]:
    found = switch_json(status)
    found.pop("database")
    return found
