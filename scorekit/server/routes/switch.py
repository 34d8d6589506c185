"""``/v1/switch``: the kill switch of a model."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from scorekit import switches
from scorekit.access import ANYONE, Caller
from scorekit.errors import Refused
from scorekit.render_state import switch_json
from scorekit.server import problems
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
    moved = await asyncio.to_thread(
        switches.trip,
        check_name(name),
        who=who(caller, asked.by),
        reason=asked.reason,
        alerts=service.settings.policy.alerts,
        store=service.store.uri,
    )
    await _seen(name, service)
    return _told(moved)


@router.post("/{name}/reset", dependencies=[require("admin")])
async def reset(name: str, asked: Reset, service: Here, caller: Who) -> dict[str, Any]:
    """Close it again."""
    moved = await asyncio.to_thread(
        switches.reset,
        check_name(name),
        who=who(caller, asked.by),
        reason=asked.reason,
        half_open=asked.half_open,
        alerts=service.settings.policy.alerts,
        store=service.store.uri,
    )
    await _seen(name, service)
    return _told(moved)


def who(caller: Caller, by: str) -> str:
    """Who does it, for the audit: who showed a key, and the name that was given.

    Raises
    ------
    Refused
        If nobody is named and nobody was asked.
    """
    name = by.strip()
    if caller is not ANYONE:
        return f"{name} ({caller.id})" if name else caller.id
    if not name:
        raise Refused("by should say who does it: this service does not ask", code="invalid_parameter")
    return name


async def _seen(name: str, service: Service) -> None:
    """Have this worker know at once; others look within a second."""
    await asyncio.gather(*(served.watch.look() for served in service.fleet if served.lane.ref.name == name))


def _told(status: SwitchStatus) -> dict[str, Any]:
    found = switch_json(status)
    found.pop("database")
    return found
