"""Jobs of a real service: submitted, waited for, cancelled, carried out, and lost by nobody's death."""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from scorekit.jobs import Jobs, open_jobs
from scorekit.state import migrate, place
from scorekit.store.versions import Ref, Store
from tests.jobs.samples import large
from tests.jobs.working import alive, children
from tests.server.conftest import PATIENCE, Running, eventually, running
from tests.server.test_security import make, state_in
from tests.state.conftest import postgres, postgres_database, postgres_server, sqlite, url
from tests.training.samples import made

__all__ = ["postgres", "postgres_database", "postgres_server", "sqlite", "url"]

TINY = {"target": "target", "estimator": "logistic", "cv": 0}
ENDLESS = {"target": "target", "estimator": "forest", "params": {"n_estimators": 100_000}, "cv": 0}
ROWS = made({})


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["code"])


class Trainer(NamedTuple):
    """A service that trains, and what is asked of it."""

    service: Running
    store: Path
    keys: dict[str, str]

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        shown = {"Authorization": f"Bearer {self.keys['train']}"} if self.keys else {}
        given = {**shown, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status, answer.headers, json.loads(text) if is_json else text.decode())

    def named(self, query: str = "", headers: dict[str, str] | None = None, **asked: Any) -> Answer:
        """Train on data that the request names."""
        body = json.dumps(asked).encode()
        given = {"Content_Type": "application/json", **(headers or {})}
        return self.ask(f"/v1/train?{query}", "POST", body, **given)

    def sent(
        self, body: bytes, kind: str = "text/csv", headers: dict[str, str] | None = None, **asked: Any
    ) -> Answer:
        """Train on data that is the body."""
        return self.ask(
            f"/v1/train?{urlencode(asked, doseq=True)}", "POST", body, Content_Type=kind, **(headers or {})
        )

    def job(self, answer: Answer) -> Any:
        return self.ask(answer.headers["Location"]).body

    def comes_to(self, answer: Answer, *statuses: str) -> Any:
        """The job once it stands so."""

        def found() -> Any:
            job = self.job(answer)
            return job if job["status"] in statuses else None

        return eventually(found, lambda: f"{self.job(answer)}\n{self.service.log.read_text()}")

    def fits(self, answer: Answer) -> None:
        """Wait until the job is at its longest work."""

        def fitting() -> bool:
            return (self.job(answer)["progress"] or {}).get("stage") == "fit"

        eventually(fitting, lambda: f"{self.job(answer)}\n{self.service.log.read_text()}")


def csv(table: pa.Table = ROWS) -> bytes:
    written = io.BytesIO()
    pyarrow.csv.write_csv(table, written)
    return written.getvalue()


def empty(folder: Path) -> Path:
    """A store without models."""
    (folder / "models").mkdir()
    return folder / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_here = tmp_path_factory.mktemp("jobs")
    (made_here / "rows").mkdir()
    pq.write_table(ROWS, made_here / "rows" / "rows.parquet")
    return made_here


@pytest.fixture(scope="module")
def trainer(folder: Path) -> Iterator[Trainer]:
    """One that asks who calls."""
    environment = state_in(folder)
    store = empty(folder)
    keys = make(environment, "train", "score", "admin")
    options = ("--auth", "keys", "--train-from", folder / "rows", "--max-upload", 64 * 1024)
    with running(folder, *options, env=environment, store=store) as service:
        yield Trainer(service, store, keys)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Trainer]:
    """One that carries nothing out itself."""
    store = empty(tmp_path)
    options = ("--train-jobs", 0, "--train-from", tmp_path, "--timeout", 20)
    with running(tmp_path, *options, store=store) as service:
        yield Trainer(service, store, {})


def left(trainer: Trainer) -> list[Path]:
    """Uploaded data that is still there."""
    uploads = trainer.store / ".scorekit" / "uploads"
    return sorted(uploads.iterdir()) if uploads.exists() else []


# submitting -------------------------------------------------------------------------------


def test_data_that_is_sent_becomes_a_version_that_is_served(trainer: Trainer) -> None:
    answer = trainer.sent(
        csv(), **TINY, name="sent", params=json.dumps({"C": 0.5}), drop="letter", wait="true"
    )
    job = answer.body
    assert (answer.status, job["status"], job["version"]) == (200, "done", 1), job
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["result"]["rows"] == len(ROWS)
    assert (job["request"]["params"], job["request"]["drop"]) == ({"C": 0.5}, ["letter"])
    manifest = Store.open(str(trainer.store)).manifest(Ref("sent", 1))
    assert manifest.job == job["id"]
    assert [file.uri for file in manifest.training.files] == ["data.csv"]
    assert str(trainer.store) not in (trainer.store / "sent" / "1" / "card.md").read_text()
    record = json.dumps({"features": [{"number": 0.5}], "model": "sent"}).encode()
    key = f"Bearer {trainer.keys['score']}"
    scored = trainer.ask(
        "/v1/score/stream", "POST", record, Content_Type="application/json", Authorization=key
    )
    assert (scored.status, scored.body["version"]) == (200, 1)
    assert left(trainer) == []
    for event in ("job_submitted", "job_began", "job_done"):
        trainer.service.wait_for(event, job=job["id"], model="sent")
    assert 'scorekit_jobs{status="done"}' in trainer.ask("/metrics").body


def test_data_that_may_be_named_is_trained_on(trainer: Trainer, folder: Path) -> None:
    answer = trainer.named(**TINY, data=str(folder / "rows" / "rows.parquet"), promote=True)
    assert (answer.status, answer.body["model"]) == (202, "rows")
    assert trainer.comes_to(answer, "done")["version"] == 1


@pytest.mark.parametrize(
    "data", ["/etc/passwd", "rows/rows.parquet", "s3://rows/all", "http://127.0.0.1/rows.csv", "file:///etc"]
)
def test_other_data_is_not_looked_at(trainer: Trainer, data: str) -> None:
    before = trainer.ask("/v1/jobs").body["jobs"]
    answer = trainer.named(**TINY, name="other", data=data)
    assert (answer.status, answer.code) == (403, "data_not_allowed")
    assert "WWW-Authenticate" not in answer.headers
    assert data not in json.dumps(answer.body)
    assert trainer.ask("/v1/jobs").body["jobs"] == before


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"target": "target"}, "name: what is trained on uploaded data needs a name"),
        ({"name": "x"}, "target: is missing"),
        ({**TINY, "name": "x", "data": "/rows"}, "data: the body is the data"),
        ({**TINY, "name": "x", "targets": 1}, "no such setting: targets; did you mean target?"),
        ({**TINY, "name": "x", "cv": [2, 3]}, "cv: stands more than once"),
        ({**TINY, "name": "x", "params": "C=1"}, "params: has to be a JSON object"),
        (
            {**TINY, "name": "x", "estimator": "svm"},
            "estimator: clients can name those of scikit-learn only; known: ",
        ),
    ],
)
def test_a_query_that_asks_for_what_there_is_not_is_refused(
    trainer: Trainer, asked: dict[str, Any], told: str
) -> None:
    answer = trainer.sent(csv(), **asked)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert answer.body["detail"].startswith(told)
    assert left(trainer) == []


def test_bodies_that_are_too_large_unknown_or_cut_off_leave_nothing(trainer: Trainer) -> None:
    assert trainer.sent(b"x" * 65_537, **TINY, name="x").code == "too_large"
    assert trainer.sent(b"x", "text/html", **TINY, name="x").code == "unknown_media_type"
    no_data = trainer.named(**TINY, name="x")
    assert (no_data.status, no_data.code) == (400, "bad_request")
    with socket.create_connection(("127.0.0.1", trainer.service.port)) as cut:
        query = urlencode({**TINY, "name": "cut"})
        key = f"Authorization: Bearer {trainer.keys['train']}"
        head = f"POST /v1/train?{query} HTTP/1.1\r\nHost: x\r\n{key}\r\nContent-Type: text/csv\r\n"
        cut.sendall(f"{head}Content-Length: 1000\r\n\r\nnumber".encode())
        eventually(lambda: left(trainer), lambda: "nothing of it comes")
    trainer.service.wait_for("refused", code="body_cut")
    eventually(lambda: not left(trainer), lambda: f"{left(trainer)}")


def test_data_that_cannot_be_learned_from_fails_the_job_by_its_code(trainer: Trainer) -> None:
    secret = pa.table({"target": ["a very secret value"] * 60, "number": range(60)})
    for body, kind, code in (
        (csv(secret), "text/csv", "constant_target"),
        (csv(secret.rename_columns(["aim", "number"])), "text/csv", "missing_column"),
        (b"PAR1 and no more", "application/vnd.apache.parquet", "format"),
    ):
        answer = trainer.sent(body, kind, **TINY, name="bad", wait="true")
        assert (answer.status, answer.body["status"], answer.body["error"]["code"]) == (200, "failed", code)
        said = json.dumps(answer.body)
        assert "secret" not in said
        assert str(trainer.store) not in said
        trainer.service.wait_for("job_failed", job=answer.body["id"], code=code)
    assert left(trainer) == []


def test_who_may_not_train_sees_no_job_and_sends_no_data(trainer: Trainer) -> None:
    job = trainer.sent(csv(), **TINY, name="mine").body["id"]
    for key, status, code in ((trainer.keys["score"], 403, "not_allowed"), ("x", 401, "bad_credentials")):
        shown = {"Authorization": f"Bearer {key}"}
        for answer in (
            trainer.sent(csv(), headers=shown, **TINY, name="theirs"),
            trainer.ask("/v1/jobs", **shown),
            trainer.ask(f"/v1/jobs/{job}", **shown),
            trainer.ask(f"/v1/jobs/{job}", "DELETE", **shown),
        ):
            assert (answer.status, answer.code) == (status, code)
    assert [folder.name for folder in left(trainer)] in ([job], [])
    trainer.ask(f"/v1/jobs/{job}", "DELETE")


def test_jobs_are_listed_newest_first_and_page_by_page(trainer: Trainer) -> None:
    submitted = [trainer.sent(csv(), **TINY, name="listed").body["id"] for _ in range(3)]
    seen: list[str] = []
    query = "limit=2&model=listed"
    while query:
        page = trainer.ask(f"/v1/jobs?{query}").body
        seen += [job["id"] for job in page["jobs"]]
        query = f"limit=2&model=listed&before={page['next']}" if page["next"] else ""
    assert seen == submitted[::-1]
    for job in submitted:
        trainer.ask(f"/v1/jobs/{job}", "DELETE")
    cancelled = trainer.ask("/v1/jobs?status=cancelled").body["jobs"]
    assert {job["status"] for job in cancelled} == {"cancelled"}
    assert trainer.ask("/v1/jobs?status=lost").code == "invalid_parameter"
    assert trainer.ask("/v1/jobs?limit=0").code == "invalid_parameter"
    assert trainer.ask(f"/v1/jobs/{'0' * 32}").code == "job_not_found"


# idempotency ------------------------------------------------------------------------------


def test_a_key_gives_the_same_job_for_the_same_request_only(trainer: Trainer) -> None:
    key = {"Idempotency_Key": "monday"}
    first = trainer.sent(csv(), headers=key, **TINY, name="once").body["id"]
    assert trainer.sent(csv(), headers=key, **TINY, name="once").body["id"] == first
    for body, name in ((csv(), "twice"), (csv(ROWS.slice(1)), "once")):
        other = trainer.sent(body, headers=key, **TINY, name=name)
        assert (other.status, other.code) == (409, "idempotency_conflict")
    theirs = {**key, "Authorization": f"Bearer {trainer.keys['admin']}"}
    assert trainer.sent(csv(), headers=theirs, **TINY, name="twice").body["id"] != first
    assert [job["id"] for job in trainer.ask("/v1/jobs?model=once").body["jobs"]] == [first]


def test_a_key_that_is_sent_twice_at_the_same_moment_gives_one_job(url: str, tmp_path: Path) -> None:
    migrate.upgrade(place.find(url=url))
    environment = {"SCOREKIT_DATABASE_URL": url}
    options = ("--workers", 2, "--train-jobs", 0)
    with running(tmp_path, *options, env=environment, store=empty(tmp_path)) as service:
        trainer = Trainer(service, tmp_path / "models", {})

        def submit(_: int) -> Answer:
            return trainer.sent(csv(), headers={"Idempotency_Key": "k"}, **TINY, name="once")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(submit, range(16)))
        assert {answer.status for answer in answers} == {202}
        assert len({answer.body["id"] for answer in answers}) == 1
        assert len(trainer.ask("/v1/jobs").body["jobs"]) == 1
        assert [folder.name for folder in left(trainer)] == [answers[0].body["id"]]


# waiting and cancelling -------------------------------------------------------------------


def test_who_waits_is_answered_in_time_and_holds_nobody_up(idle: Trainer) -> None:
    job = idle.sent(csv(), **TINY, name="later")
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(idle.ask, f"{job.headers['Location']}?wait=true") for _ in range(40)]
        assert idle.ask("/livez").status == 200
        assert idle.ask(job.headers["Location"]).body["status"] == "queued"
        assert not any(one.done() for one in waiting)
        assert idle.ask(job.headers["Location"], "DELETE").body["status"] == "cancelled"
        assert {one.result().body["status"] for one in waiting} == {"cancelled"}
    seconds = [event["seconds"] for event in idle.service.events("request")]
    assert max(seconds) < 20, "they were told of the end, and did not wait for their time to pass"


def test_who_is_gone_is_not_waited_for_and_a_service_that_stops_lets_others_go(idle: Trainer) -> None:
    job = idle.sent(csv(), **TINY, name="later")
    with socket.create_connection(("127.0.0.1", idle.service.port)) as gone:
        gone.sendall(f"GET {job.headers['Location']}?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        idle.ask("/v1/jobs")
    left_alone = idle.service.wait_for("request", path="/v1/jobs/{job_id}")
    assert left_alone["seconds"] < 20
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(idle.sent, csv(), **TINY, name="more", wait="true")
        idle.service.wait_for("job_submitted", model="more")
        assert idle.service.stop() in (143, -15)
        assert (waiting.result().status, waiting.result().body["status"]) == (202, "queued")
    answered = idle.service.wait_for("request", path="/v1/train", job=waiting.result().body["id"])
    assert answered["seconds"] < 20


def test_waiting_ends_when_its_time_has_passed(tmp_path: Path) -> None:
    with running(tmp_path, "--train-jobs", 0, "--timeout", 0.5, store=empty(tmp_path)) as service:
        answer = Trainer(service, tmp_path, {}).sent(csv(), **TINY, name="later", wait="true")
    assert (answer.status, answer.body["status"]) == (202, "queued")


@pytest.fixture
def busy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Trainer, Answer]]:
    """One that carries out a job without end."""
    rows = large(tmp_path)
    workers = getattr(request, "param", 1)
    options = ("--train-from", tmp_path, "--workers", workers)
    with running(tmp_path, *options, store=empty(tmp_path)) as service:
        trainer = Trainer(service, tmp_path / "models", {})
        answer = trainer.named(**ENDLESS, name="endless", data=str(rows))
        trainer.fits(answer)
        yield trainer, answer


def attempts_of(service: Running) -> list[int]:
    """Processes in which the service carries out jobs."""
    found = []
    for child in children(service.process.pid):
        if b"scorekit.jobs" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.append(child)
    return found


def test_a_job_that_runs_is_cancelled(busy: tuple[Trainer, Answer]) -> None:
    trainer, answer = busy
    (attempt,) = attempts_of(trainer.service)
    cancelled = trainer.ask(answer.headers["Location"], "DELETE")
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    eventually(lambda: not alive(attempt), lambda: "its process lives")
    assert trainer.ask(answer.headers["Location"], "DELETE").body == cancelled.body
    assert len(trainer.service.events("job_cancelled")) == 1
    assert Store.open(str(trainer.store)).versions("endless") == []


# stopped and killed -----------------------------------------------------------------------


@pytest.fixture
def begun(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Trainer, Answer, int]]:
    """One that has just begun a job, and the process of the attempt."""
    options = ("--workers", getattr(request, "param", 1))
    with running(tmp_path, *options, store=empty(tmp_path)) as service:
        trainer = Trainer(service, tmp_path / "models", {})
        answer = trainer.sent(csv(), **TINY, name="kept")
        attempts = eventually(lambda: attempts_of(service), service.log.read_text)
        yield trainer, answer, attempts[0]


@pytest.mark.parametrize("begun", [1, 2], indirect=True, ids=["one worker", "two workers"])
def test_a_service_that_is_stopped_gives_back_its_job_and_another_ends_it(
    begun: tuple[Trainer, Answer, int], tmp_path: Path
) -> None:
    trainer, answer, attempt = begun
    assert trainer.service.stop() == 143
    assert not alive(attempt)
    trainer.service.wait_for("job_put_back", job=answer.body["id"])
    with open_jobs(str(trainer.store)) as jobs:
        job = jobs.get(answer.body["id"])
    assert (job.status, job.attempts) == ("queued", 0), "it does not count: it was no fault of the job's"
    with running(tmp_path, store=trainer.store) as another:
        assert Trainer(another, trainer.store, {}).comes_to(answer, "done")["attempts"] == 1
    assert Store.open(str(trainer.store)).versions("kept") == [1]


def test_a_service_that_is_killed_loses_no_job_and_publishes_none_twice(
    begun: tuple[Trainer, Answer, int],
) -> None:
    trainer, answer, attempt = begun
    trainer.service.process.kill()
    trainer.service.process.wait()
    eventually(lambda: not alive(attempt), lambda: "its attempt lives")
    with open_jobs(str(trainer.store)) as jobs:
        assert jobs.get(answer.body["id"]).status == "running"
        assert jobs.claim("another", timedelta(minutes=1)) is None, "its lease has not run out"
        let_the_lease_run_out(jobs)
        command = [sys.executable, "-m", "scorekit", "worker", "--once", "--store", trainer.store]
        worked = subprocess.run(command, capture_output=True, text=True)
        assert worked.returncode == 0, worked.stderr
        job = jobs.get(answer.body["id"])
    assert (job.status, job.version, job.attempts) == ("done", 1, 2), worked.stderr
    assert Store.open(str(trainer.store)).versions("kept") == [1]
    assert left(trainer) == []


def let_the_lease_run_out(jobs: Jobs) -> None:
    """As it does in the half minute that a test does not take."""
    statement = "UPDATE scorekit_jobs SET lease_until = heartbeat"
    jobs.session.write(lambda cursor: jobs.session.database.execute(cursor, statement))
