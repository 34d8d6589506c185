"""What an operator can ask of the service."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from scorekit.access.gate import Means
from scorekit.access.settings import TokenSettings
from scorekit.errors import UsageError
from scorekit.policy import Policy
from scorekit.quality.verdict import OnFail
from scorekit.stream.windows import Extent

CertReqs = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates.

    Attributes
    ----------
    certfile, keyfile : str
    ca_certs : str or None
        Whose clients are known.
    cert_reqs : {"none", "optional", "required"}
        Whether a client has to show a certificate.
    """

    certfile: str
    keyfile: str | None = None
    ca_certs: str | None = None
    cert_reqs: CertReqs = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost.

    Attributes
    ----------
    body : int
        Bytes of a body, also after it was unpacked.
    upload : int
        Bytes of a body that is a file; it is kept on disk, not in memory.
    rows : int
        Records of a JSON body.
    seconds : float
        Until it is answered, or refused.
    concurrency : int
        Requests at a time, in each worker.
    rate : str or None
        Requests of a caller in a time, such as ``100/second``, in each worker.
    """

    body: int = 32 * 1024**2
    upload: int = 4 * 1024**3
    rows: int = 100_000
    seconds: float = 60.0
    concurrency: int = 256
    rate: str | None = None


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What becomes of jobs that are submitted to the service.

    Attributes
    ----------
    concurrency : int
        Jobs at a time that the service carries out itself; 0 leaves them to ``scorekit worker``.
    places : tuple of str
        Folders and ``s3://`` prefixes that clients may name as data.
    uploads : Path or None
        Folder of uploaded data; None keeps it beside the store.
    """

    concurrency: int = 1
    places: tuple[str, ...] = ()
    uploads: Path | None = None


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What an operator can ask of the service.

    Attributes
    ----------
    models : tuple of str
        References that are served; empty serves every model of the store.
    store : str or None
    host : str
    port : int
    workers : int
    policy : Policy
    on_fail : {"warn", "fallback", "fail"} or None
        What a failed window does, if not what the policy says.
    extent : Extent
        Of the windows that are judged.
    tls : Tls or None
    auth : tuple of {"keys", "jwt"}
        How callers show who they are; empty asks nobody.
    tokens : TokenSettings or None
        Whose tokens are taken.
    insecure : bool
        Whether others than this machine may call without that.
    allowed_hosts : tuple of str
        Names that it is called by, besides those of this machine.
    limits : Limits
    jobs : JobSettings
    allow_mismatch : bool
        Load a pickle made by another scikit-learn minor version.
    quiet : bool
        Whether only what somebody should look at is logged.
    secret : bytes
        Shared by the workers of one service: what its page is signed with where there are no keys.
    """

    models: tuple[str, ...] = ()
    store: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    policy: Policy = field(default_factory=Policy)
    on_fail: OnFail | None = None
    extent: Extent = field(default_factory=Extent)
    tls: Tls | None = None
    auth: tuple[Means, ...] = ()
    tokens: TokenSettings | None = None
    insecure: bool = False
    allowed_hosts: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    jobs: JobSettings = field(default_factory=JobSettings)
    allow_mismatch: bool = False
    quiet: bool = False
    secret: bytes = field(default_factory=partial(secrets.token_bytes, 32), repr=False)

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    def check(self) -> None:
        """Refuse what should not be served.

        Raises
        ------
        UsageError
            If others than this machine could call and nobody asks who they are.
        """
        known = bool(self.auth) or (self.tls is not None and self.tls.cert_reqs == "required")
        if not self.local and not known and not self.insecure:
            raise UsageError(
                f"{self.host} can be reached from other machines, and nobody would be asked who calls",
                hint="add --auth keys (see `scorekit keys create`), serve on 127.0.0.1, or say --insecure",
            )
        if self.tls is not None and self.tls.cert_reqs != "none" and self.tls.ca_certs is None:
            raise UsageError(
                "--ssl-cert-reqs needs to know whose certificates are good",
                hint="name them with --ssl-ca-certs",
            )
