"""Counters at a port, for a Prometheus that asks: ``http://127.0.0.1:9400/metrics``."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from scorekit.errors import UsageError
from scorekit.stream.metrics import text_of
from scorekit.stream.options import Tally

LOOPBACK = "127.0.0.1"
PATHS = ("/", "/metrics")
EVERY = 1.0
"""Seconds for which what is shown may be old."""
_WITHIN = 5.0
"""Seconds in which whoever connects has to ask."""
_HIGHEST = 65_535


class MetricsPort:
    """Answers whoever asks by what was counted, in a thread of its own.

    The stream hands over a text now and then, so that nobody who asks waits for it, nor it
    for them.

    Parameters
    ----------
    place : str
        A port, on which only this machine is heard, or a host and a port with a colon between.

    Raises
    ------
    UsageError
        If it names no port, or nobody can listen there.
    """

    def __init__(self, place: str) -> None:
        self._written = -EVERY
        try:
            self._server = _Server(_address(place), _Asked)
        except OSError as error:
            raise UsageError(
                f"--metrics-port {place}: nobody can listen there ({error.strerror})",
                hint="name another port",
            ) from None
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def write(self, tally: Tally, version: str, *, now: bool = False) -> None:
        """Show what was counted so far, unless that was done lately."""
        clock = time.monotonic()
        if now or clock - self._written >= EVERY:
            self._written = clock
            self._server.text = text_of(tally, version).encode()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    """Holds the text that is shown; asks no name server for its own name, as that of HTTP does."""

    allow_reuse_address = True
    daemon_threads = True
    text = b""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of whoever hangs up."""


class _Asked(BaseHTTPRequestHandler):
    """One who asks."""

    timeout = _WITHIN
    server: _Server

    def do_GET(self) -> None:
        """Answer by the text."""
        if self.path not in PATHS:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        text = self.server.text
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing: standard error may have to stay empty."""


def _address(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) <= _HIGHEST:
        raise UsageError(
            f"--metrics-port {place}: no port", hint="write it as 9400, or 0.0.0.0:9400 for others to see"
        )
    return host or LOOPBACK, int(port)
