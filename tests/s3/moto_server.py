"""Amazon's S3, STS and IAM as moto plays them, in a process of its own.

One request at a time: moto looks at a condition and writes in two steps, which S3
does in one.
"""

from __future__ import annotations

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if __name__ == "__main__":
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=False)
    print(server.server_port, flush=True)
    server.serve_forever()
