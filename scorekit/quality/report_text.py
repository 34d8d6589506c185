"""Numbers, names and marks as the report writes them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from scorekit.quality.verdict import SEVERITY, State

WORDS: dict[State, str] = {
    "ok": "ok",
    "insufficient": "too few rows",
    "warn": "warning",
    "unknown": "unknown",
    "alarm": "alarm",
}
"""States as people read them."""

NOTHING = "–"


def text(value: object) -> str:
    """Any text, safe within HTML: escaped, and without what no page may hold."""
    return html.escape(printable(str(value)))


def printable(value: str) -> str:
    """A text without what no page may hold: signs that turn or hide others, and halves of some."""
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in value)
    return shown.encode(errors="replace").decode()


def shortened(value: str, signs: int) -> str:
    """A text of at most so many signs."""
    return value if len(value) <= signs else value[: signs - 1] + "…"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def share(value: float | None, digits: int = 1) -> str:
    """A share in per cent; what is little but not nothing does not look like nothing."""
    if value is None:
        return NOTHING
    if 0 < value < 0.5 * 10 ** -(digits + 2):
        return f"{100 * value:.1g}%"
    return f"{100 * value:.{digits}f}%"


def signed(value: float, digits: int) -> str:
    """A number with its sign; zero has none."""
    rounded = round(value, digits)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{sign}{abs(rounded):.{digits}f}"


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.{digits}f}"


def probability(value: float | None) -> str:
    """A probability; small ones by their size."""
    if value is None:
        return NOTHING
    if value < 1e-6:
        return "<0.000001"
    return f"{value:.6f}" if value < 1e-3 else f"{value:.3f}"


def badge(state: State) -> str:
    """A state as a mark and a word."""
    return f'<span class="badge {state}">{mark(state)}{WORDS[state]}</span>'


def mark(state: State) -> str:
    """A state's mark, beside its word."""
    return f'<svg class="i {state}" aria-hidden="true"><use href="#m-{state}"/></svg>'


def moments(times: Sequence[datetime]) -> list[str]:
    """Times as labels of an axis: days, or finer where they all lie close together."""
    if not times:
        return []
    apart = max(times) - min(times)
    style = next((style for within, style in _CLOSE if apart < within), "%Y-%m-%d")
    return [time.strftime(style) for time in times]


_CLOSE = ((timedelta(hours=1), "%H:%M:%S"), (timedelta(days=2), "%d %b %H:%M"))


def moment(time: datetime) -> str:
    """A time for people, with its zone."""
    return time.strftime("%Y-%m-%d %H:%M ") + (time.tzname() or "")


def rank(state: State) -> int:
    """How bad a state is."""
    return SEVERITY[state]
