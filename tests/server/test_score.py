"""Rows that a real service scores: the same however they come, and no answer leaves that may not."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from tests.conftest import Bank, scorekit
from tests.server.conftest import PATIENCE, Running, eventually, running

ROWS = 600
BATCH, ONE = "/v1/score/batch", "/v1/score/stream"


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asked(NamedTuple):
    """A service over a store of its own, and rows for it."""

    service: Running
    store: Path
    rows: pa.Table

    def ask(self, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.service.url}{path}", data, {"Content-Type": "application/json", **named}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def scores(self, records: list[dict[str, Any]]) -> list[float]:
        answer = self.ask(BATCH, {"features": records})
        assert answer.status == 200, answer.body
        return [one["score"] for one in answer.json["scores"]]

    def run(self, *args: object) -> subprocess.CompletedProcess[str]:
        done = scorekit(*args, store=self.store)
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def asked(bank: Bank, tmp_path: Path) -> Iterator[Asked]:
    store = tmp_path / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    with running(tmp_path, store=store) as service:
        yield Asked(service, store, bank.new.slice(0, ROWS))


def test_the_same_rows_get_the_same_scores_to_the_bit_however_they_come(asked: Asked, tmp_path: Path) -> None:
    records = asked.rows.to_pylist()
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    pq.write_table(asked.rows, tmp_path / "rows.parquet")
    asked.run("score", tmp_path / "rows.parquet", "-o", tmp_path / "scores.parquet")
    expected = pq.read_table(tmp_path / "scores.parquet").column("score").to_pylist()
    piped = scorekit("score-stream", "-m", "bank", store=asked.store, text=False, input=lines)
    assert [json.loads(line)["score"] for line in piped.stdout.splitlines()] == expected
    assert asked.scores(records) == expected
    one_by_one = [
        asked.ask(ONE, {"features": [record]}).json["scores"][0]["score"] for record in records[:50]
    ]
    assert one_by_one == expected[:50]
    many = asked.scores(records * 20)  # more than a MiB: by a process of its own, in pieces
    assert many == expected * 20
    parquet, arrow, text = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pq.write_table(asked.rows, parquet)
    with ipc.new_stream(arrow, asked.rows.schema) as writer:
        writer.write_table(asked.rows)
    pacsv.write_csv(asked.rows, text)
    for kind, body in {
        "application/vnd.apache.parquet": parquet.getvalue(),
        "application/vnd.apache.arrow.stream": arrow.getvalue(),
        "text/csv": text.getvalue(),
        "application/x-ndjson": lines,
    }.items():
        answer = asked.ask(
            f"{BATCH}?model=bank", body, Content_Type=kind, Accept="application/vnd.apache.parquet"
        )
        assert answer.status == 200, answer.body
        assert answer.headers["Scorekit-Rows"] == str(ROWS)
        assert pq.read_table(io.BytesIO(answer.body)).column("score").to_pylist() == expected
    packed = asked.ask(
        BATCH, gzip.compress(json.dumps({"features": records}).encode()), Content_Encoding="gzip"
    )
    assert [one["score"] for one in packed.json["scores"]] == expected


def test_a_bad_record_fails_alone_and_without_its_values(asked: Asked) -> None:
    good = asked.rows.slice(0, 1).to_pylist()[0]
    bad = {**good, "age": "secret-value"}
    answer = asked.ask(BATCH, {"features": [good, bad, 7, good], "include": ["flags", "version"]})
    first, second, third, last = answer.json["scores"]
    assert first == last
    assert (first["score_source"], first["model_version"]) == ("model", 1)
    assert second["score"] is None
    assert second["error"] == {"code": "not_a_number", "column": "age", "message": "not a number"}
    assert third["error"]["code"] == "not_an_object"
    alone = asked.ask(ONE, {"features": [bad]})
    told = alone.json
    assert (alone.status, told["code"], told["index"], told["column"]) == (422, "not_a_number", 0, "age")
    assert told["request_id"] == alone.headers["x-request-id"]
    assert alone.headers["Content-Type"] == "application/problem+json"
    for many in (2, 20_000):  # here, and in a process of its own
        told = asked.ask(BATCH, {"features": [bad] * many}).json
        assert told["code"] == "all_rejected"
        assert told["detail"].endswith(f" {many:,} times: not_a_number; the first, column age: not a number")
    assert b"secret-value" not in answer.body + alone.body
    assert "secret-value" not in asked.service.log.read_text()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "invalid_json"),
        (b"[]", 422, "invalid_json"),
        ({}, 422, "bad_payload"),
        ({"features": []}, 422, "bad_payload"),
        ({"features": [{}], "model": 1}, 422, "bad_payload"),
        ({"features": [{}], "include": ["flag"]}, 422, "bad_payload"),
        ({"features": [{}], "model": "../bank"}, 400, "usage"),
        ({"features": [{}], "model": "other"}, 404, "model_not_found"),
        ({"features": [{}], "model": "bank:9"}, 404, "model_not_found"),
    ],
)
def test_what_is_no_payload_is_told(asked: Asked, body: Any, status: int, code: str) -> None:
    answer = asked.ask(BATCH, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert str(asked.store).encode() not in answer.body


@pytest.mark.parametrize(
    ("body", "kind", "code", "detail"),
    [
        (b'{"reason": "x"', "application/json", "invalid_json", "the body is not JSON at character 15"),
        (b"[1]", "application/json", "invalid_parameter", "the body should be a JSON object, sent as"),
        (b'{"reason": "x"}', "text/plain", "invalid_parameter", "the body should be a JSON object, sent as"),
        (b"{}", "application/json", "invalid_parameter", "reason: "),
    ],
)
def test_what_moves_no_switch_is_told_and_logged(
    asked: Asked, body: bytes, kind: str, code: str, detail: str
) -> None:
    answer = asked.ask("/v1/switch/bank/trip", body, Content_Type=kind)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert answer.json["detail"].startswith(detail)
    refused = asked.service.wait_for("refused", request_id=answer.json["request_id"])
    assert refused["code"] == code


def test_a_version_that_is_asked_for_by_its_number_too_is_told_once(asked: Asked) -> None:
    for model in ("bank", "bank:1", "bank@champion"):
        assert (
            asked.ask(BATCH, {"features": asked.rows.slice(0, 1).to_pylist(), "model": model}).status == 200
        )
    assert asked.ask("/readyz").json["models"] == ["bank:1"]


def test_no_answer_leaves_a_second_after_a_trip_and_all_do_after_a_reset(asked: Asked) -> None:
    payload = {"features": asked.rows.slice(0, 2).to_pylist()}
    assert asked.ask(BATCH, payload).status == 200
    asked.run("switch", "trip", "-m", "bank", "--by", "Ann", "--reason", "test")
    tripped = time.monotonic()
    while time.monotonic() < tripped + 3:
        began = time.monotonic()
        status = asked.ask(BATCH, payload).status
        assert status == 503 or began < tripped + 1
    assert asked.ask(BATCH, payload).json["code"] == "switch_open"
    assert 'scorekit_switch_open{model="bank"} 1.0' in asked.ask("/metrics").body.decode()
    unnamed = asked.ask("/v1/switch/bank/reset", {"reason": "looked at", "by": " "})
    assert (unnamed.status, unnamed.json["code"]) == (422, "invalid_parameter")
    told = asked.ask("/v1/switch/bank/reset", {"reason": "looked at", "by": "Ann"})
    assert told.json["position"] == "closed"
    assert told.json["changes"][-1]["who"] == "Ann"
    eventually(lambda: asked.ask(BATCH, payload).status == 200, lambda: "it stays closed")


def test_an_alias_that_moves_is_followed_without_an_error(asked: Asked, tmp_path: Path) -> None:
    records = asked.rows.to_pylist()
    payload = {"features": records[:2]}
    data = tmp_path / "more.parquet"
    table = asked.rows.append_column("y", pa.array(["yes", "no"] * (ROWS // 2)))
    pq.write_table(table, data)
    asked.run("train", data, "--target", "y", "--name", "bank", "--estimator", "logistic", "--cv", 2)
    seen: list[tuple[int, int, float]] = []
    ended = threading.Event()

    def load(features: list[dict[str, Any]]) -> None:
        while not ended.is_set():
            answer = asked.ask(BATCH, {"features": features})
            told = answer.json
            seen.append((answer.status, told.get("version", 0), told.get("scores", [{}])[0].get("score")))

    # answered where it came in, in a thread, and in a process of its own
    loads = [threading.Thread(target=load, args=(rows,)) for rows in (records[:2], records, records * 8)]
    for one in loads:
        one.start()
    try:
        moved = asked.ask("/v1/models/bank/promote", {"version": 2, "why": "better"})
        assert moved.json["version"] == 2
        eventually(lambda: all(two == 2 for _, two, _ in seen[-20:]), lambda: f"{seen[-20:]}")
    finally:
        ended.set()
        for one in loads:
            one.join()
    assert {status for status, _, _ in seen} == {200}
    assert len(set(seen)) == 2, "a score was said to be another version's"
    assert asked.ask(BATCH, {**payload, "model": "bank:1"}).json["version"] == 1


def test_a_version_that_does_not_hold_changes_nothing(asked: Asked, tmp_path: Path) -> None:
    shutil.copytree(asked.store / "bank/1", asked.store / "bank/2")
    alias = asked.store / "bank/aliases/champion.json"
    content = json.loads(alias.read_text())
    alias.write_text(json.dumps({**content, "version": 2}))
    asked.service.wait_for("follow", level="warning")
    payload = {"features": asked.rows.slice(0, 2).to_pylist()}
    assert asked.ask(BATCH, payload).json["version"] == 1


def test_what_was_counted_is_right_with_several_workers(bank: Bank, tmp_path: Path) -> None:
    with running(tmp_path, "--workers", 2, store=bank.store) as service:
        asked = Asked(service, bank.store, bank.new)
        for _ in range(20):
            asked.scores(bank.new.slice(0, 10).to_pylist())
        text = asked.ask("/metrics").body.decode()
        assert 'scorekit_rows_total{model="bank",source="model",version="1"} 200.0' in text
        assert service.stop() == 143


def test_what_is_under_way_is_answered_before_the_end(asked: Asked) -> None:
    records = asked.rows.to_pylist() * 20
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(asked.ask(BATCH, {"features": records})))
    asking.start()
    began = 'scorekit_requests_in_flight{pid="'

    def under_way() -> bool:
        text = asked.ask("/metrics").body.decode()
        return began in text or "scorekit_requests_in_flight 2.0" in text

    eventually(under_way, lambda: "it never began")
    assert asked.service.stop() in (143, -15)
    asking.join()
    assert answers[0].status == 200
    assert len(answers[0].json["scores"]) == len(records)
    assert asked.service.events("stopped")


def test_rows_are_judged_and_a_failed_window_is_answered_as_the_policy_says(
    bank: Bank, tmp_path: Path
) -> None:
    store = tmp_path / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    with running(tmp_path, "--window-rows", 500, "--on-quality-fail", "fail", store=store) as service:
        asked = Asked(service, store, bank.new)
        record = bank.new.slice(0, 1).to_pylist()[0]
        for _ in range(5):
            asked.scores([record] * 100)  # nothing like what it was trained on
        failed = service.wait_for("window", outcome="window")
        assert (failed["rows"], failed["action"]) == (500, "withhold")
        answer = asked.ask(BATCH, {"features": [record]})
        assert (answer.status, answer.json["code"]) == (422, "quality")
        history = asked.ask("/v1/quality/bank").json
        assert history["windows"][-1]["outcome"] == "window"
        assert [run["outcome"] for run in history["runs"]] == ["running"]
        assert not {"database", "output"} & {*history, *history["runs"][0]}  # places on the machine
        page = asked.ask("/v1/quality/bank/report")
        assert page.headers["Content-Type"].startswith("text/html")
        file = io.BytesIO()
        pacsv.write_csv(pa.Table.from_pylist([record] * 500), file)
        kept_back = asked.ask(BATCH, file.getvalue(), Content_Type="text/csv")
        assert (kept_back.status, kept_back.json["code"]) == (422, "quality")
        of_file = service.events("window")[-1]
        assert (of_file["rows"], of_file["outcome"], of_file["action"]) == (500, "window", "withhold")
        metrics = asked.ask("/metrics").body.decode()
        assert 'scorekit_windows_failed_total{model="bank",version="1"} 2.0' in metrics
        counted = 'scorekit_rows_total{model="bank",source="model",version="1"} 1001.0'
        assert counted in asked.ask("/metrics").body.decode(), "withheld rows count as rows that were scored"
