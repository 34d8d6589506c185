"""The quality report: one HTML file for whoever answers for a model.

It needs no script and loads nothing: what it shows, it holds. So it can be mailed, kept
with the minutes, printed, and read in ten years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorekit.quality.report_columns import column_section, critical, p_values
from scorekit.quality.report_data import ColumnPoint, ReportData, SwitchEvent, WindowPoint, column_point
from scorekit.quality.report_parts import row, section, table
from scorekit.quality.report_style import STYLE
from scorekit.quality.report_svg import MARKS
from scorekit.quality.report_text import (
    NOTHING,
    WORDS,
    badge,
    count,
    figure,
    mark,
    moment,
    rank,
    share,
    text,
)
from scorekit.quality.report_timeline import heat_section, points_of, timeline_section
from scorekit.quality.stability import ColumnStability
from scorekit.quality.verdict import Finding, State, Verdict

__all__ = ["ColumnPoint", "ReportData", "SwitchEvent", "WindowPoint", "column_point", "report_html"]

_SAID: Mapping[State, str] = {
    "ok": "Ok: nothing of note has moved",
    "insufficient": "Too few rows to judge by",
    "warn": "Warning: something has moved",
    "unknown": "Unknown: a check could not be made",
    "alarm": "Alarm: at least one check is in alarm",
}

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline'">
"""
"""The policy keeps the promise: a browser would refuse to load anything."""


def report_html(data: ReportData) -> str:
    """The report as one HTML file.

    Parameters
    ----------
    data : ReportData

    Returns
    -------
    str
        To be written as UTF-8; the same data give the same bytes.
    """
    features = sorted(data.verdict.features, key=_badness)
    title = f"{text(data.model)}:{data.version} – {WORDS[data.verdict.state]} – quality report"
    parts = (
        _findings(data.verdict),
        _scores(data),
        _overview(data, features),
        heat_section(data, features),
        timeline_section(data),
        _details(data, features),
        _reading(data),
    )
    return (
        f"{_HEAD}<title>{title}</title><style>{STYLE}</style></head><body>{MARKS}"
        f"{_header(data)}<main>{''.join(parts)}</main>{_footer(data)}</body></html>\n"
    )


def _badness(column: ColumnStability) -> tuple[int, float]:
    """Orders columns from the worst."""
    return -rank(column.state), -(column.index.psi_adjusted if column.index else -1.0)


# Head --------------------------------------------------------------------------------


def _header(data: ReportData) -> str:
    verdict, judged = data.verdict, f"{text(data.judged)}: " if data.judged else ""
    return (
        f"<header><h1>Quality of {text(data.model)}:{data.version}</h1>"
        f'<p class="meta"><span>version digest <code>{text(data.digest[:16])}</code></span>'
        f"<span>made {text(moment(data.made))}</span></p>"
        f'<section class="banner {verdict.state}" aria-label="Verdict">{mark(verdict.state)}<div>'
        f'<p class="what">{headline(verdict)}</p>'
        f"<p>{judged}{count(verdict.window.rows)} rows, held against {text(data.baseline)}. "
        f"{text(data.consequence)}</p>{_reasons(verdict)}</div></section>{_tiles(data)}</header>"
    )


def headline(verdict: Verdict) -> str:
    """A verdict in a sentence."""
    return (
        f"{WORDS[verdict.state].capitalize()}: the window failed" if verdict.failed else _SAID[verdict.state]
    )


def _reasons(verdict: Verdict) -> str:
    reasons = [f"{_subject(found)}: {text(found.message)}" for found in verdict.reasons]
    return f"<p>It failed by {'; '.join(reasons)}.</p>" if reasons else ""


def _subject(found: Finding) -> str:
    return text(f"{found.check} of {found.column}" if found.column else found.check)


def _tiles(data: ReportData) -> str:
    window, states = data.verdict.window, [column.state for column in data.verdict.features]
    rows = window.rows or 1
    tiles = {
        "rows": count(window.rows),
        "rejected": share(window.rejected / rows),
        "answered by the fallback": share(window.fallback / rows),
        "features in alarm": f"{states.count('alarm')} of {len(states)}",
        "features with a warning": f"{states.count('warn')} of {len(states)}",
    }
    if data.switch is not None:
        tiles["kill switch"] = text(data.switch.replace("_", " "))
    shown = (f"<li><b>{value}</b><span>{what}</span>" for what, value in tiles.items())
    return f'<ul class="tiles">{"".join(shown)}</ul>'


def _findings(verdict: Verdict) -> str:
    states = [found.state for found in verdict.findings]
    few, good = states.count("insufficient"), states.count("ok")
    note = f'<p class="soft">{few} more had too few rows to judge by.</p>' if few else ""
    bad = sorted(
        (found for found in verdict.findings if found.state not in ("ok", "insufficient")),
        key=lambda found: (-rank(found.state), found not in verdict.reasons),
    )
    if not bad:
        said = f"Nothing was found, {good} times all was well." if good else "Nothing could be judged."
        return section("Findings", f"<p>{said}</p>{note}")
    caption = f"What was found, worst first; {good} more are ok"
    head = ("<Check", "<Column", "<State", "<Found", "<Policy")
    return section("Findings", table("Findings", caption, head, map(_finding_line, bad)) + note)


def _finding_line(found: Finding) -> str:
    said = (found.column or NOTHING, "", found.message, found.action)
    column, _, message, action = (f"<{text(part)}" for part in said)
    return row(text(found.check), column, f"<{badge(found.state)}", message, action)


# Columns -----------------------------------------------------------------------------


def _scores(data: ReportData) -> str:
    parts = [
        column_section(
            f"s{number}",
            column,
            points_of(data, column.name, scores=True),
            data,
            index_name="PSI",
            always_open=number == 0,
        )
        for number, column in enumerate(sorted(data.verdict.scores, key=_badness))
    ]
    return section("Score", "".join(parts), card=False) if parts else ""


OVERVIEW_HEAD = (
    "<Feature", "<Verdict", "CSI, adjusted", "CSI", "Bias", "n", "m", "Bins", "p, no shift",
    "p, no material shift",
)  # fmt: skip


def _overview(data: ReportData, features: Sequence[ColumnStability]) -> str:
    if not features:
        return ""
    limits = data.thresholds
    caption = (
        f"CSI of every feature, worst first: warning from {limits.warn:g}, alarm from {limits.alarm:g}, "
        "where chance is unlikely"
    )
    lines = (_overview_line(number, column) for number, column in enumerate(features))
    return section("Features", table("Features", caption, OVERVIEW_HEAD, lines))


def _overview_line(number: int, column: ColumnStability) -> str:
    name, index = f'<a href="#f{number}">{text(column.name)}</a>', column.index
    if index is None:
        return row(name, f"<{badge(column.state)}", *[NOTHING] * 8)
    return row(
        name,
        f"<{badge(column.state)}",
        figure(index.psi_adjusted),
        figure(index.psi),
        figure(index.bias),
        count(index.n),
        count(index.m),
        str(index.bins),
        *map(text, p_values(column)),
    )


def _details(data: ReportData, features: Sequence[ColumnStability]) -> str:
    parts = [
        column_section(f"f{number}", column, points_of(data, column.name), data, index_name="CSI")
        for number, column in enumerate(features)
    ]
    return section("Each feature", "".join(parts), card=False) if parts else ""


# How to read it ----------------------------------------------------------------------

READING = """<p><b>PSI</b>, the population stability index, says how far the rows of a window are from
those of the baseline, over bins that were fixed at training: the sum over all bins of (q − p) ln(q / p),
where p and q are the expected and actual shares, with 0.5 added to every count. Of a feature it is called
<b>CSI</b>, the characteristic stability index. In a table of bins, “adds” is what each bin adds to it.</p>
<p>Small windows differ from the baseline by chance. The <b>bias</b>, what the index is on average where
nothing has moved, is therefore taken off: (B − 1)(1/n + 1/m), for B bins, n expected and m actual rows. In
pictures over time the dashed grey curve is what chance alone passes in one window of twenty: with 10 bins
{small} for 100 rows, {large} for 10,000. Points on it that are round are ok, triangles are warnings, crosses
are alarms, and hollow rings had too few rows to judge by.</p>
<p>A column has a <b>warning</b> from an adjusted index of {warn:g}, where its probability without any shift
is at most {warn_p:g}; it is in <b>alarm</b> from {alarm:g}, where its probability without a material shift,
a true index of 0.10, is at most {alarm_p:g}. For features, both are corrected for how many are looked at, by
Benjamini and Hochberg and by Holm, once any of them comes near a threshold.</p>"""


def _reading(data: ReportData) -> str:
    limits = data.thresholds
    small, large = critical(10, 1_000_000, 100), critical(10, 1_000_000, 10_000)
    said = READING.format(
        small=figure(small),
        large=figure(large, 4),
        warn=limits.warn,
        warn_p=limits.warn_p,
        alarm=limits.alarm,
        alarm_p=limits.alarm_p,
    )
    return section("How to read this", said)


def _footer(data: ReportData) -> str:
    return (
        f'<footer><p class="soft">scorekit quality report of {text(data.model)}:{data.version}, digest '
        f"<code>{text(data.digest)}</code>. This file loads nothing and holds no rows.</p></footer>"
    )
