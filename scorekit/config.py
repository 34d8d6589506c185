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
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scorekit.errors import UsageError
from scorekit.known_options import OPTIONS, Kind
from scorekit.nearest import nearest

DEFAULT_FILE = "scorekit.toml"
ENVIRONMENT_PREFIX = "SCOREKIT_"
CONFIG_META = "scorekit.config"
"""Where the command line keeps the path of ``--config`` for the command."""

VARIABLES: Mapping[str, str] = {
    "SCOREKIT_CONFIG": "the settings file, as `--config` names it",
    "SCOREKIT_TRUSTED_KEYS": "public keys that versions must be signed by ([versions](versions.md))",
    "SCOREKIT_DATABASE_URL": "the database that holds the state, as a secret",
    "SCOREKIT_DATABASE_URL_FILE": "a file that holds that secret",
    "SCOREKIT_KEY_PEPPER": "what API keys are kept with, as a secret ([security](security.md))",
    "SCOREKIT_KEY_PEPPER_FILE": "a file that holds that secret",
    "SCOREKIT_AWS_ROLE_ARN": "a role to assume for `s3://` ([versions](versions.md#s3))",
    "SCOREKIT_AWS_EXTERNAL_ID": "what that role asks for",
    "SCOREKIT_AWS_SESSION_NAME": "how that role's session is called",
    "SCOREKIT_REDIS_USER": "who logs in to Redis, where the address does not say ([brokers](brokers.md))",
    "SCOREKIT_REDIS_PASSWORD": "that user's password, as a secret",
    "SCOREKIT_REDIS_PASSWORD_FILE": "a file that holds that secret",
    "SCOREKIT_AMQP_USER": "who logs in to RabbitMQ, where the address does not say",
    "SCOREKIT_AMQP_PASSWORD": "that user's password, as a secret",
    "SCOREKIT_AMQP_PASSWORD_FILE": "a file that holds that secret",
    "SCOREKIT_KAFKA_USER": "who logs in to Kafka, where the address does not say",
    "SCOREKIT_KAFKA_PASSWORD": "that user's password, as a secret",
    "SCOREKIT_KAFKA_PASSWORD_FILE": "a file that holds that secret",
    "SCOREKIT_NATS_USER": "who logs in to NATS, where the address does not say",
    "SCOREKIT_NATS_PASSWORD": "that user's password, as a secret",
    "SCOREKIT_NATS_PASSWORD_FILE": "a file that holds that secret",
    "SCOREKIT_NATS_TOKEN": "a token for NATS in place of user and password, as a secret",
    "SCOREKIT_NATS_TOKEN_FILE": "a file that holds that secret",
}
"""Variables of the environment that stand for no option of their own."""

RESERVED_TABLES = frozenset({"quality", "fallback", "switch", "alerts", "auth"})
"""Tables that are no commands: the policy, and whose tokens are taken; read where they are used."""

KINDS: Mapping[Kind, tuple[type, ...]] = {
    "a text": (str,),
    "a whole number": (int,),
    "a number": (int, float),
    "true or false": (bool,),
    "a list of texts": (list,),
}
"""What of TOML each kind of option takes."""


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
        """Defaults of a command's options, by the option's name (``chunk-rows``)."""
        general = {key: value for key, value in self.values.items() if not isinstance(value, dict)}
        return {_option(key): value for key, value in {**general, **self._own(command)}.items()}

    def _own(self, command: str) -> Mapping[str, Any]:
        own: Mapping[str, Any] = {} if command in RESERVED_TABLES else self.values.get(command, {})
        return own

    def check(self) -> None:
        """Refuse what no command would read, and values that no option would take.

        What a reserved table holds is checked where it is used.

        Raises
        ------
        UsageError
            Naming the file, the line and the nearest known name.
        """
        tables = OPTIONS.keys() | RESERVED_TABLES
        general = _kinds(*OPTIONS.values())
        for key, value in self.values.items():
            if isinstance(value, dict):
                self._check_known(tables, key)
                if key not in RESERVED_TABLES:
                    self._check_table(key, value)
            else:
                self._check_no_table(tables, key)
                self._check_option(general, value, key)

    def _check_table(self, table: str, content: Mapping[str, Any]) -> None:
        known = _kinds(OPTIONS[table])
        for key, value in content.items():
            self._check_option(known, value, table, key)

    def _check_option(self, known: Mapping[str, frozenset[Kind]], value: Any, *path: str) -> None:
        self._check_known(known, *path)
        kinds = known[_option(path[-1])]
        if not any(_fits(value, kind) for kind in kinds):
            taken = " or ".join(sorted(kinds))
            raise UsageError(
                f"{self.place(*path)}: {path[-1]} takes {taken}, not {_described(value)}",
                hint=_written_as(path[-1], value, kinds),
            )

    def _check_known(self, known: Collection[str], *path: str) -> None:
        name = _option(path[-1])
        if name in known:
            return
        near = nearest(name, known)
        raise UsageError(
            f"{self.place(*path)}: no such setting: {path[-1]}",
            hint=f"did you mean {near}?" if near else "see the options of `scorekit --help` and its commands",
        )

    def _check_no_table(self, tables: Collection[str], key: str) -> None:
        if key in tables:
            raise UsageError(
                f"{self.place(key)}: {key} is a table of settings, not a value",
                hint=f"write [{key}] on a line of its own, and what it holds below",
            )

    def texts(self) -> frozenset[str]:
        """Every text in the file, however deep: some name a variable that holds a secret."""
        return frozenset(_texts(self.values))

    def place_of(self, table: str, option: str) -> str:
        """File and line of an option: in its table, else above all of them."""
        for path, content in (((table,), self._own(table)), ((), self.values)):
            for key in content:
                if _option(key) == option:
                    return self.place(*path, key)
        return str(self.path)

    def place(self, *path: str) -> str:
        """File and line of a table or a key, by the names of the tables around it and its own."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path else []
        wanted, within = list(path), []
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text.startswith("["):
                within = found = _parts(text.lstrip("["), "]")
            else:
                found = _parts(text, "=")
                found = [*within, *found] if found else []
            if found[: len(wanted)] == wanted:
                return f"{self.path}:{number}"
        return str(self.path)


_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def variable_of(option: str) -> str:
    """The environment's name for an option: ``SCOREKIT_CHUNK_ROWS``."""
    return ENVIRONMENT_PREFIX + option.replace("-", "_").upper()


def split_list(value: str, variable: str) -> list[str]:
    """A variable that holds several texts: a JSON list, or words with blanks between them.

    Raises
    ------
    UsageError
        If it begins like a JSON list and is none of texts.

    Examples
    --------
    >>> split_list("age job", "X"), split_list('["last contact", "age"]', "X")
    (['age', 'job'], ['last contact', 'age'])
    """
    if not value.lstrip().startswith("["):
        return value.split()
    import json

    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not _fits(found, "a list of texts"):
        raise UsageError(
            f"{variable} begins with a bracket and is no JSON list of texts",
            hint=f"""write {variable}='["last contact", "age"]', or words with blanks between them""",
        )
    return list(found)


def known_variables() -> frozenset[str]:
    """Every variable of ours that something reads."""
    return frozenset(VARIABLES) | {variable_of(option) for options in OPTIONS.values() for option in options}


def _parts(text: str, end: str) -> list[str]:
    """Parts of the dotted key that a text begins with, up to ``end``; a quoted one may hold anything."""
    parts, found = [], _PART.match(text)
    while found is not None:
        parts.append(_unquoted(found[1]))
        after = text[found.end() : found.end() + 1]
        if after != ".":
            return parts if after == end else []
        found = _PART.match(text, found.end() + 1)
    return []


def _unquoted(part: str) -> str:
    import tomllib

    if not part.startswith(('"', "'")):
        return part
    try:
        content: str = tomllib.loads(f"part = {part}")["part"]
    except tomllib.TOMLDecodeError:  # a line of a longer text that looks like a key
        return part
    return content


def _kinds(*tables: Mapping[str, Kind]) -> dict[str, frozenset[Kind]]:
    """What an option may take in any of some tables."""
    kinds: dict[str, frozenset[Kind]] = {}
    for options in tables:
        for option, kind in options.items():
            kinds[option] = kinds.get(option, frozenset()) | {kind}
    return kinds


def _option(key: str) -> str:
    """An option's name; the file may have underscores in it."""
    return key.replace("_", "-")


def _fits(value: Any, kind: Kind) -> bool:
    if kind == "a list of texts":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, KINDS[kind]) and (kind == "true or false" or not isinstance(value, bool))


def _described(value: Any) -> str:
    """A value of TOML for a person, who wrote it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{value}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        others = [each for each in value if not isinstance(each, str)]
        return f"a list with {_described(others[0])}" if others else "a list"
    return "a table" if isinstance(value, dict) else f"the time {value}"


def _written_as(key: str, value: Any, kinds: frozenset[Kind]) -> str | None:
    """How to write what may be meant."""
    if isinstance(value, str):
        return f'write {key} = ["{value}"]' if "a list of texts" in kinds else "write it without quotes"
    if isinstance(value, int | float) and not isinstance(value, bool) and "a text" in kinds:
        return f'write {key} = "{value}"'
    return None


def load(path: Path | None, option: str = "--config") -> Settings:
    """Read a settings file.

    Parameters
    ----------
    path : Path or None
        None means ``scorekit.toml`` in the working directory, if there is one.
    option : str
        The option that names it.

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
        variable = variable_of(option[2:])
        raise UsageError(
            f"no such settings file: {chosen}", hint=f"{option} and {variable} name it"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{chosen} is not valid TOML: {error}",
            hint="texts stand in quotes, names of tables in brackets on a line of their own",
        ) from None
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
