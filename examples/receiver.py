"""Somebody who is told: prints each alert that is posted to it, one line each.

python receiver.py PORT_FILE    # takes a free port, and writes it to PORT_FILE
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Receiver(BaseHTTPRequestHandler):
    """Takes alerts."""

    def do_POST(self) -> None:
        """Print an alert."""
        alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        column = f" of {alert['column']}" if alert.get("column") else ""
        print(f"{alert['status']:<8} {alert['check']}{column}: {alert['summary']}", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    port = Path(sys.argv[1])
    port.with_suffix(".new").write_text(str(server.server_port))
    port.with_suffix(".new").replace(port)
    server.serve_forever()
