"""``scorekit quality history``."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption
from scorekit.commands.switch import NameOption


def history(
    *,
    model: NameOption = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many windows.")] = 20,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show past verdicts of a model, newest last.

    With `--json` there is what every check said of each window.
    """
    from scorekit import render_state, switches

    render_state.show_history(switches.history(model, last=last, store=store), as_json=as_json)
