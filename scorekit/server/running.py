"""The service from its start to its end: the port, the workers, the signals."""

from __future__ import annotations

import errno
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from scorekit.access import open_access
from scorekit.errors import ModelError, UsageError
from scorekit.jobs import AllowedPlaces
from scorekit.server import metrics
from scorekit.server.answers import installed_shaping
from scorekit.server.app import make_app
from scorekit.server.connections import Protocol, allow_many
from scorekit.server.dispatching import dispatching
from scorekit.server.logs import Log, listen
from scorekit.server.rates import Rates
from scorekit.server.settings import ServeSettings, Tls
from scorekit.state.ledger import Ledger
from scorekit.store.versions import Store
from scorekit.stream.stopping import Stopping

DRAIN = 30
"""Seconds that requests under way have to end in, after SIGTERM."""
BACKLOG = 4096
HEALTH = 60
"""Seconds for a worker to say that it lives: a new one imports first, slowly on a busy machine."""

_TLS_OPTIONS = "see --ssl-certfile, --ssl-keyfile and --ssl-ca-certs"
_CERT_REQS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class _Server(uvicorn.Server):
    """Answers requests in this process, and stops the jobs as soon as a signal comes."""

    def __init__(self, config: uvicorn.Config, stop_jobs: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_jobs = stop_jobs

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._stop_jobs()
        super().handle_exit(sig, frame)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal says to stop.

        Raises
        ------
        ModelError
            If it cannot begin.
        """
        try:
            super().run(sockets)
        except SystemExit:
            raise _not_begun() from None


class _Workers(Multiprocess):
    """Has processes answer requests, and stops the jobs when they are to end.

    Attributes
    ----------
    asked : int or None
        The signal that said so.
    """

    asked: int | None = None

    def __init__(self, config: uvicorn.Config, bound: socket.socket, stop_jobs: Callable[[], None]) -> None:
        super().__init__(config, sockets=[bound])
        self._bound = bound
        self._stop_jobs = stop_jobs

    def keep_subprocess_alive(self) -> None:
        """Begin others for those that have ended: of these no sign of life is waited for."""
        for process in self.processes:
            process.child_conn.close()  # theirs; while it is open here, nothing tells that it is closed there
        super().keep_subprocess_alive()

    def handle_int(self) -> None:
        """Take a signal."""
        self.asked = signal.SIGINT
        super().handle_int()

    def handle_term(self) -> None:
        """Take a signal."""
        self.asked = signal.SIGTERM
        super().handle_term()

    def terminate_all(self) -> None:
        """Ask the processes to end."""
        self._bound.close()  # while it is open here, connections are taken that nobody answers
        self._stop_jobs()
        super().terminate_all()

    def run(self) -> None:
        """Serve until a signal says to stop.

        Raises
        ------
        ModelError
            If one of the processes cannot begin.
        """
        super().run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise _not_begun()


def _not_begun() -> ModelError:
    """Everything else was tried before."""
    return ModelError("the service cannot begin: what it serves could not be loaded", hint="its log says why")


def serve(settings: ServeSettings) -> int | None:
    """Serve until a signal says to stop.

    Returns
    -------
    int or None
        The signal.

    Raises
    ------
    ScorekitError
        If what is asked for cannot be served.
    """
    settings.check()
    _try(settings)
    allow_many()
    log = Log(quiet=settings.quiet)
    listen(log)
    with Stopping() as stopping, _shared_counters(settings.workers), _bound(settings) as bound:
        config = _config(settings)
        with dispatching(settings, log) as stop_jobs:
            if settings.workers > 1:
                workers = _Workers(config, bound, stop_jobs)
                workers.run()
                return workers.asked
            _Server(config, stop_jobs).run(sockets=[bound])
    return stopping.asked


def _try(settings: ServeSettings) -> None:
    """Find out what cannot be had before a worker does, where it can be said clearly."""
    store = Store.open(settings.store)
    Rates(settings.limits.rate)
    AllowedPlaces(settings.jobs.places)
    installed_shaping()
    if settings.tls is not None:
        _try_certificates(settings.tls)
    for reference in settings.models:
        store.resolve(reference)
    with Ledger.open(store.uri):
        open_access(settings.auth, settings.tokens, store.uri).close()


def _try_certificates(tls: Tls) -> None:
    for path in filter(None, (tls.certfile, tls.keyfile, tls.ca_certs)):
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}", hint=_TLS_OPTIONS) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certfile, tls.keyfile)
        if tls.ca_certs is not None:
            context.load_verify_locations(tls.ca_certs)
    except OSError as error:
        unread = isinstance(error, ssl.SSLError) and error.reason is None
        said = "one is no PEM, or holds no key" if unread else error.strerror or type(error).__name__
        raise UsageError(f"the certificates cannot be used: {said}", hint=_TLS_OPTIONS) from None


@contextmanager
def _shared_counters(workers: int) -> Iterator[None]:
    if workers == 1:
        yield
        return
    folder = tempfile.mkdtemp(prefix="scorekit-metrics-")
    metrics.share_by(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _bound(settings: ServeSettings) -> Iterator[socket.socket]:
    """The port; taken before anything is loaded, so that one that is in use is known at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((settings.host, settings.port))
        except OSError as error:
            raise UsageError(
                f"cannot serve on {settings.host}:{settings.port}: {error.strerror}",
                hint="name another port with --port"
                if error.errno in (errno.EADDRINUSE, errno.EACCES)
                else "name an address of this machine with --host",
            ) from None
        bound.set_inheritable(True)
        yield bound


def _config(settings: ServeSettings) -> uvicorn.Config:
    tls = settings.tls
    return uvicorn.Config(
        partial(make_app, settings),
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN,
        timeout_worker_healthcheck=HEALTH,
        ssl_certfile=tls.certfile if tls else None,
        ssl_keyfile=tls.keyfile if tls else None,
        ssl_ca_certs=tls.ca_certs if tls else None,
        ssl_cert_reqs=_CERT_REQS[tls.cert_reqs if tls else "none"],
    )
