"""The kill switches of a store's models, for who asks or acts by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scorekit.errors import Unreachable, UsageError
from scorekit.quality.switch import Position, SwitchState
from scorekit.recording import switch_finding
from scorekit.state.ledger import Ledger
from scorekit.state.place import find, is_bucket
from scorekit.state.rows import Change
from scorekit.store.references import parse
from scorekit.store.versions import Store

if TYPE_CHECKING:
    from scorekit.alerts.settings import AlertSettings
    from scorekit.policy import Policy
    from scorekit.state.database import Cursor
    from scorekit.state.ledger import Recorded
    from scorekit.state.outbox import Outbox
    from scorekit.state.past import History


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
    untold : tuple of str
        Why alerts of it did not reach somebody.
    """

    model: str
    place: str
    state: SwitchState
    changes: tuple[Change, ...]
    untold: tuple[str, ...] = ()


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
    with _opened(model, store) as ledger:
        return _status(ledger, _known(ledger, model, store))


def history(model: str | None, *, last: int, store: str | None = None) -> History:
    """The last windows of a model as they were judged, its runs and the changes of its switch.

    Raises
    ------
    ModelNotFound, Unreachable
        As ``status`` has them.
    """
    from scorekit.state.history import read

    with _opened(model, store) as ledger:
        name = _known(ledger, model, store)
    return read(name, last=last, store_uri=store)


def trip(
    model: str | None,
    *,
    who: str,
    reason: str,
    alerts: AlertSettings | None = None,
    store: str | None = None,
) -> SwitchStatus:
    """Open the switch of a model: nothing it scores goes downstream.

    Parameters
    ----------
    model : str or None
        As ``status`` has it.
    who, reason : str
    alerts : AlertSettings, optional
        Who is told.
    store : str, optional

    Raises
    ------
    UsageError
        If nobody is named, or no reason.
    ModelNotFound, Unreachable
        As ``status`` has them.
    """
    return _move(model, "open", who, reason, alerts, store)


def reset(
    model: str | None,
    *,
    who: str,
    reason: str,
    half_open: bool = False,
    alerts: AlertSettings | None = None,
    store: str | None = None,
) -> SwitchStatus:
    """Close the switch of a model, or half-way, and count its poor scores from nothing.

    Parameters
    ----------
    model, who, reason, alerts, store
        As ``trip`` has them.
    half_open : bool

    Raises
    ------
    UsageError, ModelNotFound, Unreachable
        As ``trip`` has them.
    """
    return _move(model, "half_open" if half_open else "closed", who, reason, alerts, store)


def _move(
    model: str | None,
    position: Position,
    who: str,
    reason: str,
    alerts: AlertSettings | None,
    store: str | None,
) -> SwitchStatus:
    """Move a switch; that somebody cannot be told is no reason not to."""
    _require(who, reason)
    with _opened(model, store) as ledger:
        name = _known(ledger, model, store)
        telling = SwitchAlerts(ledger, name, f"{reason} ({who})", alerts)
        if position == "open":
            ledger.trip(name, who, reason, tell=telling.tell)
        else:
            ledger.reset(name, who, reason, half_open=position == "half_open", tell=telling.tell)
        return replace(_status(ledger, name), untold=telling.send())


def note_of_reach(policy: Policy, store: str | None = None) -> str | None:
    """What is to be said where a switch that is declared does not reach all who score.

    A bucket is scored from by several machines; a file on one of them is no switch of the others.
    """
    if not policy.switch.declared or not is_bucket(store):
        return None
    database = find(store)
    if not database.embedded:
        return None
    return (
        f"the kill switch is for this machine only: its state is in {database.shown}; "
        "SCOREKIT_DATABASE_URL names a database for all of them"
    )


class SwitchAlerts:
    """Tells of a switch that a person moves.

    Parameters
    ----------
    ledger : Ledger
    model : str
    why : str
    settings : AlertSettings or None
        Nobody is told without.
    """

    def __init__(self, ledger: Ledger, model: str, why: str, settings: AlertSettings | None) -> None:
        self._model = model
        self._why = why
        self._untold: tuple[str, ...] = ()
        self._outbox = self._open(ledger, settings)

    def _open(self, ledger: Ledger, settings: AlertSettings | None) -> Outbox | None:
        if settings is None or not settings.channels:
            return None
        from scorekit.state.outbox import Outbox

        try:
            return Outbox(ledger, settings)
        except UsageError as error:
            self._untold = (error.message,)
            return None

    def tell(self, cursor: Cursor, moved: Recorded) -> None:
        """Write the alert, in the transaction that moves the switch."""
        if self._outbox is None:
            return
        found = switch_finding(moved.state, self._why)
        self._outbox.put(cursor, self._model, (found,), settled=False)

    def send(self) -> tuple[str, ...]:
        """Send what is due; why somebody could not be told."""
        if self._outbox is None:
            return self._untold
        try:
            return self._outbox.send(self._model).failures
        except Unreachable as error:
            return (error.message,)


def _require(who: str, reason: str) -> None:
    for option, given in (("--by", who), ("--reason", reason)):
        if not given.strip():
            raise UsageError(
                f"a switch is not moved without {option}",
                hint="say who does it and why: --by NAME --reason TEXT",
            )


def _opened(model: str | None, store: str | None) -> Ledger:
    """The state of a store; that there is no such model says more than that no state can be made for it."""
    try:
        return Ledger.open(store)
    except Unreachable:
        Store.open(store).resolve(model and parse(model)[0])
        raise


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
