"""What is installed, what is active, what can be reached, and where settings come from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from scorekit import __version__, config
from scorekit.errors import ScorekitError
from scorekit.nearest import nearest
from scorekit.store.versions import DEFAULT_STORE, Store

_NEW_MODEL = "new"
"""A model that a store need not have, to see whether it could."""

Health = Literal["ok", "off", "bad"]

PACKAGES = (
    "numpy",
    "pyarrow",
    "scikit-learn",
    "pandas",
    "joblib",
    "obstore",
    "pydantic",
    "typer",
    "msgspec",
    "SQLAlchemy",
    "alembic",
)
EXTRAS = {
    "aws": ("boto3",),
    "sign": ("cryptography",),
    "db": ("psycopg",),
    "alerts": ("apprise",),
    "stream": ("confluent-kafka", "nats-py", "pika", "redis"),
    "serve": ("fastapi", "uvicorn", "prometheus-client", "limits", "joserfc", "huey", "Jinja2"),
    "otel": ("opentelemetry-sdk",),
}
"""What each extra brings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes
    ----------
    topic, name, value : str
    health : {"ok", "off", "bad"}
        ``off`` is optional and not there; ``bad`` needs a person.
    advice : str or None
    """

    topic: str
    name: str
    value: str
    health: Health = "ok"
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the doctor found."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.health != "bad" for finding in self.findings)


def examine(store: str | None, settings: config.Settings, *, settings_from: str, store_from: str) -> Report:
    """Look at the installation.

    Parameters
    ----------
    store : str or None
        Store to reach.
    settings : Settings
    settings_from, store_from : str
        Where the settings file and the store were named: option, environment, file or default.
    """
    findings = [
        *_installed(),
        *_extras(),
        _kernel(),
        _store(store),
        _trust(),
        _state(store),
        *_policy(settings),
    ]
    findings.append(_settings_file(settings, settings_from))
    if store_from == "file":
        store_from = settings.place_of("doctor", "store")
    findings.append(Finding("setting", "store", f"{store or DEFAULT_STORE} ({store_from})"))
    findings += [*_settings(settings), *_environment(settings)]
    return Report(tuple(findings))


def _installed() -> list[Finding]:
    found = [
        Finding("installed", "scorekit", __version__),
        Finding("installed", "python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    return found + [Finding("installed", name, version(name)) for name in PACKAGES]


def _extras() -> list[Finding]:
    return [_extra(extra, packages) for extra, packages in EXTRAS.items()]


def _extra(extra: str, packages: Sequence[str]) -> Finding:
    try:
        found = ", ".join(f"{package} {version(package)}" for package in packages)
    except PackageNotFoundError as missing:
        said = "not installed" if len(packages) == 1 else f"not installed: {missing.name}"
        return Finding("extra", extra, said, "off", f"pip install 'scorekit[{extra}]'")
    return Finding("extra", extra, found)


def _kernel() -> Finding:
    from scorekit.engine.tree_ops import kernel_available

    if kernel_available():
        return Finding("engine", "tree kernel", "compiled")
    return Finding(
        "engine",
        "tree kernel",
        "not built: trees are scored by scikit-learn",
        "off",
        "install a C compiler and install scorekit again",
    )


def _store(uri: str | None) -> Finding:
    try:
        store = Store.open(uri)
        names = store.names()
    except ScorekitError as error:
        return Finding("store", uri or DEFAULT_STORE, error.message, "bad", error.hint)
    found = f"{len(names)} model{'s' if len(names) != 1 else ''}"
    try:
        for name in (_NEW_MODEL, *names):
            store.check_writable(name)
    except ScorekitError:
        advice = (
            "it can be scored with; to train and to promote, whoever runs it has to be able to write there"
        )
        return Finding("store", store.uri, f"{found}, and it cannot be written to", "off", advice)
    return Finding("store", store.uri, found)


def _trust() -> Finding:
    """Whether the keys that versions have to be signed by can be read."""
    from scorekit.store import signatures

    try:
        keys = signatures.trusted_keys()
    except ScorekitError as error:
        return Finding("store", "trusted keys", error.message, "bad", error.hint)
    if keys is None:
        advice = f"{signatures.TRUST_VARIABLE} names public keys that versions have to be signed by"
        return Finding("store", "trusted keys", "none: every version is used", "off", advice)
    count = f"{len(keys)} key{'s' if len(keys) != 1 else ''}"
    return Finding("store", "trusted keys", f"{count}: only what they signed is used")


def _state(uri: str | None) -> Finding:
    """Whether the state database can be used; an embedded one is made when it is needed."""
    from scorekit.state import migrate, place

    try:
        standing = migrate.look(place.find(uri))
    except ScorekitError as error:
        return Finding("state", "database", error.message, "bad", error.hint)
    if standing.problem is not None:
        return Finding("state", "database", standing.problem.message, "bad", standing.problem.hint)
    how = f"revision {standing.revision}" if standing.revision else "made when it is needed"
    return Finding("state", "database", f"{standing.place} ({how})")


def _policy(settings: config.Settings) -> Iterator[Finding]:
    """Whether the policy can be read, and the secrets of its alert channels."""
    from scorekit.policy import read_policy

    try:
        policy = read_policy(settings)
        if policy.settings.path is None:
            yield Finding("policy", "quality", "none: what holds where nothing is declared")
            return
        yield Finding("policy", "quality", f"{policy.settings.path}")
        if policy.alerts is not None:
            from scorekit.alerts import open_channels

            channels = ", ".join(f"{made.name} ({made.address})" for made in open_channels(policy.alerts))
            yield Finding("policy", "alerts", channels or "nobody is told")
    except ScorekitError as error:
        yield Finding("policy", "quality", error.message, "bad", error.hint)


# Settings ----------------------------------------------------------------------------


def _settings_file(settings: config.Settings, origin: str) -> Finding:
    if settings.path is None:
        return Finding("setting", "settings file", f"none (there is no {config.DEFAULT_FILE} here)")
    where = "working directory" if origin == "default" else origin
    return Finding("setting", "settings file", f"{settings.path} ({where})")


def _settings(settings: config.Settings) -> Iterator[Finding]:
    """Every value of the settings file, with its line, and what comes before it."""
    for key, value in settings.values.items():
        if key in config.RESERVED_TABLES:
            yield Finding("setting", f"[{key}]", f"set ({settings.place(key)})")
        elif isinstance(value, dict):
            for option, each in value.items():
                yield _setting(f"[{key}] {option}", option, each, settings.place(key, option))
        elif key != "store":
            yield _setting(key, key, value, settings.place(key))


def _setting(name: str, option: str, value: object, place: str) -> Finding:
    variable = config.variable_of(option)
    first = f"; {variable} comes first" if variable in os.environ else ""
    return Finding("setting", name, f"{json.dumps(value, default=str)} ({place}{first})")


def _environment(settings: config.Settings) -> Iterator[Finding]:
    """Every variable of ours, and whether anything reads it."""
    known = config.known_variables() | settings.texts()
    for name in sorted(os.environ):
        if name in known and name.startswith(config.ENVIRONMENT_PREFIX):
            yield Finding("setting", name, "set (environment)")
        elif name.startswith(config.ENVIRONMENT_PREFIX):
            near = nearest(name, known)
            advice = f"did you mean {near}?" if near else None
            yield Finding("setting", name, "set (environment), and nothing reads it", "bad", advice)
