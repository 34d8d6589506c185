"""The page: what somebody sees, does and may not do there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.access import keys
from scorekit.server.pages import sessions
from scorekit.server.pages.sessions import Sessions
from tests.conftest import Bank, scorekit, train
from tests.quality.browser import Browser, chromium
from tests.quality.browser import running as browsing
from tests.server.conftest import Running, eventually, running
from tests.server.test_security import make, state_in
from tests.server.visitor import Visitor

ODD = "<script>window.bad=1</script>"
QUICK = ("--estimator", "logistic", "--cv", 2)
EVIL = "<img src=x onerror='window.bad=1'>"
PAGES = ("/", "/models/bank", "/models/odd")


class Desk(NamedTuple):
    """A service with some models and windows, keys to it, and its environment."""

    service: Running
    keys: dict[str, str]
    environment: dict[str, str]

    def signed_in(self, scope: str) -> Visitor:
        visitor = Visitor(self.service)
        assert visitor.sign_in(self.keys[scope]).status == 303
        return visitor

    def position(self, model: str = "bank") -> str:
        asked = Visitor(self.service).ask(f"/v1/switch/{model}", X_API_Key=self.keys["score"])
        return str(json.loads(asked.text)["position"])


@pytest.fixture(scope="module")
def store(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ``bank``, and of ``odd``, which has a feature of an odd name."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(bank.store, folder / "models", ignore=shutil.ignore_patterns(".scorekit"))
    rows = pq.read_table(next(bank.store.parent.glob("bank.parquet")))
    few = pa.table({ODD: rows["age"], "job": rows["job"], "y": rows["y"]})
    pq.write_table(few, folder / "odd.parquet")
    train([folder / "odd.parquet"], folder / "models", "--target", "y", "--name", "odd", *QUICK)
    return folder / "models"


@pytest.fixture(scope="module")
def desk(bank: Bank, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    environment = state_in(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for number in range(2):
            rows = bank.new.slice(number * 400, 400)
            pq.write_table(rows, folder / f"{number}.parquet")
            scored = scorekit("score", folder / f"{number}.parquet", "-m", "bank", store=store)
            assert scored.returncode == 0, scored.stderr
        scored = scorekit("score", store.parent / "odd.parquet", "-m", "odd", store=store)
        assert scored.returncode == 0, scored.stderr
        made = make(environment, "score", "train", "admin")
    with running(folder, "--auth", "keys", env=environment, store=store) as service:
        yield Desk(service, made, environment)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        assert not os.environ.get("CI"), "Chromium is not installed"
        pytest.skip("Chromium is not installed")
    with browsing(path) as found:
        yield found


# In a browser ------------------------------------------------------------------------

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
    assert admin.move("trip", "odd", by=EVIL, reason=f"{ODD} \u202e").status == 303
    assert admin.move("reset", "odd", reason=EVIL).status == 303
    sign_in(browser, desk)
    browser.open(f"{desk.service.url}/models/odd?said={ODD}", 1280)
    shown = text(browser)
    assert shown.count(ODD) >= 2  # the feature, and a reason
    assert shown.count(EVIL) >= 2
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


# Who may do what ---------------------------------------------------------------------


def test_who_has_not_signed_in_sees_where_to_do_so_and_nothing_else(desk: Desk) -> None:
    stranger = Visitor(desk.service)
    moves = [(f"/models/bank/{what}", {"reason": "x"}) for what in ("trip", "reset")]
    asked = [*((page, None) for page in (*PAGES, "/models/bank/report")), *moves, ("/sign-out", {})]
    for path, form in asked:
        seen = stranger.ask(path, form)
        assert (seen.status, seen.text) == (303, ""), path
        assert str(seen.place).startswith("/sign-in"), path
        # who asks for no page is told as at every other route
        seen = stranger.ask(path, form, accept="application/json")
        assert (seen.status, json.loads(seen.text)["code"]) == (401, "not_authenticated"), path
    assert desk.position() == "closed"


def test_a_key_leads_back_to_where_somebody_wanted_to_look(desk: Desk) -> None:
    for place, leads in (("/models/bank", "/models/bank"), ("//evil.example", "/"), ("/\\evil", "/")):
        visitor = Visitor(desk.service)
        token = visitor.ask("/sign-in").token
        seen = visitor.ask("/sign-in", {"token": token, "key": desk.keys["score"], "to": place})
        assert (seen.status, seen.place) == (303, leads)
    assert str(Visitor(desk.service).ask("/models/bank").place) == "/sign-in?to=/models/bank"


def test_scopes_say_who_looks_and_who_moves(desk: Desk) -> None:
    score, admin = desk.signed_in("score"), desk.signed_in("admin")
    assert '<form class="move"' not in score.ask("/models/bank").text
    seen = score.move("trip", reason="x")
    assert (seen.status, "not_allowed" in seen.text) == (403, True)
    assert desk.signed_in("train").ask("/").status == 403
    assert desk.position() == "closed"
    assert admin.move("trip", reason=" ").status == 400
    assert admin.move("trip", reason="x").status == 303
    assert admin.move("reset", reason="x", half_open="yes").status == 303
    assert desk.position() == "half_open"
    assert admin.move("reset", reason="x").status == 303


def test_a_cookie_is_for_this_page_and_for_no_script(desk: Desk) -> None:
    visitor = Visitor(desk.service)
    assert visitor.sign_in(desk.keys["score"]).status == 303
    assert set(visitor.cookies) == {"scorekit-session", "scorekit-visitor"}
    assert desk.keys["score"] not in str(visitor.cookies)
    for scheme, prefix in (("http", ""), ("https", "__Host-")):
        visitor = Visitor(desk.service)
        token = visitor.ask("/sign-in", X_Forwarded_Proto=scheme).token
        form = {"token": token, "key": desk.keys["score"]}
        told = visitor.ask("/sign-in", form, X_Forwarded_Proto=scheme).cookies[f"{prefix}scorekit-session"]
        said = {part.strip().lower() for part in told.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/", "max-age=28800"} <= said
        assert ("secure" in said) == (scheme == "https")


def test_a_form_of_nobody_of_another_session_or_of_another_site_moves_nothing(desk: Desk) -> None:
    admin, other = desk.signed_in("admin"), desk.signed_in("admin")
    own = admin.ask("/models/bank").token
    form = {"reason": "x", "token": own}
    for wrong in (
        "",
        "x",
        own[:-2],
        other.ask("/models/bank").token,
        Visitor(desk.service).ask("/sign-in").token,
    ):
        seen = admin.ask("/models/bank/trip", form | {"token": wrong})
        assert (seen.status, "bad_form" in seen.text) == (403, True)
    assert admin.ask("/models/bank/trip", {"reason": "x"}).status == 403
    assert admin.ask("/sign-out", {}).status == 403
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}):
        assert admin.ask("/models/bank/trip", form, **headers).status == 403
    assert Visitor(desk.service).ask("/sign-in", {"key": desk.keys["admin"], "token": own}).status == 403
    assert desk.position() == "closed"


def test_a_session_ends_with_its_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make(desk.environment, "leaving")["leaving"]
    visitor = Visitor(desk.service)
    eventually(lambda: visitor.sign_in(key).status == 303, lambda: "the key is not taken")
    assert visitor.ask("/").status == 200
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", desk.environment["SCOREKIT_DATABASE_URL"])
    keys.revoke(key, "Ada")
    eventually(lambda: visitor.ask("/").place == "/sign-in", lambda: "it goes on", patience=10)
    assert "scorekit-session" not in visitor.cookies


def test_a_session_ends_after_its_time_and_is_of_no_other_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Sessions(b"a secret of the service")
    cookie = ours.begin("0123456789ab")
    session = ours.read(cookie)
    assert session is not None
    assert session.key_id == "0123456789ab"
    assert Sessions(b"another secret").read(cookie) is None
    for forged in ("", "x", cookie[1:], cookie[:-1], f"{cookie}.x"):
        assert ours.read(forged) is None
    monkeypatch.setattr(sessions, "LASTS", -1)
    assert ours.read(cookie) is None


def test_a_wrong_key_is_refused_and_no_key_is_written_down(desk: Desk) -> None:
    for wrong in (desk.keys["admin"][:-2] + "!!", desk.keys["admin"][:-2] + "xx", "", "hunter2", ODD):
        seen = Visitor(desk.service).sign_in(wrong)
        assert seen.status == 401
        assert "Secure" not in str(seen.cookies)
        assert "scorekit-session" not in seen.cookies
        assert not wrong or wrong not in seen.text
    log = desk.service.log.read_text()
    assert desk.keys["admin"].rpartition("_")[2][:20] not in log
    assert "hunter2" not in log


def test_pages_are_sent_with_strict_headers(desk: Desk) -> None:
    admin = desk.signed_in("admin")
    for page in ("/", "/models/bank", "/models/bank/report", "/models/none", "/sign-in"):
        headers = admin.ask(page).headers
        policy = str(headers["Content-Security-Policy"])
        assert policy.startswith("default-src 'none'"), page
        assert "frame-ancestors 'none'" in policy, page
        assert "script-src 'unsafe" not in policy, page
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_an_error_is_a_page_for_who_asks_for_pages(desk: Desk) -> None:
    admin = desk.signed_in("admin")
    for path, status, code in (("/models/none", 404, "model_not_found"), ("/models/a b", 400, "usage")):
        path = path.replace(" ", "%20")
        seen = admin.ask(path)
        assert (seen.status, seen.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert code in seen.text
        assert seen.headers["X-Request-ID"] in seen.text
        seen = admin.ask(path, accept="*/*")
        assert (seen.status, json.loads(seen.text)["code"]) == (status, code)
        assert seen.headers["Content-Type"] == "application/problem+json"
    assert json.loads(admin.ask("/nowhere").text)["code"] == "no_such_route"
    paths = json.loads(admin.ask("/openapi.json").text)["paths"]
    assert not {"/", "/sign-in", "/sign-out", "/models/{name}", "/jobs"} & set(paths)


def test_who_guesses_keys_is_told_to_come_back_later(store: Path, tmp_path: Path) -> None:
    environment = state_in(tmp_path)
    options = ("--auth", "keys", "--rate-limit", "3/hour", "-m", "bank")
    with running(tmp_path, *options, env=environment, store=store) as service:
        visitor = Visitor(service)
        assert [visitor.sign_in("sk_guess").status for _ in range(5)] == [401] * 3 + [429] * 2


def test_on_this_machine_nobody_signs_in_and_any_worker_takes_a_form(store: Path, tmp_path: Path) -> None:
    """The switch asks for a name there; and what is asked is counted over all workers."""
    environment = state_in(tmp_path)
    with running(tmp_path, "--workers", 2, "-m", "bank", env=environment, store=store) as service:
        visitor = Visitor(service)
        assert visitor.ask("/sign-in").place == "/"
        assert "No window was judged yet" in visitor.ask("/models/bank").text
        assert visitor.move("trip", reason="x").status == 422
        assert [visitor.move("trip", reason="x", by="Ada").status for _ in range(8)] == [303] * 8
        for _ in range(8):
            assert Visitor(service).ask("/models/bank/trip", {"by": "Eve", "reason": "x"}).status == 403
        for _ in range(10):
            body = {"features": [{}]}
            assert Visitor(service).ask("/v1/score/batch", body).status == 415
        assert ">10 in all<" in visitor.ask("/").text
