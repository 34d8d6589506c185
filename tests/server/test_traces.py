"""Spans of a real service, as a real receiver of OTLP reads them."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from scorekit.server import traces
from scorekit.server.logs import Log
from tests.conftest import Bank
from tests.server.conftest import Running, eventually, free_port

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
SERVER, INTERNAL = 2, 1

PROGRAM = """
import sys
from scorekit.server.app import make_app
from scorekit.server.settings import ServeSettings
make_app(ServeSettings(store=sys.argv[1]))
print(*sys.modules)
"""


@dataclass(frozen=True)
class Span:
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    nanoseconds: tuple[int, int]
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Receiver:
    """Takes spans at an address."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def wait_for(self, count: int, name: str) -> list[Span]:
        def found() -> list[Span] | None:
            named = [span for span in self.spans if span.name == name]
            return named if len(named) >= count else None

        return eventually(found, lambda: f"not {count} of {name}: {self.spans}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            received.spans.extend(spans_of(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever).start()
        yield received
        server.shutdown()


def spans_of(sent: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in sent.resource_spans:
        about = values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                took = span.start_time_unix_nano, span.end_time_unix_nano
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                yield Span(span.name, span.kind, *ids, took, values(span.attributes), about)


def values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def score(service: Running, bank: Bank, rows: int, **headers: str) -> None:
    body = json.dumps({"features": bank.new.slice(0, rows).to_pylist()}).encode()
    request = urllib.request.Request(
        f"{service.url}/v1/score/batch", body, {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        answer.read()


def test_a_request_is_a_part_of_its_callers_trace_in_every_worker(
    bank: Bank, serve: Callable[..., Running], receiver: Receiver
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_RESOURCE_ATTRIBUTES": "team=risk"}
    service = serve("--workers", 2, env={**environment, **SOON})
    eventually(lambda: len(service.events("ready")) == 2, lambda: "only one worker is ready")
    callers: dict[str, str] = {}

    def call(_: int) -> None:
        trace, span = secrets.token_hex(16), secrets.token_hex(8)
        callers[trace] = span
        score(service, bank, 3, traceparent=f"00-{trace}-{span}-01")

    def both_have_answered() -> bool:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(call, range(16)))
        return len({span.resource["service.instance.id"] for span in receiver.spans}) == 2

    eventually(both_have_answered, lambda: "only one worker has sent anything")
    requests = receiver.wait_for(len(callers), "POST /v1/score/batch")
    assert {span.trace: span.parent for span in requests} == callers
    logged = {event["traceparent"] for event in service.events("request")}
    assert logged == {f"00-{span.trace}-{span.id}-01" for span in requests}
    one = requests[0]
    assert one.kind == SERVER
    assert one.resource["service.name"] == "scorekit"
    assert one.resource["team"] == "risk"
    assert one.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/score/batch",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": service.port,
        "url.path": "/v1/score/batch",
        "url.scheme": "http",
    }
    (queue,) = (span for span in receiver.wait_for(len(callers), "queue") if span.parent == one.id)
    (predict,) = (span for span in receiver.wait_for(len(callers), "predict") if span.parent == one.id)
    assert predict.attributes == {"scorekit.model": "bank:1", "scorekit.rows": 3}
    assert {queue.kind, predict.kind} == {INTERNAL}
    moments = one.nanoseconds[0], *queue.nanoseconds, *predict.nanoseconds, one.nanoseconds[1]
    assert list(moments) == sorted(moments)
    # who asks every few seconds whether it lives is no part of anybody's trace
    assert {span.name for span in receiver.spans} == {"POST /v1/score/batch", "queue", "predict"}


def test_a_request_that_is_refused_early_has_a_span_too(
    serve: Callable[..., Running], receiver: Receiver
) -> None:
    environment = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces",
        "OTEL_SERVICE_NAME": "scores",
    }
    service = serve(env={**environment, **SOON})
    request = urllib.request.Request(f"{service.url}/v1/models", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    (span,) = receiver.wait_for(1, "GET")
    assert span.attributes["http.response.status_code"] == refused.value.code
    assert span.resource["service.name"] == "scores"
    assert service.events("request")[-1]["traceparent"].split("-")[1] == span.trace


def test_the_sampler_decides_and_what_is_left_is_sent_before_the_end(
    bank: Bank, serve: Callable[..., Running], receiver: Receiver
) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    service = serve(env=environment)
    score(service, bank, 1)
    score(service, bank, 1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    dropped, sampled = (event["traceparent"].split("-") for event in service.events("request"))
    assert (int(dropped[3], 16) & 1, int(sampled[3], 16) & 1) == (0, 1)
    assert not receiver.spans
    service.stop()
    assert [span.name for span in receiver.spans] == ["queue", "predict", "POST /v1/score/batch"]
    assert {span.trace for span in receiver.spans} == {sampled[1]}


def test_a_receiver_that_is_away_hinders_no_request(bank: Bank, serve: Callable[..., Running]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": nobody, "OTEL_EXPORTER_OTLP_TIMEOUT": "1", **SOON}
    service = serve(env=environment)
    score(service, bank, 1)
    service.wait_for("traces")
    score(service, bank, 1)
    service.stop()
    assert service.events("stopped")
    assert not [line for line in service.log.read_text().splitlines() if not line.startswith("{")]


def test_what_nobody_asks_for_is_not_loaded(bank: Bank) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bank.store)], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "scorekit.server.traces" in loaded
    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_SERVICE_NAME": "scores"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
    ],
)
def test_who_wants_no_traces_needs_no_extra(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    traces.open_traces(Log()).close()
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "environment", "said"),
    [
        (
            "opentelemetry.sdk.trace",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the extra otel is not installed",
        ),
        ("", {"OTEL_TRACES_EXPORTER": "pigeon"}, "there is no exporter pigeon"),
        (
            "",
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "there is no exporter for http/json",
        ),
        ("", {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "max_queue_size"),
    ],
)
def test_what_cannot_be_sent_is_said_once_and_the_service_begins(
    missing: str,
    environment: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened = traces.open_traces(Log())
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"]) == ("traces", "warning")
    assert said in event["message"]
    assert opened.traceparent() == ""
    opened.scored(0.1, 0.1)
    opened.close()
