"""Pictures of the report: inline SVG, each with a title that says what it shows.

Colour is never the only sign: expected bars are hollow and actual ones are filled, states
have marks of their own shape, lines differ in their dashes, and darker is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scorekit.quality.report_data import ColumnPoint
from scorekit.quality.report_text import shortened, text
from scorekit.quality.stability import Thresholds

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 32, 10, 10, 20
MOST_DOTS = 30
"""Windows of which those that are ok have a dot; of more, the line is enough."""
HIGHEST = 1.0
"""PSI beyond it is drawn at the upper edge."""

BAR, LABEL, VALUE = 17, 118, 92
"""Height of a bin's bars, and width of what stands left and right of them."""
CELL, NAMES = 15, 150
"""Height of a cell of the heat map, and width of the names beside it."""
NARROWEST, WIDEST, ACROSS = 13, 44, 880
"""Widths of a cell, and of all of them where they can be chosen."""
LEVELS = (0.05, 0.10, 0.25, 0.50)
"""Adjusted PSI from which a cell is a shade darker."""

MARKS = """<svg width="0" height="0" class="defs" aria-hidden="true"><defs>
<symbol id="m-ok" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7.2"/>
<path d="M4.6 8.4l2.4 2.4 4.4-5"/></symbol>
<symbol id="m-warn" viewBox="0 0 16 16"><path class="f" d="M8 1.2L15.4 14.6H.6z"/>
<path d="M8 6v4M8 12v.6"/></symbol>
<symbol id="m-alarm" viewBox="0 0 16 16"><path class="f" d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/>
<path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/></symbol>
<symbol id="m-unknown" viewBox="0 0 16 16"><path class="f" d="M8 .8L15.2 8 8 15.2.8 8z"/>
<path d="M6.2 6.3c.2-2.4 3.8-2.2 3.6 0C9.7 7.8 8 7.7 8 9.3M8 11.2v.6"/></symbol>
<symbol id="m-insufficient" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7.2" stroke-dasharray="2.4 2.1"/>
<path d="M5 8h6"/></symbol>
</defs></svg>"""
"""The marks of the states, drawn once."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: its label, and its shares."""

    label: str
    expected: float
    actual: float


def svg(title: str, width: float, height: float, *parts: str, kind: str = "chart") -> str:
    """A picture with its title."""
    return (
        f'<svg class="{kind}" role="img" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{text(title)}</title>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, value: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{style}>{text(value)}</text>'


def _path(kind: str, steps: str) -> str:
    return f'<path class="{kind}" d="{steps}"/>' if steps else ""


def _n(value: float) -> str:
    """A coordinate, short."""
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def _pair(x: float, y: float) -> str:
    """Two coordinates, without a sign between them where a minus tells them apart."""
    first, second = _n(x), _n(y)
    return first + second if second.startswith("-") else f"{first} {second}"


# Bars --------------------------------------------------------------------------------


def bars(name: str, rows: Sequence[Bar]) -> str:
    """Expected and actual shares of the bins of a column."""
    most = max((max(row.expected, row.actual) for row in rows), default=0.0) or 1.0
    scale = (WIDTH - LABEL - VALUE) / most
    labels, expected, actual = [], "", ""
    for number, row in enumerate(rows):
        y = number * BAR
        labels.append(_text(LABEL - 6, y + 12, shortened(row.label, 17), "l"))
        labels.append(_text(WIDTH, y + 12, f"{100 * row.expected:.1f} → {100 * row.actual:.1f}%", "v"))
        expected += f"M{LABEL} {y + 2}h{_n(row.expected * scale)}v5h-{_n(row.expected * scale)}z"
        actual += f"M{LABEL} {y + 8}h{_n(row.actual * scale)}v6h-{_n(row.actual * scale)}z"
    moved = max(rows, key=lambda row: abs(row.actual - row.expected), default=None)
    title = f"{name}: share of the rows in each bin, expected and actual"
    if moved is not None:
        title += f"; moved most: {moved.label}, from {moved.expected:.1%} to {moved.actual:.1%}"
    return svg(
        title,
        WIDTH,
        max(len(rows), 1) * BAR + 2,
        _path("e", expected),
        _path("a", actual),
        *labels,
        kind="bars",
    )


# Over time ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """Where windows and values stand in a picture."""

    count: int
    highest: float
    height: float = 150

    def x(self, number: float) -> float:
        """Of a window."""
        inner = WIDTH - LEFT - RIGHT
        return LEFT + (inner / 2 if self.count < 2 else inner * number / (self.count - 1))

    def y(self, value: float) -> float:
        """Of a value."""
        inner = self.height - TOP - BOTTOM
        return TOP + inner * (1 - min(value, self.highest) / self.highest)

    def line(self, values: Iterable[float | None]) -> str:
        """Steps of a line with gaps where there is no value; each from the last, which is shorter."""
        steps, last = "", None
        for number, value in enumerate(values):
            if value is None:
                last = None
                continue
            here = round(self.x(number), 1), round(self.y(value), 1)
            steps += f"M{_pair(*here)}" if last is None else f"l{_pair(here[0] - last[0], here[1] - last[1])}"
            last = here
        return steps

    def level(self, value: float) -> str:
        """Steps of a line across."""
        return f"M{LEFT} {_n(self.y(value))}H{WIDTH - RIGHT}"

    def axes(self, times: Sequence[str], ticks: Sequence[tuple[float, str]]) -> str:
        """Lines and labels of both axes."""
        parts = [_path("ax", f"M{LEFT} {TOP}V{self.height - BOTTOM}H{WIDTH - RIGHT}")]
        parts += [_text(LEFT - 4, self.y(value) + 3.5, label, "l") for value, label in ticks]
        below = self.height - 5
        if len(times) == 1:
            parts.append(_text(self.x(0), below, times[0], "m"))
        elif times:
            parts += [_text(LEFT, below, times[0]), _text(WIDTH - RIGHT, below, times[-1], "l")]
        return "".join(parts)


def psi_chart(
    name: str,
    points: Sequence[ColumnPoint | None],
    critical: Sequence[float | None],
    thresholds: Thresholds,
    times: Sequence[str],
) -> str:
    """Adjusted PSI over windows, with its thresholds and what chance alone may reach."""
    values = [point.psi if point and point.state != "insufficient" else None for point in points]
    known = [value for value in values if value is not None]
    shown = [*known, *(value for value in critical if value is not None), 1.2 * thresholds.alarm]
    frame = Frame(len(points), min(HIGHEST, 1.08 * max(shown)))
    top = f"≥{HIGHEST:g}" if max(known, default=0) > HIGHEST else f"{frame.highest:.2g}"
    ticks = [
        (0.0, "0"),
        (thresholds.warn, f"{thresholds.warn:g}"),
        (thresholds.alarm, f"{thresholds.alarm:g}"),
    ]
    if frame.highest > 1.5 * thresholds.alarm:
        ticks.append((frame.highest, top))
    worst = max(range(len(values)), key=lambda number: values[number] or 0.0, default=0)
    title = f"{name}: adjusted PSI over {len(points)} windows"
    if known:
        title += f", highest {max(known):.3f} in the window of {times[worst]}, last {known[-1]:.3f}"
    return svg(
        title,
        WIDTH,
        frame.height,
        frame.axes(times, ticks),
        _path("tw", frame.level(thresholds.warn)),
        _path("ta", frame.level(thresholds.alarm)),
        _path("cr", frame.line(critical)),
        _path("ps", frame.line(values)),
        _state_marks(frame, points),
    )


def _state_marks(frame: Frame, points: Sequence[ColumnPoint | None]) -> str:
    """A mark on each point by its state: dots, triangles, crosses, and rings where rows were few."""
    steps = {"ok": "", "warn": "", "alarm": "", "insufficient": ""}
    for number, point in enumerate(points):
        if point is None or point.state not in steps or (point.state == "ok" and len(points) > MOST_DOTS):
            continue
        few = point.state == "insufficient" or point.psi is None
        x, y = frame.x(number), frame.y(0.0 if few or point.psi is None else point.psi)
        steps["insufficient" if few else point.state] += _MARK_STEPS["insufficient" if few else point.state](
            x, y
        )
    return "".join(_path(f"k {state}", path) for state, path in steps.items())


_MARK_STEPS = {
    "ok": lambda x, y: f"M{_n(x)} {_n(y)}h0",
    "warn": lambda x, y: f"M{_n(x)} {_n(y - 4.5)}l4 7h-8z",
    "alarm": lambda x, y: f"M{_n(x - 3.5)} {_n(y - 3.5)}l7 7m0-7l-7 7",
    "insufficient": lambda x, y: f"M{_n(x - 2.5)} {_n(y)}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0",
}


def share_chart(
    title: str,
    first: tuple[str, Sequence[float | None]],
    second: tuple[str, Sequence[float | None]],
    times: Sequence[str],
) -> str:
    """Two shares over windows: a full line and a dashed one."""
    known = [value for values in (first[1], second[1]) for value in values if value is not None]
    highest = min(1.0, _round_above(max([0.01, *known])))
    frame = Frame(len(times), highest, height=110)
    said = [
        f"{name} at most {max((v for v in values if v is not None), default=0):.1%}"
        for name, values in (first, second)
    ]
    return svg(
        f"{title} over {len(times)} windows: {', '.join(said)}",
        WIDTH,
        frame.height,
        frame.axes(times, [(0.0, "0%"), (highest, f"{100 * highest:g}%")]),
        _path("s1", frame.line(first[1])),
        _path("s2", frame.line(second[1])),
        _lone(frame, "s1", first[1]),
        _lone(frame, "s2", second[1]),
    )


def _round_above(value: float) -> float:
    """The next round number: 1, 2 or 5 and zeros."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(round(step * power, 9) for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _lone(frame: Frame, kind: str, values: Sequence[float | None]) -> str:
    """Points that no line reaches, for they have no neighbour."""
    padded = [None, *values, None]
    steps = "".join(
        f"M{_n(frame.x(number))} {_n(frame.y(value))}h0"
        for number, value in enumerate(values)
        if value is not None and padded[number] is None and padded[number + 2] is None
    )
    return _path(f"{kind} pt", steps)


# Heat map ----------------------------------------------------------------------------


def shade(psi: float) -> int:
    """How dark a cell is, from 0 to 4."""
    return sum(psi >= level for level in LEVELS)


def heat_map(rows: Sequence[tuple[str, Sequence[ColumnPoint | None]]], times: Sequence[str]) -> str:
    """Adjusted PSI of each feature in each window."""
    wide = min(WIDEST, max(NARROWEST, ACROSS // max(len(times), 1)))
    steps: dict[str, str] = {}
    names = []
    for line, (name, points) in enumerate(rows):
        y = TOP + line * CELL
        names.append(_text(NAMES - 6, y + CELL - 4, shortened(name, 23), "l"))
        before = ""
        for number, point in enumerate(points):
            x, kind = NAMES + number * wide, _shade_of(point)
            start = "m1 0" if kind == before else f"M{x} {y + CELL // 2}"
            steps[kind] = steps.get(kind, "") + f"{start}h{wide - 1}"
            before = kind
            mark, path = _mark_in(x + (wide - 7) // 2, y + (CELL - 7) // 2, point)
            steps[mark] = steps.get(mark, "") + path
    width, height = NAMES + max(len(times) * wide, 90) + RIGHT, TOP + len(rows) * CELL + BOTTOM
    alarms = sum(point is not None and point.state == "alarm" for _, points in rows for point in points)
    ends = [_text(NAMES, height - 6, times[0])] if times else []
    if len(times) * wide > 180:  # room for a second label
        ends.append(_text(NAMES + len(times) * wide, height - 6, times[-1], "v"))
    picture = svg(
        f"Adjusted PSI of {len(rows)} features over {len(times)} windows, worst first; {alarms} alarms",
        width,
        height,
        *(_path(kind, steps[kind]) for kind in sorted(steps)),
        *names,
        *ends,
        kind="heat",
    )
    return picture.replace("<svg ", f'<svg style="width:{width}px" ', 1)


def _few(point: ColumnPoint | None) -> bool:
    return point is None or point.psi is None or point.state == "insufficient"


def _shade_of(point: ColumnPoint | None) -> str:
    """What a cell is drawn in."""
    return "h hx" if point is None or point.psi is None or _few(point) else f"h h{shade(point.psi)}"


def _mark_in(left: int, top: int, point: ColumnPoint | None) -> tuple[str, str]:
    """What is drawn on a cell: nothing where all is well."""
    if point is None or _few(point):
        return "hs", f"M{left} {top + 3}h6"
    if point.state == "alarm":
        return "k2 alarm", f"M{left} {top}l6 6m0-6l-6 6"
    return "k2 warn", f"M{left + 3} {top}l3.5 6h-7z" if point.state == "warn" else ""


# Switch ------------------------------------------------------------------------------


def switch_strip(changes: Sequence[tuple[float, str]], first: str, times: Sequence[str]) -> str:
    """Position of the kill switch over windows: a line, hatched and thick while it is open.

    Parameters
    ----------
    changes : sequence of (float, str)
        Place among the windows, and the position from there on.
    first : str
        Position before the first change.
    times : sequence of str
    """
    frame = Frame(max(len(times), 2), 1.0, height=52)
    stops = [(0.0, first), *changes]
    ends = [place for place, _ in stops[1:]] + [float(frame.count - 1)]
    parts = [_path("ax", f"M{LEFT} 32H{WIDTH - RIGHT}")]
    for (start, position), end in zip(stops, ends, strict=True):
        x, wide = frame.x(start), frame.x(end) - frame.x(start)
        tall = {"open": 20, "half_open": 10}.get(position, 2)
        parts.append(_path(f"sw {position}", f"M{_n(x)} {32 - tall}h{_n(wide)}v{tall}h-{_n(wide)}z"))
    opened = sum(position == "open" for _, position in changes)
    parts += [_text(LEFT, 47, times[0]), _text(WIDTH - RIGHT, 47, times[-1], "l")] if times else []
    return svg(
        f"Kill switch over {len(times)} windows, changes: {len(changes)}, of these to open: {opened}, "
        f"now {stops[-1][1].replace('_', ' ')}",
        WIDTH,
        frame.height,
        *parts,
    )
