"""What people see of one version and of its aliases, and what programs do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from scorekit.render_manifest import (
    columns_table,
    engine,
    metrics_table,
    minute,
    rows,
    short,
    some,
    task,
    text,
)
from scorekit.store.manifest import Manifest
from scorekit.store.references import Ref
from scorekit.store.signatures import KeyPair, Signing, Standing
from scorekit.store.verification import Verification
from scorekit.terminal import terminal
from scorekit.versions import AliasHistory, Checked, Version

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_MOST_INPUTS = 40
"""Inputs that are shown; ``--json`` has all."""

_STANDING: dict[Standing, str] = {
    "valid": "signed by a key that is trusted here",
    "unchecked": "signed, and not checked: SCOREKIT_TRUSTED_KEYS is not set",
    "unsigned": "not signed",
    "untrusted": "[yellow]signed, but by no key that is trusted here[/]",
    "broken": "[red]the signature does not hold[/]",
}


def ref_json(ref: Ref) -> dict[str, Any]:
    """A version for programs."""
    return {"model": str(ref), "name": ref.name, "version": ref.version}


def signing_json(signing: Signing) -> dict[str, Any]:
    """What signatures are worth for programs."""
    return {"standing": signing.standing, "keys": list(signing.keys)}


# One version -------------------------------------------------------------------------


def show_version(version: Version, *, as_json: bool) -> None:
    """Show what a version says of itself on stdout."""
    if as_json:
        terminal.answer_json(version_json(version))
        return
    aliases = f"  ({text(', '.join(version.aliases))})" if version.aliases else ""
    metrics = metrics_table(version.manifest.metrics)
    measured = "  not measured on rows it had not seen" if metrics is None else metrics
    terminal.answer(
        f"[bold]{text(str(version.ref))}[/]{aliases}",
        _facts(version),
        "",
        measured,
        "",
        *_inputs(version.manifest),
    )


def version_json(version: Version) -> dict[str, Any]:
    """The same for programs."""
    return {
        **ref_json(version.ref),
        "store": version.store,
        "aliases": list(version.aliases),
        "signing": signing_json(version.signing),
        "manifest": version.manifest.plain(),
    }


def show_card(ref: Ref, card: str, *, as_json: bool) -> None:
    """Show a model card on stdout: drawn on a terminal, else as the file is."""
    if as_json:
        terminal.answer_json({**ref_json(ref), "card": card})
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        terminal.answer(Markdown(card), wrap=True)
    else:
        terminal.answer_file(card)


def _facts(version: Version) -> Table:
    manifest = version.manifest
    facts = [
        ("target", f"{text(manifest.target)}: {task(manifest)}"),
        ("estimator", _estimator(manifest)),
        ("rows", rows(manifest)),
        *(("data", f"{text(file.uri)} [dim]{short(file.sha256)}[/]") for file in manifest.training.files),
        ("scored by", engine(manifest)),
        ("made", _made(manifest)),
        ("files", _files(manifest)),
        ("digest", manifest.digest),
        ("signature", "\n".join([_STANDING[version.signing.standing], *version.signing.keys])),
    ]
    table = _grid()
    for name, fact in facts:
        table.add_row("", name, fact)
    return table


def _grid() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _estimator(manifest: Manifest) -> str:
    params = ", ".join(f"{name}={value}" for name, value in manifest.params.items())
    return text(f"{manifest.estimator} with {params}" if params else manifest.estimator)


def _made(manifest: Manifest) -> str:
    made = manifest.environment
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    where = f"{minute(manifest.created)} UTC with Python {made.python}, {packages} on {made.platform}"
    if made.git_commit is None:
        return text(where)
    dirty = " with changes that were not committed" if made.git_dirty else ""
    return text(f"{where}; git commit {short(made.git_commit)}{dirty}")


def _files(manifest: Manifest) -> str:
    from rich.filesize import decimal

    return text(", ".join(f"{name} ({decimal(entry.size)})" for name, entry in manifest.files.items()))


def _inputs(manifest: Manifest) -> list[RenderableType]:
    features = manifest.inputs.features
    table = columns_table("input", "kind", "in training", "missing")
    for feature in features[:_MOST_INPUTS]:
        seen = some(feature.levels) if feature.kind == "category" else feature.span
        table.add_row(text(feature.name), feature.kind, text(seen), "yes" if feature.nullable else "no")
    more = len(features) - _MOST_INPUTS
    return [table, f"[dim]and {more:,} more inputs; --json has all[/]"] if more > 0 else [table]


# Whether versions hold ---------------------------------------------------------------


def show_checked(checked: Checked, *, as_json: bool) -> None:
    """Show what holds and what does not on stdout; what holds is left out when quiet."""
    if as_json:
        versions = [_verification_json(version) for version in checked.versions]
        ok = not checked.problems
        terminal.answer_json(
            {"store": checked.store, "ok": ok, "versions": versions, "aliases": list(checked.aliases)}
        )
        return
    for version in checked.versions:
        if not (terminal.quiet and version.ok):
            terminal.answer(*_verification(version))
    for problem in checked.aliases:
        terminal.answer(f"[red]broken[/]  {text(problem)}")


def _verification(version: Verification) -> list[str]:
    name = f"[bold]{text(str(version.ref))}[/]"
    if version.ok:
        return [f"[green]holds[/]   {name}: {_holding(version)}"]
    return [f"[red]broken[/]  {name}: {text(problem)}" for problem in version.problems]


def _holding(version: Verification) -> str:
    return f"{len(version.files)} files, {_STANDING[version.signing.standing]}"


def _verification_json(version: Verification) -> dict[str, Any]:
    return {
        **ref_json(version.ref),
        "ok": version.ok,
        "digest": version.digest,
        "files": [{"path": file.path, "state": file.state, "size": file.size} for file in version.files],
        "signing": signing_json(version.signing),
        "problems": list(version.problems),
    }


# Aliases -----------------------------------------------------------------------------


def show_move(moved: AliasHistory, *, as_json: bool) -> None:
    """Say where an alias points now, on stderr, or as one JSON object on stdout."""
    found, last = move_json(moved), moved.moves[-1]
    if as_json:
        terminal.answer_json(found)
        return
    before = {None: "is new", moved.version: "did so already"}.get(
        last.from_version, f"pointed at version {last.from_version}"
    )
    alias = f"{text(moved.name)}@{text(moved.alias)}"
    said = f"[bold]{alias}[/] points at version [bold]{moved.version}[/] ({before})"
    terminal.report("alias_moved", found, said)


def move_json(moved: AliasHistory) -> dict[str, Any]:
    """The last move of an alias for programs."""
    move = moved.moves[-1].plain()
    return {"name": moved.name, "alias": moved.alias, "version": moved.version, "move": move}


def show_history(history: AliasHistory, *, as_json: bool) -> None:
    """Show every move of an alias on stdout."""
    if as_json:
        moves = [move.plain() for move in history.moves]
        terminal.answer_json(
            {"name": history.name, "alias": history.alias, "version": history.version, "history": moves}
        )
        return
    alias = f"[bold]{text(history.name)}@{text(history.alias)}[/]"
    if not history.moves:
        terminal.answer(f"{alias} points at version {history.version}, the first; nobody moved it")
        return
    table = columns_table("when (UTC)", "version", "by", "why")
    for move in history.moves:
        step = f"{move.from_version} → {move.to_version}" if move.from_version else f"→ {move.to_version}"
        table.add_row(minute(move.at), step, text(move.by), text(move.why))
    table.columns[1].justify = "right"
    terminal.answer(alias, table)


# Signatures --------------------------------------------------------------------------


def show_signed(ref: Ref, key: str, *, as_json: bool) -> None:
    """Say what was signed, on stderr, or as one JSON object on stdout."""
    found = {**ref_json(ref), "key": key}
    if as_json:
        terminal.answer_json(found)
        return
    terminal.report("signed", found, f"[bold]signed[/] [bold]{text(str(ref))}[/] with the key {key}")


def show_key(pair: KeyPair, *, as_json: bool) -> None:
    """Say where a new pair of keys is, on stderr, or as one JSON object on stdout."""
    found = {"private": str(pair.private), "public": str(pair.public), "key": pair.fingerprint}
    if as_json:
        terminal.answer_json(found)
        return
    public = text(str(pair.public))
    terminal.report(
        "key_made",
        found,
        f"[bold]made[/] the key {pair.fingerprint}",
        f"  private   {text(str(pair.private))}: keep it secret, and sign with it",
        f"  public    {public}: whoever scores trusts it with SCOREKIT_TRUSTED_KEYS={public}",
        "",
        f"  next: scorekit models sign MODEL --key {text(str(pair.private))}",
    )
