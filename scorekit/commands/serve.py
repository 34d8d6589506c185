"""``scorekit serve``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scorekit.commands.options import (
    AllowMismatchOption,
    PolicyOption,
    StoreOption,
    TrainFromOption,
    UploadsOption,
    WindowRowsOption,
    WindowSecondsOption,
    policy_of,
)
from scorekit.errors import UsageError
from scorekit.terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorekit.server.settings import ServeSettings


class Means(StrEnum):
    """How callers may show who they are."""

    KEYS = "keys"
    JWT = "jwt"


def serve(
    ctx: typer.Context,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Model to serve: NAME, NAME:VERSION or NAME@ALIAS. Default: all."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Port to bind.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that answer.")] = 1,
    ssl_certfile: Annotated[str | None, typer.Option("--ssl-certfile", help="Certificate, PEM.")] = None,
    ssl_keyfile: Annotated[str | None, typer.Option("--ssl-keyfile", help="Its private key, PEM.")] = None,
    ssl_ca_certs: Annotated[
        str | None, typer.Option("--ssl-ca-certs", help="Whose certificates of clients are good, PEM.")
    ] = None,
    ssl_cert_reqs: Annotated[
        Literal["none", "optional", "required"],
        typer.Option("--ssl-cert-reqs", help="Whether clients have to show a certificate."),
    ] = "none",
    auth: Annotated[
        list[Means] | None,
        typer.Option("--auth", help=r"How callers show who they are: by API keys, by tokens (\[auth])."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines call without asking who they are.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="Name that the service is called by, too."),
    ] = None,
    max_body: Annotated[
        int, typer.Option("--max-body", min=1024, help="Bytes of a JSON body, unpacked.")
    ] = 32 * 1024**2,
    max_upload: Annotated[
        int, typer.Option("--max-upload", min=1024, help="Bytes of a body that is a file, unpacked.")
    ] = 4 * 1024**3,
    max_rows: Annotated[int, typer.Option("--max-rows", min=1, help="Records of a JSON body.")] = 100_000,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that a request may take.")
    ] = 60.0,
    limit_concurrency: Annotated[
        int, typer.Option("--limit-concurrency", min=1, help="Requests at a time, for each worker.")
    ] = 256,
    rate_limit: Annotated[
        str | None,
        typer.Option("--rate-limit", help="Requests of a caller, for each worker, such as 100/second."),
    ] = None,
    window_rows: WindowRowsOption = 10_000,
    window_seconds: WindowSecondsOption = 3600,
    train_jobs: Annotated[
        int,
        typer.Option(
            "--train-jobs", min=0, max=64, help="Jobs at a time; 0 leaves them to `scorekit worker`."
        ),
    ] = 1,
    train_from: TrainFromOption = None,
    uploads: UploadsOption = None,
    policy: PolicyOption = None,
    on_quality_fail: Annotated[
        Literal["warn", "fallback", "fail"] | None,
        typer.Option(
            "--on-quality-fail", help="What follows a failed window: the model, the fallback, or nothing."
        ),
    ] = None,
    store: StoreOption = None,
    allow_mismatch: AllowMismatchOption = False,
) -> None:
    """Answer requests over HTTP.

    Models are loaded, verified and warmed before the port answers; when an alias moves, the
    next version takes over between two requests. SIGTERM answers what is under way, gives
    back the jobs that are, and ends.
    """
    from scorekit import switches
    from scorekit.access.settings import read_token_settings
    from scorekit.config import CONFIG_META
    from scorekit.server.settings import JobSettings, Limits, ServeSettings, Tls
    from scorekit.stream.windows import Extent

    settings = policy_of(ctx, policy)
    if ssl_certfile is None and (ssl_keyfile or ssl_ca_certs or ssl_cert_reqs != "none"):
        raise UsageError("TLS needs a certificate of its own", hint="name it with --ssl-certfile")
    tls = Tls(ssl_certfile, ssl_keyfile, ssl_ca_certs, ssl_cert_reqs) if ssl_certfile else None
    reach = switches.note_of_reach(settings, store)
    if reach is not None:
        terminal.log("note", reach)
    stopped = _service()(
        ServeSettings(
            models=tuple(model or ()),
            store=store,
            host=host,
            port=port,
            workers=workers,
            policy=settings,
            on_fail=on_quality_fail,
            extent=Extent(window_rows, window_seconds),
            tls=tls,
            auth=tuple(means.value for means in auth or ()),
            tokens=read_token_settings(ctx.meta[CONFIG_META]),
            insecure=insecure,
            allowed_hosts=tuple(allowed_host or ()),
            limits=Limits(max_body, max_upload, max_rows, timeout, limit_concurrency, rate_limit),
            jobs=JobSettings(train_jobs, tuple(train_from or ()), uploads),
            allow_mismatch=allow_mismatch,
            quiet=terminal.quiet,
        )
    )
    if stopped is not None:
        raise typer.Exit(128 + stopped)


def _service() -> Callable[[ServeSettings], int | None]:
    """What serves, where the extra ``serve`` is installed."""
    try:
        from scorekit.server.running import serve as run
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the service needs a package that is not installed: {error.name}",
            hint="pip install 'scorekit[serve]'",
        ) from None
    return run
