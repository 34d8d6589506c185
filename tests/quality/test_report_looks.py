"""How the report looks: its colours, and what a real browser makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scorekit.quality.report import report_html
from scorekit.quality.report_style import STYLE
from tests.quality.browser import Browser
from tests.quality.reports import report_data

DATA = report_data()
PAGE = report_html(DATA)


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme, by their name."""
    source = re.search(
        r"prefers-color-scheme:dark\)\{:root\{(.*?)\}\}" if scheme == "dark" else r":root\{(.*?)\}",
        STYLE,
        re.DOTALL,
    )
    assert source is not None
    return dict(re.findall(r"--(\w+):(#\w+)", source[1]))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(sign * 2 for sign in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_on_what_they_stand_on(scheme: str) -> None:
    known = colours(scheme)
    pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("bg", "card")]
    pairs += [
        (state, ground)
        for state in ("ok", "warn", "alarm", "unknown", "few")
        for ground in ("card", f"{state}b")
    ]
    pairs += [("ink", f"{state}b") for state in ("ok", "warn", "alarm", "unknown", "few")]
    low = {pair: contrast(known[pair[0]], known[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


# In a browser --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(PAGE, encoding="utf-8")
    return path


WIDER = """[...document.querySelectorAll("body *")].filter(each =>
  !each.closest(".scroll") && !each.closest("svg") && each.getBoundingClientRect().right > innerWidth + 1
).map(each => each.tagName + "." + each.className)"""


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_its_window_and_the_console_is_silent(
    browser: Browser, file: Path, width: int, dark: bool
) -> None:
    browser.open(file, width, dark=dark)
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value(WIDER) == []
    assert browser.complaints == []
    assert browser.requested == [file.as_uri()]


def test_colours_follow_the_scheme_and_shades_are_drawn(browser: Browser, file: Path) -> None:
    seen = []
    for dark in (False, True):
        browser.open(file, 1280, dark=dark)
        seen.append(browser.value("getComputedStyle(document.body).backgroundColor"))
        shades = [
            browser.value(f"getComputedStyle(document.querySelector('.heat .h{level}')).stroke")
            for level in (0, 3, 4)
        ]
        assert len(set(shades)) == 3
        assert "none" not in shades
    assert seen == ["rgb(246, 247, 249)", "rgb(17, 21, 27)"]


def test_what_is_well_is_folded_and_opens_by_the_keyboard(browser: Browser, file: Path) -> None:
    browser.open(file, 1280)
    folded = browser.value(
        "[...document.querySelectorAll('details:not([open]) h3')].map(each => each.textContent)"
    )
    assert sorted(folded) == sorted(column.name for column in DATA.verdict.features if column.state == "ok")
    browser.value("document.querySelector('details:not([open]) summary').focus()")
    browser.press("Enter")
    assert browser.value("document.querySelectorAll('details:not([open])').length") == len(folded) - 1


def test_a_link_to_a_folded_feature_unfolds_it(browser: Browser, file: Path) -> None:
    browser.open(file, 1280)
    last = len(DATA.verdict.features) - 1
    opened = f"document.querySelector('#f{last}').closest('details').open"
    assert browser.value(opened) is False
    browser.value(f"document.querySelector('a[href=\"#f{last}\"]').click()")
    assert browser.value(opened) is True


def test_on_paper_everything_is_unfolded(browser: Browser, file: Path) -> None:
    browser.open(file, 1280)
    hidden = "[...document.querySelectorAll('table')].filter(each => !each.checkVisibility()).length"
    assert browser.value(hidden) > 0
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    try:
        assert browser.value(hidden) == 0
    finally:
        browser.call("Emulation.setEmulatedMedia", media="", features=[])


def test_a_screen_reader_finds_names_for_all_there_is(browser: Browser, file: Path) -> None:
    browser.open(file, 1280)
    browser.call("Accessibility.enable")
    nodes = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    browser.call("Accessibility.disable")

    def named(role: str) -> list[str]:
        return [node["name"]["value"] for node in nodes if node["role"]["value"] == role]

    assert len(named("image")) + len(named("img")) > 10
    for role in ("image", "img", "table", "region", "heading", "link"):
        assert all(named(role)), role
