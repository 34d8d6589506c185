"""What is told of the last minute."""

from __future__ import annotations

from dataclasses import replace

from scorekit.server.metrics import Metrics
from scorekit.server.traffic import EVERY, LATELY, Meter


def test_the_last_minute_is_what_was_counted_since_and_no_more() -> None:
    metrics = Metrics()
    meter = Meter(metrics)
    rows = metrics.of("bank", 1)
    for number in range(60):  # five minutes, with one request and ten rows between two readings
        meter.keep(replace(meter.read(), at=meter.read().at - (60 - number) * EVERY))
        metrics.saw_request("/v1/score/batch", "POST", 200, 0.1)
        rows.counted(10, 2, 1, 0.0, 0.1)
    found = meter.traffic()
    assert found.total.requests == {"answered": 60}
    assert found.total.rows == {("bank", "model"): 420, ("bank", "fallback"): 120, ("bank", "rejected"): 60}
    assert LATELY <= found.seconds < LATELY + 2 * EVERY
    assert found.lately.requests["answered"] == round(found.seconds / EVERY)
    assert found.lately.rows["bank", "model"] == 7 * found.lately.requests["answered"]


def test_requests_are_those_that_bring_data_by_how_they_ended() -> None:
    metrics = Metrics()
    meter = Meter(metrics)
    for route in ("/v1/score/stream", "/invocations", "/", "/metrics", "/v2/health/ready", "/v1/models", ""):
        for status in (200, 202, 404, 429, 503, 500):
            metrics.saw_request(route, "POST", status, 0.1)
    assert meter.traffic().total.requests == {"answered": 4, "refused": 4, "failed": 4}
    assert meter.traffic().seconds == 0.0
