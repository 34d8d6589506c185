"""Moving a kill switch for a caller, whether a program or somebody at the page asks."""

from __future__ import annotations

import asyncio

from scorekit import switches
from scorekit.access import ANYONE, Caller
from scorekit.errors import Refused
from scorekit.server.service import Service
from scorekit.store.references import check_name
from scorekit.switches import SwitchStatus


async def trip(service: Service, caller: Caller, name: str, reason: str, by: str) -> SwitchStatus:
    """Open it: nothing is answered any more, by any process.

    Parameters
    ----------
    service : Service
    caller : Caller
    name : str
        Of the model.
    reason : str
    by : str
        The name that was given; it is needed where the service asks nobody.

    Raises
    ------
    Refused
        If nobody is named and nobody was asked.
    ScorekitError
        As ``switches.trip`` has it.
    """
    moved = await asyncio.to_thread(
        switches.trip,
        check_name(name),
        who=who(caller, by),
        reason=reason,
        alerts=service.settings.policy.alerts,
        store=service.store.uri,
    )
    await _seen(service, name)
    return moved


async def reset(
    service: Service, caller: Caller, name: str, reason: str, by: str, *, half_open: bool
) -> SwitchStatus:
    """Close it again, or half-way.

    Parameters
    ----------
    service, caller, name, reason, by
        As ``trip`` has them.
    half_open : bool
        Whether scores are still to be kept back until enough windows were clean.

    Raises
    ------
    Refused, ScorekitError
        As ``trip`` has them.
    """
    moved = await asyncio.to_thread(
        switches.reset,
        check_name(name),
        who=who(caller, by),
        reason=reason,
        half_open=half_open,
        alerts=service.settings.policy.alerts,
        store=service.store.uri,
    )
    await _seen(service, name)
    return moved


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


async def _seen(service: Service, name: str) -> None:
    """Have this worker know at once; others look within a second."""
    await asyncio.gather(*(served.watch.look() for served in service.fleet if served.lane.ref.name == name))
