"""Traces of requests, sent by OpenTelemetry where its environment variables ask for them.

FastAPI makes the span of a request and takes up the caller's ``traceparent``; here stand where
spans go, and those of what takes time within a request. Without the variables nothing of
OpenTelemetry's SDK is imported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from scorekit import __version__
from scorekit.server.logs import Log

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTERS = "OTEL_TRACES_EXPORTER"

_OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""By which exporter a protocol is spoken; that of gRPC is a package of its own."""

_PROPAGATOR = TraceContextTextMapPropagator()


class Traces:
    """Makes spans.

    Parameters
    ----------
    provider : TracerProvider or None
        Sends them; None where nobody wants any.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("scorekit", __version__) if provider is not None else None

    def telemetry(self, quiet: Collection[str]) -> TelemetryConfig:
        """What FastAPI makes: spans of requests, but of those to quiet paths, and nothing besides."""
        return {
            "tracer_provider": self._provider,
            "tracing": self._provider is not None,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
            "exclude": lambda scope: scope["path"] in quiet,
        }

    def traceparent(self) -> str:
        """The span of the request under way, as W3C's trace context writes it; empty where there is none."""
        if self._tracer is None:
            return ""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")

    def scored(self, queued: float, took: float, **facts: str | int) -> None:
        """Make spans of the seconds that rows have waited and those that scoring took, until now."""
        if self._tracer is None:
            return
        ended = time.time_ns()
        began = ended - int(took * 1e9)
        read = began - int(queued * 1e9)
        self._tracer.start_span("queue", start_time=read).end(began)
        named: dict[str, Any] = {f"scorekit.{name}": value for name, value in facts.items()}
        self._tracer.start_span("predict", start_time=began, attributes=named).end(ended)

    def close(self) -> None:
        """Send what is left; where nobody takes it, no longer than the exporter's time allows."""
        if self._provider is not None:
            self._provider.shutdown()


def open_traces(log: Log) -> Traces:
    """Traces as the environment asks for them; what is wrong with it is told, and hinders no request."""
    exporters = _wanted()
    if not exporters:
        return Traces()
    try:
        return Traces(_provider(exporters))
    except ImportError:
        wrong = f"{_asked()} is set, and the extra otel is not installed: pip install 'scorekit[otel]'"
    except (LookupError, ValueError) as error:
        wrong = str(error)
    log.event("traces", f"no traces are sent: {wrong}", level="warning")
    return Traces()


def _wanted() -> list[str]:
    """Names of the exporters that are asked for; an endpoint alone asks for OTLP."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = os.environ.get(EXPORTERS) or ("otlp" if _first(ENDPOINTS) else "")
    return [name for part in named.split(",") if (name := part.strip().lower()) not in ("", "none")]


def _asked() -> str:
    return next(name for name in (EXPORTERS, *ENDPOINTS) if os.environ.get(name))


def _first(names: Collection[str]) -> str:
    return next((found for name in names if (found := os.environ.get(name))), "")


def _provider(exporters: list[str]) -> TracerProvider:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = Resource.create({"service.name": "scorekit", "service.version": __version__})
    # what the environment says goes before what we do; sampler and limits are read from it, too
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    for exporter in _loaded(exporters):
        provider.add_span_processor(BatchSpanProcessor(exporter()))
    return provider


def _loaded(names: list[str]) -> Iterator[Any]:
    """Exporters by the names that their packages have registered."""
    protocol = _first(PROTOCOLS) or "http/protobuf"
    for name in names:
        registered, said = (_OTLP.get(protocol, ""), f"for {protocol}") if name == "otlp" else (name, name)
        found = entry_points(group="opentelemetry_traces_exporter", name=registered)
        if not found:
            raise LookupError(f"there is no exporter {said} among what is installed")
        yield next(iter(found)).load()
