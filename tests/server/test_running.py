"""How a service begins and ends: one that cannot begin says why, and no worker is left behind."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scorekit.server.running import HEALTH
from tests.conftest import Bank, scorekit
from tests.server.conftest import PATIENCE, Running, eventually, free_port
from tests.server.load import children


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--train-jobs", 0, "--train-from", "rows"), "not a place that can be allowed: rows"),
        (("--ssl-certfile", "none.pem"), "cannot read none.pem: No such file"),
        (("--ssl-certfile", __file__, "--ssl-keyfile", "none.pem"), "cannot read none.pem: No such file"),
        (("--ssl-certfile", __file__), "the certificates cannot be used: one is no PEM, or holds no key"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_begins(
    tmp_path: Path, bank: Bank, options: tuple[object, ...], said: str, workers: int
) -> None:
    given = ("--port", free_port(), "--workers", workers, *options)
    done = scorekit("serve", *given, cwd=tmp_path, store=bank.store, timeout=PATIENCE)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--host", "203.0.113.1", "--insecure"), "name an address of this machine with --host"),
        (("--policy", "none.toml"), "--policy and SCOREKIT_POLICY name it"),
    ],
)
def test_the_option_that_has_to_change_is_named(
    tmp_path: Path, bank: Bank, options: tuple[object, ...], hint: str
) -> None:
    done = scorekit("serve", *options, cwd=tmp_path, store=bank.store, timeout=PATIENCE)
    assert done.stderr.splitlines()[-1] == f"hint: {hint}"


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from scorekit.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "serve"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: the service needs a package that is not installed: uvicorn\n"
        "hint: pip install 'scorekit[serve]'\n"
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_does_not_hold_ends_it(tmp_path: Path, bank: Bank, workers: int) -> None:
    store = tmp_path / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    (store / "bank" / "1" / "baseline.json").write_text("{}")
    given = ("--port", free_port(), "--workers", workers)
    # sooner than a worker is given up that says nothing
    done = scorekit("serve", *given, cwd=tmp_path, store=store, timeout=HEALTH)
    assert done.returncode == 4
    assert "baseline.json" in done.stderr
    assert "error: the service cannot begin" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_to_do_about_a_fallback_that_was_not_learned_is_told(tmp_path: Path, bank: Bank) -> None:
    (tmp_path / "scorekit.toml").write_text('[fallback]\nladder = [{ expression = "0.5" }]\n')
    done = scorekit("serve", "--port", free_port(), cwd=tmp_path, store=bank.store, timeout=PATIENCE)
    failed = next(line for line in map(json.loads, lines_of(done.stderr)) if line["event"] == "failed")
    assert failed["code"] == "no_fallback"
    assert failed["hint"].startswith("train again with this scorekit.toml")


def lines_of(log: str) -> list[str]:
    """Those of the log, without what the command says itself."""
    return [line for line in log.splitlines() if line.startswith("{")]


def test_workers_end_with_the_process_that_has_begun_them(serve: Callable[..., Running]) -> None:
    service = serve("--workers", 2)
    eventually(lambda: len(service.events("ready")) == 2, lambda: "one of them does not come")
    begun = children(service.process.pid)
    service.process.kill()
    eventually(lambda: not any(map(alive, begun)), lambda: "they live on, and keep the port")
    assert len(service.events("stopped")) == 2


def test_head_is_answered_as_get_is_but_for_the_content(serve: Callable[..., Running]) -> None:
    service = serve()
    talk = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)

    def ask(method: str, path: str) -> tuple[int, str | None, bytes]:
        talk.request(method, path)
        answer = talk.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()

    for path in ("/livez", "/readyz", "/ping", "/health", "/v2/health/ready", "/v1/models", "/", "/nothing"):
        status, kind, content = ask("GET", path)
        assert ask("HEAD", path) == (status, kind, b"")
        assert content or path.startswith("/v2/")
    assert ask("HEAD", "/v1/score/stream")[0] == 405
    service.wait_for("request", method="HEAD", path="/v1/models", status=200)


@pytest.mark.parametrize("workers", [1, 2])
def test_once_it_is_to_end_it_answers_what_is_under_way_and_takes_no_connection(
    serve: Callable[..., Running], workers: int
) -> None:
    service = serve("--workers", workers)
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as talk:
        talk.sendall(
            b"POST /v1/score/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert talk.recv(65_536).startswith(b"HTTP/1.1 100 ")
        service.process.terminate()
        eventually(lambda: refused(service.port), lambda: "connections are taken that nobody answers")
        assert service.process.poll() is None
        talk.sendall(b"{}")
        assert talk.recv(65_536).startswith(b"HTTP/1.1 4")
    assert service.process.wait(PATIENCE) == 143


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
