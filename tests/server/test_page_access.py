"""Who may look at the page and move something there, and what those get who may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scorekit.access import keys
from scorekit.server.pages import sessions
from scorekit.server.pages.sessions import Sessions
from tests.conftest import Bank
from tests.server.conftest import eventually, running
from tests.server.desk import ODD, PAGES, Desk
from tests.server.test_security import make, state_in
from tests.server.visitor import Visitor


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
    for bad in ({"reason": " "}, {"reason": 1001 * "x"}, {"reason": "x", "by": 201 * "x"}):
        assert admin.move("trip", **bad).status == 422
    assert desk.position() == "closed"
    assert admin.move("trip", reason="x").status == 303
    assert admin.move("reset", reason="x", half_open="yes").status == 303
    assert desk.position() == "half_open"
    assert admin.move("reset", reason="x").status == 303


def test_every_scope_is_told_where_it_leads(desk: Desk) -> None:
    asked = Visitor(desk.service).ask("/sign-in").text
    assert all(f"<code>{scope}</code>" in asked for scope in ("score", "train", "admin"))
    seen = desk.signed_in("train").ask("/models/bank")
    assert (seen.status, 'href="/jobs"' in seen.text) == (403, True)


def test_a_proxy_may_show_who_looks_with_each_request(desk: Desk) -> None:
    visitor, shown = Visitor(desk.service), f"Bearer {desk.keys['admin']}"
    token = visitor.ask("/models/bank", Authorization=shown).token
    form = {"token": token, "reason": "x", "half_open": "yes"}
    assert visitor.ask("/models/bank/reset", form, Authorization=shown).status == 303
    assert Visitor(desk.service).ask("/models/bank/reset", form, Authorization=shown).status == 403
    assert visitor.ask("/models/bank/reset", form).place == "/sign-in"
    assert desk.position() == "half_open"
    assert desk.signed_in("admin").move("reset", reason="x").status == 303


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
        assert " in /" not in seen.text, "nobody is told where the store is"
        assert seen.headers["X-Request-ID"] in seen.text
        seen = admin.ask(path, accept="*/*")
        assert (seen.status, json.loads(seen.text)["code"]) == (status, code)
        assert seen.headers["Content-Type"] == "application/problem+json"
    assert json.loads(admin.ask("/nowhere").text)["code"] == "no_such_route"
    paths = json.loads(admin.ask("/openapi.json").text)["paths"]
    assert not {"/", "/sign-in", "/sign-out", "/models/{name}", "/jobs"} & set(paths)


def test_who_guesses_keys_is_told_to_come_back_later(bank: Bank, tmp_path: Path) -> None:
    environment = state_in(tmp_path)
    options = ("--auth", "keys", "--rate-limit", "3/hour", "-m", "bank")
    with running(tmp_path, *options, env=environment, store=bank.store) as service:
        visitor = Visitor(service)
        assert [visitor.sign_in("sk_guess").status for _ in range(5)] == [401] * 3 + [429] * 2


def test_on_this_machine_nobody_signs_in_and_any_worker_takes_a_form(bank: Bank, tmp_path: Path) -> None:
    """The switch asks for a name there; and what is asked is counted over all workers."""
    environment = state_in(tmp_path)
    with running(tmp_path, "--workers", 2, "-m", "bank", env=environment, store=bank.store) as service:
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


# Jobs --------------------------------------------------------------------------------


def test_who_may_train_sees_how_far_a_job_is_and_ends_it(desk: Desk) -> None:
    job = desk.job()
    score, train = desk.signed_in("score"), desk.signed_in("train")
    assert 'href="/jobs"' not in score.ask("/").text
    assert score.ask("/jobs").status == 403
    seen = train.ask("/jobs")
    assert 'value="1300" max="4521"' in seen.text
    assert "proof: 1,300 of 4,521 rows" in seen.text
    assert train.ask(f"/jobs/{job}/cancel", {"token": ""}).status == 403
    assert score.ask(f"/jobs/{job}/cancel", {"token": seen.token}).status == 403
    ended = train.ask(f"/jobs/{job}/cancel", {"token": seen.token})
    assert (ended.status, ended.place) == (303, f"/jobs?said=cancelled#job-{job}")
    seen = train.ask("/jobs?said=cancelled")
    assert "The job is cancelled." in seen.text
    assert f"/jobs/{job}/cancel" not in seen.text
    assert train.ask(f"/jobs/{32 * '0'}/cancel", {"token": seen.token}).status == 404
