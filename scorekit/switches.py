"""The kill switches of a store's models, for who asks or acts by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorekit.errors import UsageError
from scorekit.quality.switch import SwitchState
from scorekit.state.ledger import Ledger
from scorekit.state.rows import Change
from scorekit.store.references import parse
from scorekit.store.versions import Store

if TYPE_CHECKING:
    from scorekit.state.history import History


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """The switch of a model.

    Attributes
    ----------
    model : str
    place : str
        The database that holds it, without secrets.
    state : SwitchState
    changes : tuple of Change
        Every one, oldest first.
    """

    model: str
    place: str
    state: SwitchState
    changes: tuple[Change, ...]


def status(model: str | None, store: str | None = None) -> SwitchStatus:
    """How the switch of a model stands, and every change it made.

    Parameters
    ----------
    model : str or None
        Its name; a version or an alias of it means the model. None while the store holds one.
    store : str, optional

    Raises
    ------
    ModelNotFound
        If neither the store nor the state knows the model.
    Unreachable
        If the state cannot be used.
    """
    with Ledger.open(store) as ledger:
        return _status(ledger, _known(ledger, model, store))


def history(model: str | None, *, last: int, store: str | None = None) -> History:
    """The last windows of a model as they were judged, its runs and the changes of its switch.

    Raises
    ------
    ModelNotFound, Unreachable
        As ``status`` has them.
    """
    from scorekit.state.history import read

    with Ledger.open(store) as ledger:
        name = _known(ledger, model, store)
    return read(name, last=last, store_uri=store)


def trip(model: str | None, *, who: str, reason: str, store: str | None = None) -> SwitchStatus:
    """Open the switch of a model: nothing it scores goes downstream.

    Raises
    ------
    UsageError
        If nobody is named, or no reason.
    ModelNotFound, Unreachable
        As ``status`` has them.
    """
    _require(who, reason)
    with Ledger.open(store) as ledger:
        name = _known(ledger, model, store)
        ledger.trip(name, who, reason)
        return _status(ledger, name)


def reset(
    model: str | None, *, who: str, reason: str, half_open: bool = False, store: str | None = None
) -> SwitchStatus:
    """Close the switch of a model, or half-way, and count its poor scores from nothing.

    Raises
    ------
    UsageError
        If nobody is named, or no reason.
    ModelNotFound, Unreachable
        As ``status`` has them.
    """
    _require(who, reason)
    with Ledger.open(store) as ledger:
        name = _known(ledger, model, store)
        ledger.reset(name, who, reason, half_open=half_open)
        return _status(ledger, name)


def _require(who: str, reason: str) -> None:
    for option, given in (("--by", who), ("--reason", reason)):
        if not given.strip():
            raise UsageError(
                f"a switch is not moved without {option}",
                hint="say who does it and why: --by NAME --reason TEXT",
            )


def _known(ledger: Ledger, model: str | None, store: str | None) -> str:
    """The name of a model that there is: a switch of a mistyped one would stop nothing."""
    if model is None:
        return Store.open(store).resolve(None).name
    name = parse(model)[0]
    if ledger.switch(name).since is None:
        Store.open(store).resolve(name)
    return name


def _status(ledger: Ledger, model: str) -> SwitchStatus:
    return SwitchStatus(model, ledger.shown, ledger.switch(model), ledger.audit(model))
