"""``scorekit keys``: one function for each verb."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption, read_age

NEVER = "never"

WhoOption = Annotated[str, typer.Option("--by", help="Who does it: a name that can be asked.")]


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    *,
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE", help="What it may do: score, train or admin. May be repeated."
        ),
    ],
    by: WhoOption,
    expires: Annotated[
        str, typer.Option("--expires", metavar="AGE", help="How long it is good: 90d, 12h, or never.")
    ] = "90d",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key of NAME, and show it this once.

    Two keys of one name may be live at a time, so that a new one can take the
    place of another. `admin` may do what all the others may.
    """
    from scorekit import render_access
    from scorekit.access import keys

    until = None if expires.strip() == NEVER else read_age("--expires", expires)
    render_access.show_new_key(keys.create(name, scope, until, by, store), as_json=as_json)


def list_keys(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List every API key there was, and how it stands."""
    from scorekit import render_access
    from scorekit.access import keys

    render_access.show_keys(keys.listed(store), as_json=as_json)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its public part, as `keys list` shows it.")],
    *,
    by: WhoOption,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke an API key for good.

    Services that run take it for five seconds more at most.
    """
    from scorekit import render_access
    from scorekit.access import keys

    render_access.show_revoked(keys.revoke(key_id, by, store), as_json=as_json)
