"""Addresses of brokers: ``redis://host:port/stream?group=g``.

Who may log in stands in the address or in the environment, ``SCOREKIT_<BROKER>_USER`` and
``SCOREKIT_<BROKER>_PASSWORD`` (or ``…_FILE``), and is shown nowhere. An option that no broker
of this kind has is refused by its name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from scorekit import config
from scorekit.errors import UsageError
from scorekit.feeds import DeadLetters, Sink, Source
from scorekit.feeds.retrying import Patience
from scorekit.nearest import nearest


class Scheme(NamedTuple):
    """What an address with this scheme means.

    Attributes
    ----------
    module, name : str
        The class that speaks to it; see ``Broker``.
    broker : str
        In the names of variables, and of the extra's requirement.
    port : int
    example : str
    tls : bool
    """

    module: str
    name: str
    broker: str
    port: int
    example: str
    tls: bool = False


_REDIS = "redis://HOST:6379/STREAM?group=GROUP"
_AMQP = "amqp://HOST:5672/QUEUE"
_KAFKA = "kafka://HOST:9092,HOST:9092/TOPIC?group=GROUP"
_NATS = "nats://HOST:4222/STREAM.CONSUMER, and where answers go nats://HOST:4222/SUBJECT"

SCHEMES: Mapping[str, Scheme] = {
    "redis": Scheme("scorekit.feeds.redis_streams", "RedisBroker", "redis", 6379, _REDIS),
    "rediss": Scheme("scorekit.feeds.redis_streams", "RedisBroker", "redis", 6379, _REDIS, tls=True),
    "amqp": Scheme("scorekit.feeds.rabbitmq", "RabbitBroker", "amqp", 5672, _AMQP),
    "amqps": Scheme("scorekit.feeds.rabbitmq", "RabbitBroker", "amqp", 5671, _AMQP, tls=True),
    "kafka": Scheme("scorekit.feeds.kafka", "KafkaBroker", "kafka", 9092, _KAFKA),
    "kafkas": Scheme("scorekit.feeds.kafka", "KafkaBroker", "kafka", 9093, _KAFKA, tls=True),
    "nats": Scheme("scorekit.feeds.nats", "NatsBroker", "nats", 4222, _NATS),
    "natss": Scheme("scorekit.feeds.nats", "NatsBroker", "nats", 4222, _NATS, tls=True),
}
"""Schemes there are."""

_TLS_OPTIONS = ("tls-ca", "tls-cert", "tls-key")
_RETRY = "retry-seconds"
_ALWAYS = (*_TLS_OPTIONS, _RETRY)


class Tls(NamedTuple):
    """Files of certificates; None for what the system trusts.

    Attributes
    ----------
    ca, cert, key : str or None
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, and what there is meant.

    Attributes
    ----------
    scheme : str
    hosts : tuple of (str, int)
        One, except where a broker takes several.
    path : str
        What stands behind the hosts, as it was written: percent signs and all.
    options : mapping
        By names with dashes.
    user, password : str or None
    tls : Tls or None
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None

    @property
    def shown(self) -> str:
        """The address without who may log in, nor what is asked of it."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.scheme}://{hosts}/{self.path}"

    def check_options(self, known: Mapping[str, str]) -> None:
        """Refuse options that are not known.

        Parameters
        ----------
        known : mapping
            Names of options, with dashes; their values may say what they mean.

        Raises
        ------
        UsageError
        """
        allowed = [*known, *_ALWAYS]
        for name in self.options:
            if name not in allowed:
                near = nearest(name, allowed)
                hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(allowed))}"
                self.refuse(f"has no option {name}", hint)

    def number(self, option: str, default: float, *, least: float = 0) -> float:
        """An option that is a number.

        Raises
        ------
        UsageError
            If it is none, or below the least.
        """
        try:
            value = float(self.options.get(option, default))
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            self.refuse(f"{option} takes a number of at least {least:g}, not {self.options[option]}")
        return value

    def count(self, option: str, default: int, *, least: int = 0) -> int:
        """An option that is a whole number.

        Raises
        ------
        UsageError
            If it is none, or below the least.
        """
        value = self.number(option, default, least=least)
        if value != int(value):
            self.refuse(f"{option} takes a whole number, not {self.options[option]}")
        return int(value)

    def refuse(self, said: str, hint: str | None = None) -> NoReturn:
        """Say what is wrong with the address.

        Raises
        ------
        UsageError
        """
        hint = hint or f"write it as {SCHEMES[self.scheme].example}"
        raise UsageError(f"{self.shown} {said}", hint=hint, code="bad_uri")


class Broker(Protocol):
    """What speaks to a kind of broker: one of them makes sources, sinks and dead letters.

    Parameters
    ----------
    address : Address
    patience : Patience
        For what may pass.

    Raises
    ------
    UsageError
        If the address lacks something, or has what it should not.
    """

    def __init__(self, address: Address, patience: Patience) -> None: ...

    def source(self, batch_size: int, grave: DeadLetters | None) -> Source:
        """Messages from there.

        Parameters
        ----------
        batch_size : int
            Most messages that ``receive`` will be asked for.
        grave : DeadLetters or None
            Where messages go that were delivered too often.
        """

    def sink(self) -> Sink:
        """Answers to there."""

    def dead_letters(self) -> DeadLetters:
        """What cannot be answered, to there."""


def is_address(place: str) -> bool:
    """Whether this names a broker, and not a file.

    Examples
    --------
    >>> is_address("redis://localhost/rows"), is_address("rows.jsonl")
    (True, False)
    """
    return "://" in place


def connect(uri: str, patience: Patience | None = None) -> Broker:
    """The broker of an address; nothing is connected yet.

    Parameters
    ----------
    uri : str
    patience : Patience, optional
        Its limit is replaced where the address has ``retry-seconds``.

    Raises
    ------
    UsageError
        If it is no address, or what speaks to it is not installed.
    """
    address = parse(uri)
    known = SCHEMES[address.scheme]
    patience = patience or Patience()
    patience = replace(patience, limit=address.number(_RETRY, patience.limit))
    try:
        broker: Broker = getattr(importlib.import_module(known.module), known.name)(address, patience)
    except ModuleNotFoundError as error:
        hint = "install it: pip install 'scorekit[stream]'"
        raise UsageError(f"{address.shown} needs {error.name}, which is not installed", hint=hint) from None
    return broker


def parse(uri: str) -> Address:
    """An address from what was written.

    Raises
    ------
    UsageError
        If it cannot be read; what may be a secret is not shown.

    Examples
    --------
    >>> parse("redis://me:word@example.com/rows?group=g").shown
    'redis://example.com:6379/rows'
    """
    scheme = uri.partition("://")[0].lower()
    known = _known(scheme)
    try:
        parts = urlsplit(uri)
        _check_login(parts)
        hosts = _hosts(parts, known.port)
        options = _options(parts, known)
    except ValueError:
        raise _unreadable(scheme, known) from None
    user, password = _login(parts, known)
    tls = Tls(*(options.get(name) for name in _TLS_OPTIONS))
    address = Address(
        scheme, hosts, parts.path.strip("/"), options, user, password, tls if known.tls else None
    )
    _check_tls(address, tls)
    return address


def _known(scheme: str) -> Scheme:
    if scheme not in SCHEMES:
        near = nearest(scheme, SCHEMES)
        hint = f"did you mean {near}://?" if near else f"there are {', '.join(f'{s}://' for s in SCHEMES)}"
        raise UsageError(f"{scheme}:// names no broker that can be spoken to", hint=hint, code="bad_uri")
    return SCHEMES[scheme]


def _unreadable(scheme: str, known: Scheme) -> UsageError:
    return UsageError(
        f"the {scheme}:// address cannot be read",
        hint=f"write it as {known.example}; in names and passwords # is %23, @ %40, / %2F and ? %3F",
        code="bad_uri",
    )


def _check_login(parts: SplitResult) -> None:
    """Refuse what a password leaves behind that has a sign of addresses in it."""
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError


def _hosts(parts: SplitResult, port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        host = urlsplit(f"//{each}")
        if not host.hostname:
            raise ValueError(each)
        found.append((host.hostname, port if host.port is None else host.port))
    return tuple(found)


def _options(parts: SplitResult, known: Scheme) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    options = {name.replace("_", "-"): value for name, value in pairs}
    if len(options) < len(pairs):
        raise UsageError(
            "an option stands twice in an address", hint=f"write it as {known.example}", code="bad_uri"
        )
    return options


def _login(parts: SplitResult, known: Scheme) -> tuple[str | None, str | None]:
    """User and password: as the address has them, else the environment."""
    login, at, _ = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    broker = known.broker.upper()
    return (
        unquote(user) if at and user else config.secret(f"{broker}_USER"),
        unquote(password) if colon else config.secret(f"{broker}_PASSWORD"),
    )


def _check_tls(address: Address, tls: Tls) -> None:
    if any(tls) and address.tls is None:
        address.refuse("has options of TLS, which it does not speak", f"begin it with {address.scheme}s://")
    if tls.key and not tls.cert:
        address.refuse("has a tls-key without its tls-cert", "name both files")
    for name, file in zip(_TLS_OPTIONS, tls, strict=True):
        if file and not Path(file).is_file():
            address.refuse(f"has {name}={file}, and there is no such file", "name a file in PEM form")


def certificate_hint(said: str) -> str | None:
    """What to do where a connection failed by a certificate; None if it did by something else.

    Examples
    --------
    >>> certificate_hint("tlsv13 alert certificate required")
    'show a certificate that the server knows: tls-cert and tls-key'
    """
    said = said.lower().replace("_", " ")
    if any(mark in said for mark in _UNSHOWN):
        return "show a certificate that the server knows: tls-cert and tls-key"
    return "name the authority's certificate with tls-ca" if "certificate" in said else None


_UNSHOWN = ("alert", "eof occurred in violation of protocol")
"""Said where the server does not like the client's certificate, or hangs up as there is none."""


def tls_context(address: Address) -> Any:
    """An ``ssl.SSLContext`` that trusts what the address says, or what the system does.

    Raises
    ------
    UsageError
        If a file holds no certificate, or no key.
    """
    import ssl

    assert address.tls is not None  # noqa: S101 - its callers ask before
    try:
        context = ssl.create_default_context(cafile=address.tls.ca)
        if address.tls.cert:
            context.load_cert_chain(address.tls.cert, address.tls.key)
    except (ssl.SSLError, OSError) as error:
        address.refuse(
            f"has files of TLS that cannot be used: {error.strerror or error}", "they are PEM files"
        )
    return context
