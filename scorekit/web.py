"""What is asked of others over HTTP, outside of stores: no redirect is followed."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request


def opener() -> urllib.request.OpenerDirector:
    """What opens addresses of HTTP only, by the proxies of the environment, and follows no redirect."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        made.add_handler(handler)
    return made


EXPLAINED: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "did not answer in time"),
    (ssl.SSLCertVerificationError, "has a certificate that is not trusted"),
    (ssl.SSLError, "does not speak TLS as it should"),
    (socket.gaierror, "has a host that is not known"),
    (ConnectionRefusedError, "refused the connection"),
    (ConnectionError, "closed the connection"),
    (http.client.HTTPException, "does not speak HTTP as it should"),
    (OSError, "cannot be reached"),
)
"""What to say of errors; their own words may hold the address."""


def explain(error: BaseException) -> str:
    """An error of a connection in words that hold no secret."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    said = next(said for kind, said in EXPLAINED if isinstance(error, kind))
    if isinstance(error, OSError) and said == "cannot be reached" and error.strerror:
        return f"{said}: {error.strerror}"
    return said
