"""What the documents take from the code itself; cog puts it in, and CI sees that it still holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scorekit import cli, command_table, config, errors
from scorekit.engine.flaws import FLAWS
from scorekit.engine.lowering import table


def commands() -> str:
    """Every command and what it does, as a table."""
    rows = [(name, entry.help) for name, entry in command_table.COMMANDS.items()]
    for group, (_, _, entries) in command_table.GROUPS.items():
        rows += [(f"{group} {name}", entry.help) for name, entry in entries.items()]
    return _table(("command", "does"), [(f"`scorekit {name}`", help_text) for name, help_text in rows])


def help_of(*command: str) -> str:
    """What ``--help`` of a command prints."""
    environment = {**os.environ, "COLUMNS": "90", "NO_COLOR": "1", "TERM": "dumb"}
    shown = subprocess.run(
        [sys.executable, "-m", "scorekit", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in environment.items() if not name.startswith("SCOREKIT_")},
    )
    lines = [line.rstrip() for line in shown.stdout.strip("\n").splitlines()]
    return "\n".join(["```text", *lines, "```"])


def all_help() -> str:
    """The help of every command, each below its name."""
    names = [(name,) for name in command_table.COMMANDS if name != "score"]
    names += [(group, name) for group, (_, _, entries) in command_table.GROUPS.items() for name in entries]
    return "\n\n".join(f"## {' '.join(name)}\n\n{help_of(*name)}" for name in names)


def exit_codes() -> str:
    """Exit codes, their meaning, and the HTTP status that says the same."""
    rows = [("0", "done", "200")]
    kinds = {error.exit_code: error for error in reversed(_errors(errors.ScorekitError))}
    for code, error in sorted(kinds.items()):
        same = {each.http_status for each in _errors(errors.ScorekitError) if each.exit_code == code}
        if code == errors.Refused.exit_code:
            same |= set(errors.REFUSALS.values())
        rows.append((str(code), error.meaning, ", ".join(map(str, sorted(same)))))
    rows += [("130, 143", "stopped by SIGINT or SIGTERM; nothing half is left", "–")]
    return _table(("exit code", "meaning", "HTTP"), rows)


def variables() -> str:
    """Variables of the environment beside those of the options."""
    rows = [(f"`{name}`", meaning) for name, meaning in config.VARIABLES.items()]
    rows.append(("`AWS_…`", "access keys, profile, region and endpoint, as everywhere"))
    rows.append(("`NO_COLOR`, `COLUMNS`", "no colour; width of what is printed where no terminal is"))
    return _table(("variable", "means"), rows)


def error_codes() -> str:
    """Stable names of errors."""
    rows = [(f"`{name}`", str(code.kind.exit_code), code.meaning) for name, code in errors.CODES.items()]
    return _table(("code", "exit code", "meaning"), rows)


def known_options() -> str:
    """The table of options, as Python."""
    lines = ["OPTIONS: Mapping[str, Mapping[str, Kind]] = {"]
    for name, options in cli.options_by_table().items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{option}": "{kind}",' for option, kind in sorted(options.items())]
        lines.append("    },")
    return "\n".join([*lines, "}"])


def fresh_statements() -> str:
    """What the migrations leave in a new database of SQLite, as Python."""
    import sqlite3
    import tempfile

    from scorekit.state import migrate, place

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.db"
        migrate.upgrade(place.find(url=f"sqlite:///{file}"))
        kept = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        statements = [str(row[0]) for row in sqlite3.connect(file).execute(kept)]
    lines = ["STATEMENTS: tuple[str, ...] = ("]
    lines += [f'    "{" ".join(statement.split())}",' for statement in statements]
    return "\n".join([*lines, ")"])


def flaws() -> str:
    """What can be wrong with a row."""
    rows = [
        (f"`{code}`", kind.message, "rejected" if kind.rejects else "scored, and flagged")
        for code, kind in FLAWS.items()
    ]
    return _table(("code", "meaning", "the row is"), rows)


def checks() -> str:
    """Every check of a window: its id, what it looks at, what it does unless the policy says otherwise."""
    from scorekit.quality.checks import CHECKS

    rows = [
        (f"`{check.id}`", (type(check).__doc__ or "").splitlines()[0].rstrip("."), f"`{check.action}`")
        for check in CHECKS
    ]
    return _table(("check", "looks at", "unless told otherwise"), rows)


def lowered() -> str:
    """Every class of scikit-learn that has a compiled form."""
    parts = []
    for title, entries in (("Transformers", table.TRANSFORMERS), ("Predictors", table.PREDICTORS)):
        names = sorted({name.rpartition(".")[2] for name in entries})
        parts.append(f"**{title}** ({len(names)}): " + ", ".join(f"`{name}`" for name in names) + ".")
    return "\n\n".join(parts)


def _errors(base: type[errors.ScorekitError]) -> list[type[errors.ScorekitError]]:
    own = [found for child in base.__subclasses__() for found in _errors(child)]
    return [base, *(error for error in own if error.__module__ == errors.__name__)]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
