"""What schemathesis makes of the OpenAPI document, sent to a real service: signed in, and not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Bank
from tests.server.conftest import Running, running
from tests.server.test_security import OPEN, make, state_in

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
TRIP = "/v1/switch/{name}/trip"
"""It withholds every score after it: those are no failures of the service, but look like some."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def admin(folder: Path) -> str:
    return make(state_in(folder), "admin")["admin"]


@pytest.fixture(scope="module")
def service(bank: Bank, folder: Path, admin: str) -> Iterator[Running]:
    with running(folder, "--auth", "keys", env=state_in(folder), store=bank.store) as started:
        yield started


def sent(service: Running, *options: str, examples: int = 10) -> subprocess.CompletedProcess[str]:
    """Send what it makes of the document; the same each time."""
    program = str(Path(sys.executable).parent / "schemathesis")
    found = (f"--max-examples={examples}", "--seed=1", "--generation-database=none", "--no-color")
    return subprocess.run(
        [program, "run", f"{service.url}/openapi.json", f"--checks={','.join(CHECKS)}", *found, *options],
        capture_output=True,
        text=True,
        cwd=service.log.parent,
    )


def requests(service: Running) -> list[tuple[str, int, str]]:
    """Route, status and caller of each so far."""
    return [(e["path"], e["status"], e.get("caller", "")) for e in service.events("request")]


def test_nothing_is_let_in_that_is_not_signed_in(service: Running) -> None:
    before = len(requests(service))
    done = sent(service, "--phases=examples,coverage,fuzzing", examples=3)
    seen = requests(service)[before:]
    assert len(seen) > 100
    bypasses = [one for one in seen if one[0] not in OPEN | {"unknown"} and (one[1] < 400 or one[2])]
    assert bypasses == []
    assert not any(status >= 500 for _, status, _ in seen)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_fails_of_what_is_signed_in(service: Running, admin: str) -> None:
    before = len(requests(service))
    signed = ("--header", f"Authorization: Bearer {admin}")
    done = sent(service, *signed, "--exclude-path", TRIP, "--phases=examples,coverage,fuzzing,stateful")
    seen = requests(service)[before:]
    assert any(status < 300 and caller for _, status, caller in seen)
    assert not any(status >= 500 for _, status, _ in seen)
    assert done.returncode == 0, done.stdout + done.stderr
    done = sent(service, *signed, "--include-path", TRIP, "--phases=examples,coverage,fuzzing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.events("failed") == []
    assert service.process.poll() is None


def test_a_bypass_would_be_seen(bank: Bank, tmp_path: Path) -> None:
    """The document says that callers show who they are; a service that asks nobody is found out."""
    with running(tmp_path, env=state_in(tmp_path), store=bank.store) as open_to_all:
        done = sent(
            open_to_all, "--header", "Authorization: Bearer x", "--include-path=/v1/models", examples=2
        )
        assert done.returncode == 1, done.stdout
        assert "authentication" in done.stdout.lower()
        assert json.loads(open_to_all.log.read_text().splitlines()[-1])["event"] == "request"
