"""The policy of a deployment: what ``scorekit.toml`` says of quality, fallback, switch and alerts.

Nothing of it comes from the version that is scored: who publishes a model does not
decide what its scores may do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorekit.config import Settings
from scorekit.errors import UsageError
from scorekit.quality.settings import QualitySettings
from scorekit.quality.switch import SwitchRules

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from scorekit.alerts.settings import AlertSettings
    from scorekit.quality.fallback import FallbackSettings

TABLES = ("quality", "fallback", "switch", "alerts")
"""Tables of the file that are read here."""


def _class_of(table: str) -> Any:
    """What a table is read as; imported where there is such a table."""
    if table == "fallback":
        from scorekit.quality.fallback import FallbackSettings

        return FallbackSettings
    if table == "alerts":
        from scorekit.alerts.settings import AlertSettings

        return AlertSettings
    return {"quality": QualitySettings, "switch": SwitchRules}[table]


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides over scores.

    Attributes
    ----------
    quality : QualitySettings
    fallback : FallbackSettings or None
        None where no fallback is declared.
    switch : SwitchRules
    alerts : AlertSettings or None
    path : Path or None
        The file; None where nothing was declared.
    """

    quality: QualitySettings = field(default_factory=QualitySettings)
    fallback: FallbackSettings | None = None
    switch: SwitchRules = field(default_factory=SwitchRules)
    alerts: AlertSettings | None = None
    path: Path | None = None


def read_policy(settings: Settings) -> Policy:
    """The policy that a settings file holds.

    Raises
    ------
    UsageError
        Naming the file, the line and the setting that is wrong.
    """
    found = {name: settings.values[name] for name in TABLES if name in settings.values}
    if not found:
        return Policy()
    return Policy(path=settings.path, **{name: _read(settings, name, found[name]) for name in found})


def _read(settings: Settings, table: str, content: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(_class_of(table)).validate_python(content)
    except ValidationError as error:
        # a wrong name before what it may have caused
        first = min(error.errors(), key=lambda found: found["type"] != "unexpected_keyword_argument")
        raise _explained(settings, table, first) from None


def _explained(settings: Settings, table: str, error: ErrorDetails) -> UsageError:
    path = [table, *(part for part in error["loc"] if isinstance(part, str) and not part[:1].isupper())]
    known = _known(settings, path)
    place = settings.place(*known)
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return UsageError(f"{place}: no such setting: {path[-1]}", hint=_nearest(path[-1]), code="policy")
    if error["type"] == "value_error":
        return UsageError(f"{place}: [{table}]: {said}", code="policy")
    return UsageError(f"{place}: {'.'.join(known)} should be {said}", code="policy")


def _known(settings: Settings, path: list[str]) -> list[str]:
    """As much of a path as stands in the file: pydantic adds what it was trying to read."""
    content: Any = settings.values
    kept = []
    for part in path:
        if not isinstance(content, Mapping) or part not in content:
            break
        kept.append(part)
        content = content[part]
    return kept


def _nearest(name: str) -> str | None:
    import difflib

    names = {found for cls in _settings_classes() for found in cls.__dataclass_fields__}
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"did you mean {near[0]}?" if near else None


def _settings_classes() -> tuple[Any, ...]:
    from scorekit.quality.fallback import FallbackSettings, RungSettings
    from scorekit.quality.settings import ColumnSettings, RowBand
    from scorekit.quality.stability import Thresholds

    asked = (QualitySettings, ColumnSettings, RowBand, Thresholds)
    return (*asked, SwitchRules, FallbackSettings, RungSettings)
