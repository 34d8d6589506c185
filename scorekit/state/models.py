"""The tables of the state.

Every table's name begins with ``scorekit_``, so that they may share a PostgreSQL database
with others. Rows are ordered by their keys, never by a clock, which may go backwards;
times are UTC. What is indexed is what is asked for: the newest of a model, what a run or
a window holds, and deliveries that are due.

The statements of the hot path stand in ``ledger`` and ``statements`` as plain SQL, because
importing SQLAlchemy costs as much as scoring a small file; a test holds them to these tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeEngine

from scorekit.state.moments import read_moment, text_moment

Key = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only keys that it knows as INTEGER."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC: ``timestamptz`` in PostgreSQL, ISO 8601 text in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the database has for it."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None:
            return None
        return text_moment(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy calls it
        """From the database."""
        return read_moment(value)


class Base(DeclarativeBase):
    """Of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy as the class is made
        str: Text,
        int: BigInteger,
        float: Float(53),
        datetime: Moment,
    }


class Run(Base):
    """Scoring of one input, or of a stream or service from its start to its end."""

    __tablename__ = "scorekit_runs"
    __table_args__ = (
        UniqueConstraint("model", "version", "run_id"),
        Index(None, "model", "turn"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model: Mapped[str]
    version: Mapped[int]
    run_id: Mapped[str]
    kind: Mapped[str]
    """``batch``, ``stream`` or ``serve``."""
    started: Mapped[datetime]
    finished: Mapped[datetime | None]
    outcome: Mapped[str]
    """``running``, ``published``, ``degraded``, ``quarantined`` or ``failed``."""
    output: Mapped[str | None]
    rows: Mapped[int | None]
    turn: Mapped[int]
    """Counts the runs of a model as they began, or began again."""

    windows: Mapped[list[Window]] = relationship(back_populates="run", passive_deletes=True)


class Window(Base):
    """Rows that were judged together."""

    __tablename__ = "scorekit_windows"
    __table_args__ = (
        UniqueConstraint("run_key", "number", "source"),
        Index(None, "model", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_key: Mapped[int] = mapped_column(Key, ForeignKey(Run.id, ondelete="CASCADE"))
    model: Mapped[str]
    """As the run has it: a model's newest windows are found without its runs."""
    number: Mapped[int]
    source: Mapped[str]
    """Digest of the rows that were scored; where it is not known, where their scores went."""
    first_row: Mapped[int]
    rows: Mapped[int]
    rejected: Mapped[int]
    fallback: Mapped[int]
    state: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    recorded: Mapped[datetime]

    run: Mapped[Run] = relationship(back_populates="windows")
    verdicts: Mapped[list[Verdict]] = relationship(order_by="Verdict.id", passive_deletes=True)
    bin_counts: Mapped[list[BinCounts]] = relationship(passive_deletes=True)


class Counted(Base):
    """Rows of a run that the switch has counted, from one to before another; no two touch."""

    __tablename__ = "scorekit_counted"

    model: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    """As a window has it."""
    first_row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    end_row: Mapped[int]
    recorded: Mapped[datetime]


class Verdict(Base):
    """What one check said of a window, or of a column of it."""

    __tablename__ = "scorekit_verdicts"
    __table_args__ = (Index(None, "window_key"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    window_key: Mapped[int] = mapped_column(Key, ForeignKey(Window.id, ondelete="CASCADE"))
    check_name: Mapped[str]
    column_name: Mapped[str]
    state: Mapped[str]
    value: Mapped[float | None]
    expected: Mapped[float | None]
    message: Mapped[str]


class BinCounts(Base):
    """Rows of a window in the bins of one column of the baseline."""

    __tablename__ = "scorekit_bin_counts"

    window_key: Mapped[int] = mapped_column(Key, ForeignKey(Window.id, ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """``feature`` or ``score``: a feature may have a score's name."""
    column_name: Mapped[str] = mapped_column(primary_key=True)
    counts: Mapped[str]
    """A JSON list of integers."""


class Switch(Base):
    """The kill switch of a model: one state for all of its processes."""

    __tablename__ = "scorekit_switches"

    model: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str]
    since: Mapped[datetime]
    seen: Mapped[int]
    total_poor: Mapped[int]
    bad_windows: Mapped[int]
    clean_windows: Mapped[int]
    recent: Mapped[str]
    """A JSON list of integers."""
    updated: Mapped[datetime]
    revision: Mapped[int]
    """Counts the changes."""


class SwitchAudit(Base):
    """A change of a switch's position; never removed."""

    __tablename__ = "scorekit_switch_audit"
    __table_args__ = (Index(None, "model", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model: Mapped[str]
    at: Mapped[datetime]
    who: Mapped[str]
    from_position: Mapped[str]
    to_position: Mapped[str]
    why: Mapped[str]
    run_id: Mapped[str | None]


class Alert(Base):
    """Something to be told, written down before it is sent."""

    __tablename__ = "scorekit_alerts"
    __table_args__ = (Index(None, "model", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model: Mapped[str]
    fingerprint: Mapped[str]
    check_name: Mapped[str]
    column_name: Mapped[str]
    severity: Mapped[str]
    status: Mapped[str]
    """``firing`` or ``resolved``."""
    summary: Mapped[str]
    details: Mapped[str]
    """A JSON object."""
    created: Mapped[datetime]

    deliveries: Mapped[list[Delivery]] = relationship(back_populates="alert", passive_deletes=True)


class Delivery(Base):
    """An alert on its way to one channel."""

    __tablename__ = "scorekit_deliveries"
    __table_args__ = (
        UniqueConstraint("alert_key", "channel"),
        Index(None, "sent_at", "next_attempt"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    alert_key: Mapped[int] = mapped_column(Key, ForeignKey(Alert.id, ondelete="CASCADE"))
    channel: Mapped[str]
    attempts: Mapped[int]
    next_attempt: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    alert: Mapped[Alert] = relationship(back_populates="deliveries")


class AlertState(Base):
    """How an alert stands, whichever were sent."""

    __tablename__ = "scorekit_alert_states"
    __table_args__ = (Index(None, "model"),)

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str]
    check_name: Mapped[str]
    column_name: Mapped[str]
    status: Mapped[str]
    """``firing`` or ``resolved``."""
    severity: Mapped[str]
    since: Mapped[datetime]
    last_sent: Mapped[datetime]


class ApiKey(Base):
    """A key that may call the service; the key itself is kept nowhere."""

    __tablename__ = "scorekit_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    """The public part."""
    name: Mapped[str]
    digest: Mapped[str]
    """HMAC-SHA-256 of the whole key, in hexadecimal digits."""
    scopes: Mapped[str]
    """With blanks between them."""
    created: Mapped[datetime]
    created_by: Mapped[str]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    last_used: Mapped[datetime | None]


class Job(Base):
    """Work that a caller asked for and does not wait for."""

    __tablename__ = "scorekit_jobs"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index(None, "status", "turn"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    turn: Mapped[int]
    """Counts the jobs as they were submitted."""
    kind: Mapped[str]
    model: Mapped[str]
    status: Mapped[str]
    """``queued``, ``running``, ``done``, ``failed`` or ``cancelled``."""
    request: Mapped[str]
    """A JSON object."""
    owner: Mapped[str]
    idempotency_key: Mapped[str | None]
    attempts: Mapped[int]
    token: Mapped[int]
    """Fences off a worker whose lease has passed to another: it grows with each lease."""
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    heartbeat: Mapped[datetime | None]
    version: Mapped[int | None]
    """Number that is reserved for what the job publishes."""
    progress: Mapped[str]
    """A JSON object."""
    result: Mapped[str | None]
    """A JSON object."""
    error: Mapped[str | None]
    """A JSON object."""
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
