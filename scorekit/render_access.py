"""What people see of API keys, and what programs do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scorekit.access.keys import KeyList, NewKey
from scorekit.render_manifest import columns_table, text
from scorekit.state.keys import KeyRecord
from scorekit.terminal import terminal

_STATES = {"live": "[green]live[/]", "expired": "[yellow]expired[/]", "revoked": "[dim]revoked[/]"}


def show_new_key(made: NewKey, *, as_json: bool) -> None:
    """Write a key to stdout, alone or as one JSON object, and on stderr whose it is."""
    record = made.record
    if as_json:
        terminal.answer_json({"key": made.key, **_key_json(record, record.created)})
        return
    terminal.answer_file(f"{made.key}\n")
    terminal.report(
        "key_created",
        _key_json(record, record.created),
        f"[bold]{text(record.name)}[/]: key {record.id} for {', '.join(record.scopes)}, {_until(record)}",
        "[dim]keep it now: it cannot be shown again[/]",
    )


def show_keys(found: KeyList, *, as_json: bool) -> None:
    """Show every key on stdout."""
    if as_json:
        keys = [_key_json(key, found.at) for key in found.keys]
        terminal.answer_json({"database": found.place, "keys": keys})
        return
    if not found.keys:
        terminal.answer("[dim]no key was made yet[/]")
        return
    table = columns_table("id", "name", "scopes", "state", "made by", "expires (UTC)", "last used (UTC)")
    for key in found.keys:
        table.add_row(
            key.id,
            text(key.name),
            ", ".join(key.scopes),
            _STATES[key.state(found.at)],
            text(key.created_by),
            _minute(key.expires) or "never",
            _minute(key.last_used) or "never",
        )
    terminal.answer(table)


def show_revoked(key: KeyRecord, *, as_json: bool) -> None:
    """Say that a key is revoked on stderr, or as one JSON object on stdout."""
    found = _key_json(key, key.created)
    if as_json:
        terminal.answer_json(found)
        return
    terminal.report(
        "key_revoked",
        found,
        f"[bold]{text(key.name)}[/]: key {key.id} was revoked by {text(key.revoked_by or '')},"
        f" {_minute(key.revoked)} UTC",
    )


def _until(key: KeyRecord) -> str:
    return f"until {_minute(key.expires)} UTC" if key.expires is not None else "until it is revoked"


def _key_json(key: KeyRecord, at: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "state": key.state(at),
        "created": _iso(key.created),
        "created_by": key.created_by,
        "expires": _iso(key.expires),
        "revoked": _iso(key.revoked),
        "revoked_by": key.revoked_by,
        "last_used": _iso(key.last_used),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else ""
