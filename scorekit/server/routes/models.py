"""``/v1/models``: versions and aliases."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from scorekit import versions
from scorekit.access import Caller
from scorekit.render_models import move_json, version_json
from scorekit.render_overview import overview_json
from scorekit.server import problems
from scorekit.server.security import caller_of, require
from scorekit.server.service import Service, service_of
from scorekit.store.aliases import CHAMPION
from scorekit.store.references import check_name

router = APIRouter(
    prefix="/v1/models", tags=["models"], responses=problems.responses(400, 401, 403, 404, 409, 422, 429, 503)
)

Here = Annotated[Service, Depends(service_of)]


class Move(BaseModel):
    """An alias that is to be moved, and why."""

    model_config = ConfigDict(extra="forbid")

    alias: str = CHAMPION
    why: str = Field("", max_length=1000)


class Promotion(Move):
    """The version that an alias is to point at."""

    version: int = Field(ge=1)


@router.get("", dependencies=[require("score")])
async def list_models(service: Here) -> dict[str, Any]:
    """Every model of the store, its versions and its aliases."""
    found = overview_json(await asyncio.to_thread(versions.overview, service.store.uri))
    return {**_without_place(found), "served": sorted(served.reference for served in service.fleet)}


@router.get("/{name}", dependencies=[require("score")])
async def show_model(name: str, service: Here) -> dict[str, Any]:
    """A model, its versions and its aliases."""
    found = await asyncio.to_thread(versions.overview, service.store.uri, check_name(name))
    return _without_place(overview_json(found))


@router.get("/{name}/versions/{version}", dependencies=[require("score")])
async def show_version(name: str, version: int, service: Here) -> dict[str, Any]:
    """What a version says of itself: its manifest."""
    found = await asyncio.to_thread(versions.look, f"{check_name(name)}:{version}", service.store.uri)
    return _without_place(version_json(found))


@router.post("/{name}/promote", dependencies=[require("admin")])
async def promote(
    name: str, asked: Promotion, service: Here, caller: Annotated[Caller, Depends(caller_of)]
) -> dict[str, Any]:
    """Point an alias at a version; what is served by it follows."""
    reference = f"{check_name(name)}:{asked.version}"
    moved = await asyncio.to_thread(
        versions.promote, reference, asked.alias, by=caller.id, why=asked.why, store=service.store.uri
    )
    return move_json(moved)


@router.post("/{name}/rollback", dependencies=[require("admin")])
async def rollback(
    name: str, asked: Move, service: Here, caller: Annotated[Caller, Depends(caller_of)]
) -> dict[str, Any]:
    """Point an alias at what it pointed at before."""
    moved = await asyncio.to_thread(
        versions.rollback,
        check_name(name),
        asked.alias,
        by=caller.id,
        why=asked.why,
        store=service.store.uri,
    )
    return move_json(moved)


def _without_place(found: dict[str, Any]) -> dict[str, Any]:
    """Where the store is is no business of who calls."""
    return {name: value for name, value in found.items() if name != "store"}
