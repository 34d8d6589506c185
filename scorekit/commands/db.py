"""``scorekit db``: one function for each verb."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import JsonOption, StoreOption, read_age


def upgrade(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Make or migrate the state database.

    It is done in one step or not at all. A file of SQLite is migrated when it is
    used; PostgreSQL only by this command.
    """
    from scorekit import render_state
    from scorekit.state import migrate, place

    render_state.show_upgraded(migrate.upgrade(place.find(store)), as_json=as_json)


def status(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show where the state database is, and whether it can be used.

    The exit code is 7 when it cannot.
    """
    from scorekit import render_state
    from scorekit.state import migrate, place

    standing = migrate.look(place.find(store))
    render_state.show_standing(standing, as_json=as_json)
    standing.require()


def prune(
    *,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 90d, 12h or 8w: what is older goes.")
    ],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old windows, runs, alerts that were sent, and jobs that are over.

    Switches and their audit are kept. A run that was removed counts again when it
    is repeated.
    """
    from scorekit import render_state
    from scorekit.state import history

    pruned = history.prune(read_age("--older-than", older_than), store_uri=store)
    render_state.show_pruned(pruned, as_json=as_json)
