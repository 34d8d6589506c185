"""What is installed, what is active, what can be reached, and where settings come from."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from scorekit import __version__, config
from scorekit.errors import ScorekitError

Health = Literal["ok", "off", "bad"]

PACKAGES = ("numpy", "pyarrow", "scikit-learn", "pandas", "joblib", "obstore", "pydantic", "typer")
EXTRAS = {"aws": "boto3", "sign": "cryptography"}


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


def examine(store: str | None, origins: Mapping[str, tuple[str, str]]) -> Report:
    """Look at the installation.

    Parameters
    ----------
    store : str or None
        Store to reach.
    origins : mapping of str to (str, str)
        Setting to its value and where it came from.
    """
    findings = [*_installed(), *_extras(), _kernel(), _store(store)]
    findings += [Finding("setting", name, f"{value} ({origin})") for name, (value, origin) in origins.items()]
    return Report(tuple(findings))


def _installed() -> list[Finding]:
    found = [
        Finding("installed", "scorekit", __version__),
        Finding("installed", "python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    return found + [Finding("installed", name, version(name)) for name in PACKAGES]


def _extras() -> list[Finding]:
    found = []
    for extra, package in EXTRAS.items():
        try:
            found.append(Finding("extra", extra, f"{package} {version(package)}"))
        except PackageNotFoundError:
            advice = f"pip install 'scorekit[{extra}]'"
            found.append(Finding("extra", extra, "not installed", "off", advice))
    return found


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
    from scorekit.store.versions import Store

    try:
        store = Store.open(uri)
        names = store.names()
    except ScorekitError as error:
        return Finding("store", uri or "models", error.message, "bad", error.hint)
    return Finding("store", store.uri, f"{len(names)} model{'s' if len(names) != 1 else ''}")


def setting_origins(settings: config.Settings, store: str | None, source: str) -> dict[str, tuple[str, str]]:
    """Where the settings that matter everywhere come from.

    Parameters
    ----------
    settings : Settings
    store : str or None
        Value of ``--store``.
    source : str
        Where that value came from: option, environment, file or default.
    """
    file = str(settings.path) if settings.path else "none"
    origins = {
        "settings file": (
            file,
            "working directory" if settings.path == Path(config.DEFAULT_FILE) else "option",
        )
    }
    origins["store"] = (store or "models", source)
    for key, value in settings.values.items():
        if not isinstance(value, dict) and key != "store":
            origins[key] = (str(value), "file")
    for name in sorted(os.environ):
        if name.startswith(config.ENVIRONMENT_PREFIX) and name != "SCOREKIT_STORE":
            origins[name] = ("set", "environment")
    return origins
