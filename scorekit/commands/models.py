"""``scorekit models``: one function for each verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scorekit.commands.options import (
    ByOption,
    JsonOption,
    ReferenceArgument,
    StoreOption,
    WhyOption,
    given_store,
    who,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]
AliasOption = Annotated[str, typer.Option("--alias", help="The alias that is meant.")]


def list_models(
    ctx: typer.Context,
    only: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One model, with all of its versions.")
    ] = None,
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List models and their versions.

    Newest first, with the metric that stands for the others. A version that
    cannot be read is listed as broken.
    """
    from scorekit import render_overview, versions

    found = versions.overview(store, only)
    render_overview.show_overview(found, whole=only is not None, store=given_store(ctx), as_json=as_json)


def show(
    model: ReferenceArgument,
    *,
    card: Annotated[bool, typer.Option("--card", help="Print the model card, in Markdown.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a version says of itself.

    With `--json` it is the whole manifest. What no trusted key has signed is
    shown too, and says so: whoever signs it has to read it first.
    """
    from scorekit import render_models, versions

    if card:
        render_models.show_card(*versions.read_card(model, store), as_json=as_json)
    else:
        render_models.show_version(versions.look(model, store), as_json=as_json)


def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="NAME, NAME:VERSION or NAME@ALIAS. Default: every version."),
    ] = None,
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every hash and the signature of a version.

    The exit code is 4 when anything does not hold.
    """
    from scorekit import render_models, versions
    from scorekit.terminal import terminal

    with terminal.progress() as progress:
        checked = versions.verify(models or (), store=store, progress=progress)
    render_models.show_checked(checked, as_json=as_json)
    checked.require()


def promote(
    reference: ReferenceArgument,
    *,
    alias: AliasOption = "champion",
    by: ByOption = None,
    why: WhyOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at a version.

    `scorekit score -m NAME` uses the champion. The move stands in the history.
    """
    from scorekit import render_models, versions

    moved = versions.promote(reference, alias, by=who(by), why=why, store=store)
    render_models.show_move(moved, as_json=as_json)


def rollback(
    of: NameArgument,
    *,
    alias: AliasOption = "champion",
    by: ByOption = None,
    why: WhyOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at what it pointed at before.

    A second rollback is the way back.
    """
    from scorekit import render_models, versions

    moved = versions.rollback(of, alias, by=who(by), why=why, store=store)
    render_models.show_move(moved, as_json=as_json)


def history(
    of: NameArgument,
    *,
    alias: AliasOption = "champion",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who moved an alias, when and why."""
    from scorekit import render_models, versions

    render_models.show_history(versions.history(of, alias, store=store), as_json=as_json)


def diff(
    a: ReferenceArgument,
    b: ReferenceArgument,
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how two versions differ.

    Data, target, inputs, recipe, scoring and environment where they differ,
    and the metrics side by side.
    """
    from scorekit import comparison, render_comparison

    render_comparison.show(comparison.compare(a, b, store=store), as_json=as_json)


def keygen(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The private key; FILE.pub is the public one.")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a pair of Ed25519 keys to sign with.

    `openssl genpkey -algorithm ed25519` makes the same.
    """
    from scorekit import render_models
    from scorekit.store import signatures

    render_models.show_key(signatures.generate_key(file), as_json=as_json)


def sign(
    reference: ReferenceArgument,
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Ed25519 private key, in PEM.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a version with an Ed25519 key.

    Its files are checked first. Where SCOREKIT_TRUSTED_KEYS names public keys,
    a version that none of them signed is refused.
    """
    from scorekit import render_models, versions

    render_models.show_signed(*versions.sign(reference, key, store=store), as_json=as_json)
