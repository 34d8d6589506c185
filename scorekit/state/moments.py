"""Times as the databases hold them: always UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The time by this machine's clock, which may go backwards."""
    return datetime.now(UTC)


def text_moment(moment: datetime) -> str:
    """A time as SQLite holds it; the text is ordered as the times are."""
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


def read_moment(value: str | datetime | None) -> datetime | None:
    """A time as a database gives it."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)
