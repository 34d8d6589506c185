"""What was written down, read for people and reports; and what is old, removed.

Everything is in the order in which it was written, whatever the clocks said.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload
from sqlalchemy.sql import Delete

from scorekit.state import models, place
from scorekit.state.engine import transaction
from scorekit.state.ledger import Ledger
from scorekit.state.moments import now
from scorekit.state.opening import open_connection
from scorekit.state.outbox import EXPIRES, MOST_ATTEMPTS
from scorekit.state.past import History, PastRun, PastVerdict, PastWindow, Pruned

LAST = 50
"""Windows and runs that are read unless more are asked for."""

Row = TypeVar("Row", models.Window, models.Run)


def read(
    model: str,
    *,
    last: int = LAST,
    last_runs: int | None = None,
    since: datetime | None = None,
    store_uri: str | None = None,
    url: str | None = None,
) -> History:
    """Read what was written down of a model.

    Parameters
    ----------
    model : str
    last : int, default 50
        The newest windows: those that were recorded last, or recorded again.
    last_runs : int, optional
        The newest runs, by when they began, or began again; by default as many.
    since : datetime, optional
        None that is older.
    store_uri, url : str, optional
        As ``Ledger.open`` has them.

    Raises
    ------
    Unreachable
        If the database cannot be used.
    """
    database = place.find(store_uri, url)
    with Ledger(database) as ledger:
        switch, audit = ledger.switch(model), ledger.audit(model)
    with transaction(database) as connection, Session(connection) as session:
        window, run = models.Window, models.Run
        windows = _newest(session, _windows(model), (window.id,), window.recorded, last, since)
        asked = select(run).where(run.model == model)
        runs = _newest(session, asked, (run.turn, run.id), run.started, last_runs or last, since)
        ended = session.scalar(select(func.max(run.finished)).where(run.model == model))
        return History(
            model,
            database.shown,
            switch,
            tuple(_past_window(row) for row in windows),
            tuple(_past_run(row) for row in runs),
            audit,
            ended,
        )


def _windows(model: str) -> Select[models.Window]:
    return (
        select(models.Window)
        .where(models.Window.model == model)
        .options(
            joinedload(models.Window.run),
            selectinload(models.Window.verdicts),
            selectinload(models.Window.bin_counts),
        )
    )


def _newest(
    session: Session,
    query: Select[Row],
    order: tuple[InstrumentedAttribute[int], ...],
    moment: InstrumentedAttribute[datetime],
    last: int,
    since: datetime | None,
) -> list[Row]:
    query = query.order_by(*(column.desc() for column in order)).limit(last)
    if since is not None:
        query = query.where(moment >= since)
    return list(session.scalars(query))[::-1]


def _past_window(row: models.Window) -> PastWindow:
    return PastWindow(
        version=row.run.version,
        run_id=row.run.run_id,
        kind=row.run.kind,
        number=row.number,
        first_row=row.first_row,
        rows=row.rows,
        rejected=row.rejected,
        fallback=row.fallback,
        state=row.state,
        outcome=row.outcome,
        reason=row.reason,
        recorded=row.recorded,
        verdicts=tuple(
            PastVerdict(
                said.check_name, said.column_name, said.state, said.value, said.expected, said.message
            )
            for said in row.verdicts
        ),
        counts={(each.kind, each.column_name): tuple(json.loads(each.counts)) for each in row.bin_counts},
    )


def _past_run(row: models.Run) -> PastRun:
    return PastRun(
        row.version, row.run_id, row.kind, row.started, row.finished, row.outcome, row.output, row.rows
    )


# Removing what is old ----------------------------------------------------------------


def prune(older_than: timedelta, *, store_uri: str | None = None, url: str | None = None) -> Pruned:
    """Remove windows, runs, alerts and jobs that are older, unless they are not over.

    What was not sent for ``EXPIRES`` is sent no more, its channel may be gone.

    Switches, their audit and how alerts stand are kept. A run that was removed is not known
    when it is repeated: its rows count again.

    Parameters
    ----------
    older_than : timedelta
    store_uri, url : str, optional
        As ``Ledger.open`` has them.

    Raises
    ------
    Unreachable
        If the database cannot be used.
    """
    database = place.find(store_uri, url)
    open_connection(database).close()
    before = now() - older_than
    with transaction(database, writes=True) as connection:
        removed = [connection.execute(query).rowcount for query in _old(before)]
        connection.execute(delete(models.Counted).where(models.Counted.recorded < before))
    return Pruned(before, *removed)


def _old(before: datetime) -> tuple[Delete, Delete, Delete, Delete]:
    window, run, alert, delivery = models.Window, models.Run, models.Alert, models.Delivery
    unsent = exists().where(
        delivery.alert_key == alert.id,
        delivery.sent_at.is_(None),
        delivery.attempts < MOST_ATTEMPTS,
        alert.created > now() - EXPIRES,
    )
    return (
        delete(window).where(window.recorded < before),
        delete(run).where(
            func.coalesce(run.finished, run.started) < before,
            ~exists().where(window.run_key == run.id),
            _over(),
        ),
        delete(alert).where(alert.created < before, ~unsent),
        delete(models.Job).where(models.Job.finished < before),
    )


def _over() -> ColumnElement[bool]:
    """A stream or service that says it runs may do so for years; a batch was killed."""
    return or_(models.Run.outcome != "running", models.Run.kind == "batch")
