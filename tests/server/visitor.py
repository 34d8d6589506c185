"""Somebody at the page, without a browser: keeps cookies, and sends forms with their tokens."""

from __future__ import annotations

import http.client
import re
import urllib.parse
from typing import NamedTuple

from tests.server.conftest import PATIENCE, Running


class Seen(NamedTuple):
    """What was sent back."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def place(self) -> str | None:
        """Where it sends somebody."""
        return self.headers["Location"]

    @property
    def token(self) -> str:
        """Of its forms."""
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]

    @property
    def cookies(self) -> dict[str, str]:
        """What it has kept, with how it is kept."""
        said = self.headers.get_all("Set-Cookie") or []
        return dict(each.split("=", 1) for each in said)  # type: ignore[misc]


class Visitor:
    """Somebody at the page of a service."""

    def __init__(self, service: Running) -> None:
        self._service = service
        self.cookies: dict[str, str] = {}

    def ask(
        self, path: str, form: dict[str, str] | None = None, accept: str = "text/html", **headers: str
    ) -> Seen:
        """Look at a page, or send a form; a header is named with ``_`` for ``-``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Accept": accept, "Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=PATIENCE)
        try:
            connection.request("GET" if form is None else "POST", path, body, sent)
            answer = connection.getresponse()
            seen = Seen(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()
        for name, said in seen.cookies.items():
            value = said.partition(";")[0].strip('"')
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return seen

    def sign_in(self, key: str) -> Seen:
        """Show a key."""
        return self.ask("/sign-in", {"token": self.ask("/sign-in").token, "key": key})

    def move(self, what: str, model: str = "bank", **fields: str) -> Seen:
        """Trip or reset the switch of a model."""
        token = self.ask(f"/models/{model}").token
        return self.ask(f"/models/{model}/{what}", {"token": token, **fields})
