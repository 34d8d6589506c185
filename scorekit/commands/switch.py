"""``scorekit switch``: one function for each verb."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption

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

    render_state.show_moved(switches.trip(model, who=by, reason=reason, store=store), as_json=as_json)


def reset(
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

    moved = switches.reset(model, who=by, reason=reason, half_open=half_open, store=store)
    render_state.show_moved(moved, as_json=as_json)
