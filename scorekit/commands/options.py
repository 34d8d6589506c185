"""Options that several commands share, each described once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorekit.errors import UsageError

if TYPE_CHECKING:
    from scorekit.policy import Policy

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
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy", help=r"File with \[quality], \[fallback] and \[switch]. Default: the settings file."
    ),
]
WindowRowsOption = Annotated[int, typer.Option("--window-rows", min=1, help="Rows that are judged together.")]
WindowSecondsOption = Annotated[
    float, typer.Option("--window-seconds", min=1, help="Seconds after which fewer are judged, too.")
]
TrainFromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--train-from", metavar="PLACE", help="Folder or s3:// prefix that clients may name as data."
    ),
]
UploadsOption = Annotated[
    Path | None,
    typer.Option(
        "--uploads",
        help="Folder of uploaded data, which all who carry out jobs share. Default: beside the store.",
    ),
]
AllowMismatchOption = Annotated[
    bool, typer.Option("--allow-mismatch", help="Load a pickle of another scikit-learn minor version.")
]


def given_store(ctx: typer.Context) -> str | None:
    """What ``--store`` was given as, for the command that comes next; the environment and the file stay."""
    source = ctx.get_parameter_source("store")
    store: str | None = ctx.params["store"]
    return store if source is not None and source.name == "COMMANDLINE" else None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_age(option: str, given: str) -> timedelta:
    """An age such as ``90d``, ``26h`` or ``30m``.

    Raises
    ------
    UsageError
        If it is none, naming the option.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", given.strip())
    if found is None:
        raise UsageError(f"{option} takes an age, not {given!r}", hint="write it as 90d, 26h or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def read_size(option: str, given: str) -> int:
    """A size such as ``4GiB`` or ``512MiB``, in bytes.

    Raises
    ------
    UsageError
        If it is none, naming the option.
    """
    found = re.fullmatch(r"([0-9]{1,9})\s?([KMGT]iB|B)", given.strip())
    if found is None:
        raise UsageError(f"{option} takes a size, not {given!r}", hint="write it as 4GiB, 512MiB or 1000B")
    return int(found[1]) * _SIZES[found[2]]


def who(by: str | None) -> str:
    """Who does it, for a history: as given, else the user's name, as far as there is one."""
    import getpass

    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run as a user nobody has named
        return "unknown"


def policy_of(ctx: typer.Context, file: Path | None = None) -> Policy:
    """The policy of a named file, else of the settings that the command runs by."""
    from scorekit import config
    from scorekit.policy import read_policy

    settings = ctx.meta[config.CONFIG_META] if file is None else config.load(file, "--policy")
    if file is not None:
        settings.check()
    return read_policy(settings)
