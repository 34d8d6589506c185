"""The report on what happened over time: heat map, windows, fallback, kill switch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from scorekit.quality.report_data import ColumnPoint, ReportData, SwitchEvent, WindowPoint
from scorekit.quality.report_parts import figure_of, line_key, row, scrolling, section, table
from scorekit.quality.report_svg import LEVELS, heat_map, share_chart, switch_strip
from scorekit.quality.report_text import badge, count, moment, moments, share, text
from scorekit.quality.stability import ColumnStability
from scorekit.quality.verdict import State

MOST_WINDOWS = 60
"""Windows that the table shows."""


def points_of(data: ReportData, name: str, *, scores: bool = False) -> list[ColumnPoint | None]:
    """How a column stood in each window."""
    return [(window.scores if scores else window.features).get(name) for window in data.windows]


# Heat map ----------------------------------------------------------------------------


def heat_section(data: ReportData, features: Sequence[ColumnStability]) -> str:
    """Every feature in every window."""
    if not features or not data.windows:
        return ""
    rows = [(column.name, points_of(data, column.name)) for column in features]
    times = moments([window.at for window in data.windows])
    picture = f"{scrolling('Heat map of features by window')}{heat_map(rows, times)}</div>"
    return section("Features by window", _heat_key() + picture)


def _heat_key() -> str:
    bounds = ("0", *(f"{level:.2f}" for level in LEVELS))
    names = [f"{low} to {high}" for low, high in pairwise(bounds)] + [f"{bounds[-1]} or more"]
    keys = [_cell_key(f"h{level}", "", name) for level, name in enumerate(names)]
    keys.append(_cell_key("h2", '<path class="k2 warn" d="M12 4l3.5 6h-7z"/>', "warning"))
    keys.append(_cell_key("h3", '<path class="k2 alarm" d="M9 4l6 6m0-6l-6 6"/>', "alarm"))
    keys.append(_cell_key("hx", '<path class="hs" d="M9 7h6"/>', "too few rows"))
    return f'<p class="key">{"".join(keys)}</p>'


def _cell_key(kind: str, extra: str, name: str) -> str:
    cell = f'<path class="h {kind}" d="M6 7h12"/>{extra}'
    return f'<span><svg viewBox="0 0 26 14" aria-hidden="true">{cell}</svg>{name}</span>'


# Windows -----------------------------------------------------------------------------


def timeline_section(data: ReportData) -> str:
    """Windows, how many rows the model did not answer, and the kill switch."""
    if not data.windows and not data.switch_events:
        return ""
    parts = (window_pictures(data), windows_table(data), switch_table(data.switch_events))
    return section("Windows, fallback and switch", "".join(parts))


def window_pictures(data: ReportData) -> str:
    """Rows that the model did not answer, and the kill switch, over windows; nothing where there is one."""
    if len(data.windows) <= 1:
        return ""
    times = moments([window.at for window in data.windows])
    rejected = [_rate(window.rejected, window) for window in data.windows]
    fallback = [_rate(window.fallback, window) for window in data.windows]
    chart = share_chart("Rows", ("rejected", rejected), ("answered by the fallback", fallback), times)
    key = f"{line_key('s1', 'rejected')} {line_key('s2', 'answered by the fallback')}"
    parts = [figure_of(key, chart)]
    if data.switch is not None or data.switch_events:
        said = "<b>Kill switch</b>: a thin line while closed, a low block half open, a full one open"
        parts.append(figure_of(said, _strip(data, times)))
    return f'<div class="two">{"".join(parts)}</div>'


def _rate(rows: int, window: WindowPoint) -> float | None:
    return rows / window.rows if window.rows else None


def _strip(data: ReportData, times: Sequence[str]) -> str:
    began = data.windows[0].at
    before = [event.after for event in data.switch_events if event.at < began]
    known = [*before[-1:], *(event.before for event in data.switch_events), data.switch or "closed"]
    places = [(_place(event, data), event.after) for event in data.switch_events if event.at >= began]
    return switch_strip(places, known[0], times)


def _place(event: SwitchEvent, data: ReportData) -> float:
    """Where among the windows something happened."""
    times = [window.at for window in data.windows]
    after = bisect_right(times, event.at)
    if after == len(times):
        return float(after - 1)
    low, high = times[after - 1], times[after]
    return after - 1 + (event.at - low) / (high - low)


WINDOWS_HEAD = (
    "<Judged", "<Verdict", "<Window", "Rows", "Rejected", "Fallback", "Features in alarm", "with a warning",
)  # fmt: skip


def windows_table(data: ReportData, most: int = MOST_WINDOWS) -> str:
    """The newest windows."""
    shown = data.windows[::-1][:most]
    if not shown:
        return ""
    left = len(data.windows) - len(shown)
    more = f"; {left} older ones are left out" if left else ""
    return table("Windows", f"Windows, newest first{more}", WINDOWS_HEAD, map(_window_line, shown))


def _window_line(window: WindowPoint) -> str:
    return row(
        text(moment(window.at)),
        f"<{badge(window.state)}",
        f"<{_ending(window)}",
        count(window.rows),
        share(_rate(window.rejected, window)),
        share(_rate(window.fallback, window)),
        str(_in_state(window, "alarm")),
        str(_in_state(window, "warn")),
    )


def _ending(window: WindowPoint) -> str:
    if not window.failed:
        return "passed"
    by = window.reason.partition(":")[0]  # the check and its column
    return f"failed by {text(by)}" if by else "failed"


def _in_state(window: WindowPoint, state: State) -> int:
    return sum(point.state == state for point in window.features.values())


def switch_table(events: Sequence[SwitchEvent]) -> str:
    """Changes of the kill switch, which are given from the oldest."""
    if not events:
        return ""
    return table(
        "Kill switch",
        "Changes of the kill switch, newest first",
        ("<When", "<From and to", "<Who", "<Why"),
        (_event_line(event) for event in reversed(events)),
    )


def _event_line(event: SwitchEvent) -> str:
    moved = f"<{text(_words(event.before))} → <b>{text(_words(event.after))}</b>"
    return row(text(moment(event.at)), moved, f"<{text(event.who)}", f"<{text(event.why)}")


def _words(position: str) -> str:
    return position.replace("_", " ")
