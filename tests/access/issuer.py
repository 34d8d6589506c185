"""An issuer of tokens: a real server of HTTP with discovery and keys that can be changed."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "scorekit"
KIND = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey}
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
_MADE: dict[tuple[str, str], Key] = {}


def make_key(algorithm: str = "ES256", kid: str = "one") -> Key:
    """A private key; one that was made before is used again, for those of RSA take long to make."""
    known = (CURVES.get(algorithm, "RSA"), kid)
    if known not in _MADE:
        kind: Any = KIND[algorithm[:2]]
        _MADE[known] = kind.generate_key(CURVES.get(algorithm, 2048), {"kid": kid})
    return _MADE[known]


class Issuer:
    """What it answers can be changed while it runs.

    Attributes
    ----------
    url : str
    keys : list of Key
    asked : list of str
        Paths, as they were asked for.
    documents : dict
        What else it answers, by path: a JSON object, bytes, or a function of the handler.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[Key] = [make_key()]
        self.asked: list[str] = []
        self.documents: dict[str, Any] = {}
        self.away = False

    def answer(self, path: str) -> Any:
        if path in self.documents:
            return self.documents[path]
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return None

    def token(
        self,
        key: Key | None = None,
        algorithm: str = "ES256",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token; a claim or a header of None is left out."""
        key = key or self.keys[0]
        content = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": int(time.time()),
            "exp": int(time.time()) + 600,
            "scope": "score",
            **claims,
        }
        head = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        signed = ".".join(map(encoded, (_given(head), _given(content))))
        return f"{signed}.{encoded(JWSRegistry.algorithms[algorithm].sign(signed.encode(), key))}"


def encoded(content: Any) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _given(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


@contextmanager
def serving(issuer: Issuer) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            found = None if issuer.away else issuer.answer(self.path)
            if callable(found):
                found(self)
                return
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(200 if found is not None else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
