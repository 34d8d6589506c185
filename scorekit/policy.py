"""The policy of a deployment: what ``scorekit.toml`` says of quality, fallback, switch and alerts.

Nothing of it comes from the version that is scored: who publishes a model does not
decide what its scores may do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scorekit.config import Settings
from scorekit.errors import ModelError, UsageError
from scorekit.nearest import nearest
from scorekit.quality.settings import QualitySettings
from scorekit.quality.switch import SwitchRules

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from scorekit.alerts.settings import AlertSettings
    from scorekit.quality.fallback import FallbackSettings, RungSettings

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
    settings : Settings
        The file it stands in; empty where nothing was declared.
    """

    quality: QualitySettings = field(default_factory=QualitySettings)
    fallback: FallbackSettings | None = None
    switch: SwitchRules = field(default_factory=SwitchRules)
    alerts: AlertSettings | None = None
    settings: Settings = field(default_factory=Settings, repr=False)

    @property
    def ladder(self) -> tuple[RungSettings, ...]:
        """Rungs of the fallback that it declares; an empty table declares none."""
        return self.fallback.ladder if self.fallback is not None else ()

    @contextmanager
    def located(self, *setting: str) -> Iterator[None]:
        """Say of a setting that does not fit a model where it stands: file and line.

        Parameters
        ----------
        *setting : str
            The one that is meant where the error does not say it.
        """
        try:
            yield
        except (UsageError, ModelError) as error:
            known = _known(self.settings, getattr(error, "setting", ()) or setting)
            if known:
                error.message = f"{_place(self.settings, known)}: {error.message}"
                error.args = (error.message,)
            raise


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
    tables = {name: read_table(settings, name, _class_of(name), _settings_classes(name)) for name in found}
    return Policy(settings=settings, **tables)


def read_table(
    settings: Settings, table: str, cls: Any, within: tuple[Any, ...], code: str = "policy"
) -> Any:
    """A table of the settings file, which has to be there.

    Parameters
    ----------
    settings : Settings
    table : str
    cls : type
        A dataclass that it is read as.
    within : tuple of type
        That, and those that its own tables are read as: a wrong name is held to theirs.
    code : str
        Of the error.

    Raises
    ------
    UsageError
        Naming the file, the line and the setting that is wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(settings.values[table])
    except ValidationError as error:
        # a wrong name before what it may have caused
        first = min(error.errors(), key=lambda found: found["type"] != "unexpected_keyword_argument")
        raise _explained(settings, table, first, within, code) from None


def _explained(
    settings: Settings, table: str, error: ErrorDetails, within: tuple[Any, ...], code: str
) -> UsageError:
    known = _known(settings, [table, *error["loc"]])
    place = _place(settings, known)
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        name = str(error["loc"][-1])
        return UsageError(f"{place}: no such setting: {name}", hint=_nearest(name, within), code=code)
    if error["type"] in ("missing", "missing_argument"):
        return UsageError(f"{place}: [{'.'.join(known)}] lacks {error['loc'][-1]}", code=code)
    if error["type"] == "value_error":
        return UsageError(f"{place}: [{'.'.join(known)}]: {said}", code=code)
    said = _KINDS.get(error["type"], said)
    return UsageError(f"{place}: {'.'.join(known)} should be {said}", code=code)


_KINDS = {
    "dataclass_type": "a table",
    "dict_type": "a table",
    "tuple_type": "a list",
    "string_type": "a text",
    "bool_type": "true or false",
}
"""What TOML calls what pydantic calls otherwise."""


def _known(settings: Settings, path: Sequence[str | int]) -> list[str]:
    """As much of a path as stands in the file: pydantic adds what it was trying to read."""
    content: Any = settings.values
    kept = []
    for part in path:
        if isinstance(content, Mapping) and part in content:
            kept.append(str(part))
            content = content[part]
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
    return kept


def _place(settings: Settings, path: Sequence[str]) -> str:
    """File and line of a setting; of one in a table within braces, of what holds it."""
    place = str(settings.path)
    for end in range(len(path), 0, -1):
        place = settings.place(*path[:end])
        if place != str(settings.path):
            break
    return place


def _nearest(name: str, within: tuple[Any, ...]) -> str | None:
    names = {found for cls in within for found in cls.__dataclass_fields__}
    near = nearest(name, sorted(names))
    return f"did you mean {near}?" if near else None


def _settings_classes(table: str) -> tuple[Any, ...]:
    """What a table and those within it are read as."""
    if table == "alerts":
        from scorekit.alerts import settings as alerts

        return (
            alerts.AlertSettings,
            alerts.WebhookSettings,
            alerts.SlackSettings,
            alerts.AlertmanagerSettings,
            alerts.AppriseSettings,
            alerts.MailSettings,
        )
    if table == "fallback":
        from scorekit.quality.fallback import FallbackSettings, RungSettings

        return FallbackSettings, RungSettings
    if table == "switch":
        return (SwitchRules,)
    from scorekit.quality.settings import ColumnSettings, RowBand
    from scorekit.quality.stability import Thresholds

    return QualitySettings, ColumnSettings, RowBand, Thresholds
