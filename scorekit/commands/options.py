"""Options that several commands share, each described once."""

from __future__ import annotations

from typing import Annotated

import typer

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Where versions live: a folder or s3://bucket/prefix. Default: models."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Model: NAME, NAME:VERSION or NAME@ALIAS. May be left out while there is one."
    ),
]
ReferenceArgument = Annotated[str, typer.Argument(metavar="MODEL", help="NAME, NAME:VERSION or NAME@ALIAS.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who does it, for the history. Default: you.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for the history.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads that score. Default: one for each core.")
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="parquet, csv, tsv, jsonl or arrow. Default: by the file's ending."),
]
AllowMismatchOption = Annotated[
    bool, typer.Option("--allow-mismatch", help="Load a pickle of another scikit-learn minor version.")
]


def given_store(ctx: typer.Context) -> str | None:
    """What ``--store`` was given as, for the command that comes next; the environment and the file stay."""
    source = ctx.get_parameter_source("store")
    store: str | None = ctx.params["store"]
    return store if source is not None and source.name == "COMMANDLINE" else None


def who(by: str | None) -> str:
    """Who does it, for a history: as given, else the user's name, as far as there is one."""
    import getpass

    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run as a user nobody has named
        return "unknown"
