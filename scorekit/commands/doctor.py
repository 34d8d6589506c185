"""``scorekit doctor``."""

from __future__ import annotations

import typer

from scorekit.commands.options import JsonOption, StoreOption


def doctor(ctx: typer.Context, *, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show what is installed, active and reachable."""
    from scorekit import config, render_doctor
    from scorekit import doctor as library

    settings = ctx.meta[config.CONFIG_META]
    origin = ctx.get_parameter_source("store")
    source = (
        origin.name.lower().replace("commandline", "option").replace("default_map", "file") if origin else ""
    )
    report = library.examine(store, library.setting_origins(settings, store, source))
    render_doctor.show(report, as_json=as_json)
    if not report.healthy:
        raise typer.Exit(7)
