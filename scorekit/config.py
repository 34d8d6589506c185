"""Settings: ``scorekit.toml``, and where each value came from.

A value is taken from the option, else the environment (``SCOREKIT_<OPTION>``),
else the file, else the default. In the file, options stand by their names; a table
named like a command holds what is for that command only::

    store = "s3://models/prod"
    model = "bank"

    [score-batch]
    threads = 4
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scorekit.errors import UsageError

DEFAULT_FILE = "scorekit.toml"
ENVIRONMENT_PREFIX = "SCOREKIT_"
CONFIG_META = "scorekit.config"
"""Where the command line keeps the path of ``--config`` for the command."""

RESERVED_TABLES = frozenset({"quality", "fallback", "switch", "alerts"})
"""Tables that are no commands: the policy, read where it is used."""


PARAMETERS = {"format": "file_format", "json": "as_json"}
"""Options whose parameter has another name, because theirs is taken in Python."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a settings file says.

    Attributes
    ----------
    path : Path or None
        The file, if there is one.
    values : mapping
        Its content.
    """

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def for_command(self, command: str) -> dict[str, Any]:
        """Defaults of a command's options, by parameter name (``chunk_rows``)."""
        general = {key: value for key, value in self.values.items() if not isinstance(value, dict)}
        own = self.values.get(command, {})
        named = {key.replace("_", "-"): value for key, value in {**general, **own}.items()}
        return {PARAMETERS.get(key, key.replace("-", "_")): value for key, value in named.items()}

    def check_tables(self, commands: Iterable[str]) -> None:
        """Refuse a table that is neither a command nor a policy.

        Raises
        ------
        UsageError
            Naming the file, the line and the nearest known name.
        """
        known = frozenset(commands) | RESERVED_TABLES
        for key, value in self.values.items():
            if isinstance(value, dict):
                self._known(key, known)
            elif key in known:
                raise UsageError(
                    f"{self.path}:{self._line(key)}: {key} is a table of settings, not a value",
                    hint=f"write [{key}] on a line of its own, and what it holds below",
                )

    def check_options(self, command: str, options: Iterable[str]) -> None:
        """Refuse an option in a command's own table that the command does not have.

        Raises
        ------
        UsageError
            Naming the file, the line and the nearest known name.
        """
        for key in self.values.get(command, {}):
            self._known(key, frozenset(options))

    def check_general(self, options: Iterable[str]) -> None:
        """Refuse an option outside of tables that no command has.

        Raises
        ------
        UsageError
            Naming the file, the line and the nearest known name.
        """
        for key, value in self.values.items():
            if not isinstance(value, dict):
                self._known(key, frozenset(options))

    def _known(self, key: str, known: frozenset[str]) -> None:
        name = key.replace("_", "-")
        if name in known:
            return
        import difflib

        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"{self.path}:{self._line(key)}: no such setting: {key}",
            hint=f"did you mean {near[0]}?" if near else None,
        )

    def _line(self, key: str) -> int:
        lines = self.path.read_text().splitlines() if self.path else []
        for number, line in enumerate(lines, start=1):
            name = line.split("=")[0].strip().strip("[]").strip().strip("\"'")
            if name == key:
                return number
        return 1


def load(path: Path | None) -> Settings:
    """Read a settings file.

    Parameters
    ----------
    path : Path or None
        None means ``scorekit.toml`` in the working directory, if there is one.

    Raises
    ------
    UsageError
        If the named file is missing, or a file is no TOML; names the line.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path is None and not chosen.exists():
        return Settings()
    import tomllib

    try:
        return Settings(chosen, tomllib.loads(chosen.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"no such settings file: {chosen}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{chosen} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read {chosen}: {error.strerror}") from None


def secret(name: str) -> str | None:
    """A secret from ``SCOREKIT_<NAME>`` or from the file that ``SCOREKIT_<NAME>_FILE`` names.

    Raises
    ------
    UsageError
        If the file cannot be read.
    """
    value = os.environ.get(ENVIRONMENT_PREFIX + name)
    file = os.environ.get(f"{ENVIRONMENT_PREFIX}{name}_FILE")
    if value is not None or file is None:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read {ENVIRONMENT_PREFIX}{name}_FILE {file}: {error.strerror}") from None
