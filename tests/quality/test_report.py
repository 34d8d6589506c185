"""The report: what it says, and that it holds all it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from scorekit.quality.baseline import Bins
from scorekit.quality.psi import population_stability_index
from scorekit.quality.report import ReportData, SwitchEvent, WindowPoint, column_point, report_html
from scorekit.quality.report_columns import MOST_BINS, bin_rows, critical
from scorekit.quality.report_style import STYLE
from scorekit.quality.report_text import moments
from scorekit.quality.stability import ColumnStability, compare
from scorekit.quality.verdict import Finding, Verdict
from scorekit.quality.window import Window
from tests.quality.pages import Page, Pictures
from tests.quality.reports import report_data

LARGEST = 500_000
"""Bytes of a report on 50 features over 60 windows."""


DATA = report_data()
PAGE = report_html(DATA)


def few(counts: tuple[int, ...], now: tuple[int, ...], name: str = "x") -> ColumnStability:
    labels = tuple(f"level {number}" for number in range(len(counts)))
    bins = Bins(name=name, kind="category", labels=labels, counts=counts, slots=tuple(range(len(counts))))
    return compare([bins], [np.array(now)])[0]


def data_of(*features: ColumnStability, findings: tuple[Finding, ...] = (), **changes: object) -> ReportData:
    verdict = Verdict("ok", "pass", findings, features, (), Window(rows=0))
    made = datetime(2026, 5, 1, tzinfo=UTC)
    return replace(ReportData("m", 1, "0" * 64, made, verdict), **changes)  # type: ignore[arg-type]


# What it says --------------------------------------------------------------------------


def test_the_verdict_stands_first_and_the_worst_before_the_rest() -> None:
    page = Page(PAGE)
    assert page.headings[0] == "Quality of bank:7"
    assert PAGE.index("Alarm: the window failed") < PAGE.index("<h2>")
    assert "It failed by score.psi of score: PSI 0.676 over 3,582 rows." in PAGE
    assert "All scores were replaced by the declared fallback." in PAGE
    shown = [line[0] for line in page.table("CSI of every feature")[1:]]
    ranks = {"alarm": 0, "warn": 1, "ok": 2, "insufficient": 3}
    order = sorted(
        DATA.verdict.features,
        key=lambda column: (ranks[column.state], -column.index.psi_adjusted),  # type: ignore[union-attr]
    )
    assert shown == [column.name for column in order]
    details = [name for name in page.headings if name in shown]
    assert details == shown


def test_every_bin_of_every_column_with_what_it_adds() -> None:
    page = Page(PAGE)
    for index_name, column in [
        ("PSI", DATA.verdict.scores[0]),
        *(("CSI", each) for each in DATA.verdict.features),
    ]:
        head, *lines, total = page.table(f"{index_name} of {column.name}, bin by bin")
        assert head[:2] == ["Bin", "Expected"]
        index = column.index
        assert index is not None
        used = [number for number, held in enumerate(column.counts) if held or column.bins.counts[number]]
        assert [line[0] for line in lines] == [column.bins.labels[number] for number in used]
        assert [line[1] for line in lines] == [f"{column.bins.counts[number]:,}" for number in used]
        assert [line[3] for line in lines] == [f"{column.counts[number]:,}" for number in used]
        assert [line[7] for line in lines] == [f"{index.contributions[number]:.4f}" for number in used]
        assert sum(float(line[7]) for line in lines) == pytest.approx(index.psi, abs=1e-3)
        assert total[0] == "Total"
        assert (total[1], total[3], total[7]) == (f"{index.n:,}", f"{index.m:,}", f"{index.psi:.4f}")


def test_the_numbers_of_one_bin_by_hand() -> None:
    column = few((900, 100), (60, 40))
    _, _, second, _ = Page(report_html(data_of(column))).table("CSI of x, bin by bin")
    p, q = 100.5 / 1001, 40.5 / 101
    ratio = np.log(q / p)
    shown = ["level 1", "100", "10.0%", "40", "40.0%", "+30.0 pp", f"+{ratio:.2f}", f"{(q - p) * ratio:.4f}"]
    assert second == shown


def test_figures_of_a_feature() -> None:
    column = few((900, 100), (60, 40))
    index = population_stability_index([900, 100], [60, 40])
    page = Page(report_html(data_of(column)))
    line = page.table("CSI of every feature")[1]
    assert line[0] == "x"
    assert line[1] == "alarm"
    assert line[2:8] == [
        f"{index.psi_adjusted:.3f}", f"{index.psi:.3f}", f"{index.bias:.3f}", "1,000", "100", "2",
    ]  # fmt: skip
    assert line[8] == "<0.000001"


def test_of_many_bins_those_that_add_most_are_shown_and_the_rest_together() -> None:
    rng = np.random.default_rng(0)
    column = few(tuple(rng.integers(50, 500, 100).tolist()), tuple(rng.integers(50, 500, 100).tolist()))
    rows = bin_rows(column)
    assert len(rows) == MOST_BINS
    assert rows[-1].label == "61 other bins"
    assert sum(row.expected for row in rows) == column.bins.rows
    assert sum(row.actual for row in rows) == column.counts.sum()
    assert column.index is not None
    assert sum(row.contribution for row in rows) == pytest.approx(column.index.psi)
    assert min(row.contribution for row in rows[:-1]) >= max(
        sorted(column.index.contributions)[: 100 - MOST_BINS + 1]
    )


def test_windows_switch_and_who_moved_it() -> None:
    page = Page(PAGE)
    windows = page.table("Windows, newest first")[1:]
    assert len(windows) == 10
    assert windows[0][:3] == ["2026-05-04 02:15 UTC", "alarm", "failed by score.psi score"]
    assert windows[0][3:] == ["3,582", "3.0%", "5.0%", "4", "0"]
    assert windows[7][1] == "too few rows"
    changes = page.table("Changes of the kill switch")[1:]
    assert changes[1] == [
        "2026-04-16 02:15 UTC",
        "open → half open",
        "Ada Moreau",
        "upstream feed repaired, ticket 4711",
    ]


@pytest.mark.parametrize("rows", [50, 100, 1000, 100_000])
@pytest.mark.parametrize("bins", [2, 5, 10, 24])
def test_the_critical_curve_is_passed_by_chance_once_in_twenty(bins: int, rows: int) -> None:
    from scipy.stats import chi2

    scale = 1 / 20_000 + 1 / rows
    expected = chi2.isf(0.05, bins - 1) * scale - (bins - 1) * scale
    assert critical(bins, 20_000, rows) == pytest.approx(expected, rel=1e-9)
    assert critical(1, 20_000, rows) is None
    assert critical(bins, 20_000, 0) is None


def test_what_a_window_failed_by_stands_before_what_only_warns() -> None:
    findings = (
        Finding("column.psi", "warn", "moved", "age"),
        Finding("column.psi", "alarm", "moved far", "job"),
        Finding("score.psi", "alarm", "moved far", "score", action="window"),
    )
    lines = Page(report_html(data_of(findings=findings))).table("What was found")[1:]
    assert [line[1] for line in lines] == ["score", "job", "age"]


@pytest.mark.parametrize(
    ("apart", "labels"),
    [
        (timedelta(days=7), ["2026-01-01", "2026-01-08"]),
        (timedelta(hours=3), ["01 Jan 00:00", "01 Jan 03:00"]),
        (timedelta(seconds=9), ["00:00:00", "00:00:09"]),
    ],
)
def test_times_are_as_fine_as_they_need_to_be(apart: timedelta, labels: list[str]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert moments([start, start + apart]) == labels
    assert moments([]) == []


# What may be missing, or odd -----------------------------------------------------------


def test_a_model_without_a_baseline() -> None:
    unknown = Finding("column.psi", "unknown", "the model has no baseline to go by")
    verdict = Verdict("unknown", "pass", (unknown,), (), (), Window(rows=7, rejected=7))
    content = report_html(replace(data_of(), verdict=verdict))
    assert "Unknown: a check could not be made" in content
    assert Page(content).table("What was found")[1][3] == "the model has no baseline to go by"
    assert "Each feature" not in content


def test_nothing_found_and_nothing_known_before() -> None:
    content = report_html(data_of(few((500, 500), (50, 50))))
    assert "Nothing could be judged." in content
    assert "Ok: nothing of note has moved" in content
    good = report_html(data_of(findings=(Finding("column.psi", "ok", "PSI 0.001", "x"),) * 3))
    assert "Nothing was found, 3 times all was well." in good
    assert "Over 1 windows" not in content
    assert "Kill switch" not in content


def test_too_few_rows_and_none_at_all() -> None:
    findings = (Finding("column.psi", "insufficient", "too few rows", "x"),)
    content = report_html(data_of(few((500, 500), (3, 4)), few((5, 5), (0, 0), "y"), findings=findings))
    assert "1 more had too few rows to judge by" in content
    assert "There are no rows to compare." in content
    lines = Page(content).table("CSI of every feature")
    assert [line[1] for line in lines[1:]] == ["too few rows"] * 2


@pytest.mark.parametrize("windows", [0, 1, 2, 61])
def test_any_number_of_windows(windows: int) -> None:
    column = few((500, 500), (80, 20))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = tuple(
        WindowPoint(start + timedelta(hours=number), 100, "alarm", features={"x": column_point(column)})
        for number in range(windows)
    )
    content = report_html(data_of(column, windows=points))
    found = re.search(r"; (\d+) older ones are left out", content)
    assert (found[1] if found else None) == ("1" if windows == 61 else None)
    assert ("<b>Over" in content) == (windows > 1)
    Pictures(content)


def test_switch_events_before_between_and_after_the_windows() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = tuple(WindowPoint(start + timedelta(days=day), 100, "ok") for day in range(3))
    events = tuple(
        SwitchEvent(start + timedelta(days=day), "me", before, after, "why")
        for day, before, after in [
            (-1, "closed", "open"),
            (0.5, "open", "half_open"),
            (9, "half_open", "closed"),
        ]
    )
    content = report_html(data_of(windows=points, switch="closed", switch_events=events))
    (strip,) = [picture for picture in Pictures(content).titles if picture.startswith("Kill switch")]
    assert strip == "Kill switch over 3 windows, changes: 2, of these to open: 0, now closed"
    assert re.findall(r'class="sw (\w+)"', content) == ["open", "half_open", "closed"]


NASTY = "<script>alert(1)</script>&\"'`\x00\u202e\ud800 <img src=x onerror=alert(2)>"


def test_names_cannot_add_anything_to_the_page() -> None:
    column = few((500, 500), (80, 20), NASTY)
    labelled = replace(column, bins=msgspec.structs.replace(column.bins, labels=(NASTY, "</table>")))
    points = (
        WindowPoint(datetime(2026, 1, 1, tzinfo=UTC), 9, "ok", features={NASTY: column_point(column)}),
    ) * 2
    event = SwitchEvent(datetime(2026, 1, 1, tzinfo=UTC), NASTY, "open", "closed", NASTY)
    content = report_html(
        data_of(
            labelled,
            findings=(Finding(NASTY, "warn", NASTY, NASTY),),
            model=NASTY,
            judged=NASTY,
            consequence=NASTY,
            baseline=NASTY,
            windows=points,
            switch_events=(event,),
        )
    )
    content.encode()
    page = Page(content)
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.table("Changes of the kill switch")[1][2].startswith("<script>alert(1)</script>&")
    assert "\x00" not in content
    Pictures(content)


# That it is whole, and can be read by anybody ------------------------------------------


def test_pictures_say_what_they_show() -> None:
    titles = Pictures(PAGE).titles
    assert len(titles) > 40
    assert any(title.startswith("Adjusted PSI of 17 features over 10 windows") for title in titles)
    assert any(
        re.match(r"balance: adjusted PSI over 10 windows, highest \d\.\d{3} in the window of", t)
        for t in titles
    )


def test_each_cell_of_the_heat_map_has_the_mark_of_its_state() -> None:
    (picture,) = re.findall(r'<svg[^>]*class="heat".*?</svg>', PAGE)
    steps = {path.get("class"): path.get("d", "") for path in ET.fromstring(picture).iter("path")}
    states = [point.state for window in DATA.windows for point in window.features.values()]
    assert steps["k2 alarm"].count("M") == states.count("alarm") > 0
    assert steps["k2 warn"].count("M") == states.count("warn") > 0
    assert steps["hs"].count("M") == states.count("insufficient") > 0
    cells = sum(path.count("h") for kind, path in steps.items() if kind and kind.startswith("h h"))
    assert cells == len(states)


def test_it_loads_nothing_and_runs_nothing() -> None:
    page = Page(PAGE)
    assert not {"script", "link", "img", "iframe", "object", "image"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "data", "action")
            assert not name.startswith("on")
            assert name not in ("href", "xlink:href") or (value or "").startswith("#")
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert "http" not in PAGE.replace("http-equiv", "")


def test_tables_headings_and_language_are_those_a_screen_reader_needs() -> None:
    page = Page(PAGE)
    assert ("html", {"lang": "en"}) in page.tags
    assert len(page.captions) == len(page.tables)
    assert all(page.captions)
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert {head.get("scope") for head in heads} == {"row", "col"}
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for _, attributes in page.tags if attributes.get("href")}  # type: ignore[index]
    assert targets <= set(ids)


def test_the_same_data_give_the_same_bytes() -> None:
    assert report_html(report_data()) == PAGE


@pytest.mark.parametrize("drift", [0.0, 1.0, 4.0])
def test_it_is_small(drift: float) -> None:
    assert len(report_html(report_data(50, 60, drift=drift)).encode()) < LARGEST
