"""``scorekit check``: a plugin for monitoring systems."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption, read_age
from scorekit.commands.switch import NameOption
from scorekit.errors import UsageError


def check(
    *,
    model: NameOption = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age", metavar="AGE", help="Such as 26h: CRITICAL when the last run ended before."
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say how a model does, as a monitoring plugin.

    One line with numbers to draw, for Nagios and its kin. The exit code is 0 for OK,
    1 for WARNING, 2 for CRITICAL and 3 for UNKNOWN, which is also where nothing was
    judged yet or the state cannot be read.
    """
    from scorekit import monitoring, render_state

    try:
        age = read_age("--max-age", max_age) if max_age is not None else None
        health = monitoring.examine(model, store=store, max_age=age)
    except UsageError as error:
        health = monitoring.Health("UNKNOWN", model or "", (error.message, error.hint or ""))
    except Exception as error:  # noqa: BLE001 - other exit codes would be taken for CRITICAL
        said = f"{type(error).__name__}: {error}"
        health = monitoring.Health("UNKNOWN", model or "", (said,))
    render_state.show_health(health, as_json=as_json)
    return health.exit_code
