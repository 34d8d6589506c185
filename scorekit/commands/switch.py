"""``scorekit switch``: one function for each verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption
from scorekit.errors import UsageError

if TYPE_CHECKING:
    from scorekit.alerts.settings import AlertSettings

NameOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME", help="Name of the model. May be left out while there is one."
    ),
]
WhoOption = Annotated[str, typer.Option("--by", help="Who does it: a name that can be asked.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def status(*, model: NameOption = None, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show how the kill switch of a model stands.

    And every change it made: who, when and why.
    """
    from scorekit import render_state, switches

    render_state.show_switch(switches.status(model, store), as_json=as_json)


def trip(
    ctx: typer.Context,
    *,
    by: WhoOption,
    reason: ReasonOption,
    model: NameOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the kill switch: nothing is published any more.

    It holds for every process that scores with the model, within a second, and
    until somebody resets it.
    """
    from scorekit import render_state, switches

    alerts, problem = _alerts(ctx)
    moved = switches.trip(model, who=by, reason=reason, alerts=alerts, store=store)
    render_state.show_moved(moved, problem, as_json=as_json)


def reset(
    ctx: typer.Context,
    *,
    by: WhoOption,
    reason: ReasonOption,
    half_open: Annotated[
        bool,
        typer.Option("--half-open", help="Score, but keep the scores back until enough windows were clean."),
    ] = False,
    model: NameOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close the kill switch again.

    What was counted is forgotten, and counted anew.
    """
    from scorekit import render_state, switches

    alerts, problem = _alerts(ctx)
    moved = switches.reset(model, who=by, reason=reason, half_open=half_open, alerts=alerts, store=store)
    render_state.show_moved(moved, problem, as_json=as_json)


def _alerts(ctx: typer.Context) -> tuple[AlertSettings | None, str | None]:
    """Who is told; and what is wrong with the policy, which keeps nobody from moving a switch."""
    from scorekit.commands.options import policy_of

    try:
        return policy_of(ctx).alerts, None
    except UsageError as error:
        return None, f"nobody is told: {error.message}"
