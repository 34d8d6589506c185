"""``scorekit doctor``."""

from __future__ import annotations

import typer

from scorekit.commands.options import JsonOption, StoreOption


def doctor(ctx: typer.Context, *, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show what is installed, active and reachable."""
    from scorekit import config, render_doctor
    from scorekit import doctor as library

    report = library.examine(
        store,
        ctx.meta[config.CONFIG_META],
        settings_from=_origin(ctx, "config_file"),
        store_from=_origin(ctx, "store"),
    )
    render_doctor.show(report, as_json=as_json)
    if not report.healthy:
        raise typer.Exit(7)


def _origin(ctx: typer.Context, parameter: str) -> str:
    """Where the value of an option came from."""
    source = ctx.get_parameter_source(parameter)
    names = {"COMMANDLINE": "option", "ENVIRONMENT": "environment", "DEFAULT_MAP": "file"}
    return names.get(source.name, "default") if source is not None else "default"
