"""What is said where nobody looks is what a person would read."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from scorekit.terminal import _bars, _Drawn, escape, plain, terminal

# a backslash before a tag would escape the tag, and no name of a file or column ends in one
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"])).filter(
    lambda text: not text.endswith("\\")
)


@given(TEXTS, TEXTS)
def test_markup_without_colours_is_what_rich_shows(first: str, second: str) -> None:
    markup = f"[bold]{escape(first)}[/] and [red]{escape(second)}[/]"
    assert plain(markup) == f"{first} and {second}"


@given(st.text("ab[]/ ").map(lambda text: text.replace("\\", "")))
def test_escaped_text_is_the_same_to_rich(text: str) -> None:
    assert Text.from_markup(f"[bold]{escape(text)}[/]").plain == text


def test_a_summary_off_the_terminal_is_plain_and_loads_no_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    terminal.show("[bold]scored[/] 3 rows", r"  output    a\[1].csv")
    assert said.getvalue() == "scored 3 rows\n  output    a[1].csv\n"


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("", 100), ("many", 100), ("0", 100)])
def test_the_width_is_the_environments_if_it_is_one(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.console(io.StringIO()).width == width


def test_a_report_is_a_summary_or_one_line_of_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"rows": 3, "mean": float("nan")}
    terminal.report("scored", {}, "[bold]scored[/] 3 rows", "  output  x")
    assert capsys.readouterr().err == "scored 3 rows\n  output  x\n"
    monkeypatch.setattr(terminal, "log_format", "json")
    terminal.report("scored", figures, "[bold]scored[/] 3 rows", "  output  x")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("time")
    assert said == {"event": "scored", "message": "scored 3 rows", "rows": 3, "mean": None}


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        (("fit",), "fit"),
        (("folds", 5, "folds"), "2 of 5 folds"),
        (("scoring", None, "rows"), "2 rows"),
        (("scoring", 1000, "rows"), "2 of 1,000 rows"),
    ],
)
def test_a_bar_counts_what_there_is_to_count(stage: tuple[Any, ...], shown: str) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with _bars(console) as bars:
        drawn = _Drawn(bars)
        drawn.stage(*stage)
        drawn.advance(2)
        line = "".join(segment.text for segment in console.render(bars.get_renderable()))
    assert shown in line
    assert "folds/s" not in line
    assert (" 2" in line) == (shown != "fit")


@pytest.mark.parametrize("width", [72, 80, 100])
def test_a_bar_and_its_figures_stand_in_one_line(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    seconds = iter(range(100))
    with _bars(console) as bars:
        bars.get_time = lambda: float(next(seconds))
        drawn = _Drawn(bars)
        drawn.stage("scoring", 10_000_000, "rows")
        for _ in range(3):
            drawn.advance(1_234_567)
        lines = "".join(segment.text for segment in console.render(bars.get_renderable())).splitlines()
    assert len(lines) == 1
    assert "3,703,701 of 10,000,000 rows" in lines[0]
    assert " rows/s " in lines[0]
