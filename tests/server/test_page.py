"""The page in a browser: what somebody sees and does there, and by what means."""

from __future__ import annotations

import json
import time

import pytest

from scorekit import versions
from scorekit.access import keys
from tests.quality.browser import Browser
from tests.server.conftest import eventually
from tests.server.desk import ODD, PAGES, Desk

EVIL = "<img src=x onerror='window.bad=1'>"


WIDER = """[...document.querySelectorAll("body *")].filter(each => !each.closest(".scroll, svg, .skip")
  && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.tagName + "." + each.className)"""


def sign_in(browser: Browser, desk: Desk, scope: str = "admin", width: int = 1280) -> None:
    """By the keyboard: the field has the focus."""
    browser.call("Network.clearBrowserCookies")
    browser.open(f"{desk.service.url}/", width)
    eventually(lambda: browser.value("document.activeElement.id") == "key", lambda: text(browser))
    browser.write(desk.keys[scope])
    enter(browser)


def enter(browser: Browser) -> None:
    """Do what has the focus, and wait for the page it leads to."""
    browser.press("Enter")
    browser.loaded()


def tab_to(browser: Browser, selector: str) -> None:
    """Go on by Tab to something, which then shows that it has the focus."""
    for _ in range(80):
        browser.press("Tab")
        if browser.value(f"document.activeElement.matches({json.dumps(selector)})"):
            assert browser.value("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def text(browser: Browser, selector: str = "main") -> str:
    return str(browser.value(f"document.querySelector({json.dumps(selector)}).innerText"))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_somebody_signs_in_looks_trips_and_resets_by_the_keyboard(
    desk: Desk, browser: Browser, script: bool
) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=not script)
    try:
        sign_in(browser, desk)
        assert text(browser, "h1") == "Models"
        tab_to(browser, "a[href='/models/bank']")
        enter(browser)
        assert text(browser, "h1") == "bank"
        for what, button, position in (("trip", "Trip", "open"), ("reset", "Reset", "closed")):
            tab_to(browser, f"#{what}-by")
            browser.write("Ada")
            tab_to(browser, f"#{what}-reason")
            browser.write("a test")
            tab_to(browser, f"form[action$='/{what}'] button")
            assert text(browser, ":focus").startswith(button)
            enter(browser)
            assert f"The switch is {position}" in text(browser, "[role=status]")
            assert f"switch {position}" in text(browser, "#switch-state").lower()
            assert f"Ada (key:{keys.id_of(desk.keys['admin'])})" in text(browser, "#switch-changes tbody tr")
            assert desk.position() == position
        browser.open(f"{desk.service.url}/", 1280)
        tab_to(browser, ".who button")
        enter(browser)
        assert text(browser, "h1") == "Sign in"
        browser.open(f"{desk.service.url}/models/bank", 1280)
        assert text(browser, "h1") == "Sign in"
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_first_tab_leads_past_the_menu(desk: Desk, browser: Browser) -> None:
    sign_in(browser, desk)
    browser.press("Tab")
    assert text(browser, ":focus") == "Skip to the content"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Enter")
    assert browser.value("document.activeElement.id") == "main"


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_their_window_and_load_nothing_from_elsewhere(
    desk: Desk, browser: Browser, width: int, dark: bool
) -> None:
    sign_in(browser, desk, width=width)
    for page in (*PAGES, "/sign-in"):
        browser.open(f"{desk.service.url}{page}", width, dark=dark)
        assert browser.value("location.pathname") == page
        assert browser.value("document.documentElement.scrollWidth") == width, page
        assert browser.value(WIDER) == [], page
        assert browser.complaints == [], page
        assert {url.split("/")[2] for url in browser.requested} == {f"127.0.0.1:{desk.service.port}"}
        ground = "rgb(17, 21, 27)" if dark else "rgb(246, 247, 249)"
        assert browser.value("getComputedStyle(document.body).backgroundColor") == ground


def test_the_report_is_a_page_too(desk: Desk, browser: Browser) -> None:
    sign_in(browser, desk)
    browser.open(f"{desk.service.url}/models/bank/report", 1280)
    assert text(browser, "h1") == "Quality of bank:1"
    assert browser.complaints == []


def test_names_and_reasons_are_shown_as_they_are_and_do_nothing(desk: Desk, browser: Browser) -> None:
    admin = desk.signed_in("admin")
    versions.promote("odd:1", "stable", by=EVIL, why="\u202e turned", store=str(desk.store))
    assert admin.move("trip", "odd", by=EVIL, reason=f"{ODD} \u202e").status == 303
    assert admin.move("reset", "odd", reason=EVIL).status == 303
    sign_in(browser, desk)
    browser.open(f"{desk.service.url}/models/odd?said={ODD}", 1280)
    shown = text(browser)
    assert shown.count(ODD) >= 2  # the feature, and a reason
    assert shown.count(EVIL) >= 3
    assert "\ufffd turned" in shown
    assert "\u202e" not in shown
    assert browser.value("window.bad") is None
    assert browser.value("document.querySelectorAll('main script, img[src=x]').length") == 0
    browser.open(f"{desk.service.url}/sign-in?to={ODD}", 1280)
    assert browser.value("document.querySelector('[name=to]').value") == "/"


def test_a_page_follows_what_happens_and_leaves_what_is_typed(desk: Desk, browser: Browser) -> None:
    sooner = "const every = setInterval; window.setInterval = (look, pause) => every(look, pause / 100)"
    hurried = browser.call("Page.addScriptToEvaluateOnNewDocument", source=sooner)["identifier"]
    try:
        sign_in(browser, desk)
        browser.open(f"{desk.service.url}/models/odd", 1280)
        tab_to(browser, "#trip-reason")
        browser.write("half a sentence")
        assert desk.signed_in("admin").move("trip", "odd", reason="a test").status == 303
        eventually(lambda: "switch open" in text(browser, "#switch-state"), lambda: text(browser))
        assert browser.value("document.querySelector('#trip-reason').value") == "half a sentence"
        tab_to(browser, ".follow button")
        browser.press("Enter")
        assert desk.signed_in("admin").move("reset", "odd", reason="a test").status == 303
        time.sleep(0.5)
        assert "switch open" in text(browser, "#switch-state")  # it was told to pause
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=hurried)
    assert browser.complaints == []


def test_whoever_cannot_see_it_finds_names_and_landmarks(desk: Desk, browser: Browser) -> None:
    sign_in(browser, desk)
    browser.open(f"{desk.service.url}/models/bank", 1280)
    browser.call("Accessibility.enable")
    nodes = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    browser.call("Accessibility.disable")
    named: dict[str, list[str]] = {}
    for node in nodes:
        named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert len(named[landmark]) == 1, landmark
    for role in ("textbox", "button", "link", "heading", "table", "image", "form", "article"):
        assert named[role], role
        assert all(named[role]), role
    assert browser.value("document.querySelectorAll('h1').length") == 1
    assert browser.value("document.documentElement.lang") == "en"
