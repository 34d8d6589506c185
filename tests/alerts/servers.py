"""Real servers on this machine that take alerts, or do not."""

from __future__ import annotations

import base64
import datetime as dt
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# HTTP ---------------------------------------------------------------------------------


@dataclass
class Receiver:
    """What an HTTP server was sent, and what it answers."""

    url: str = ""
    status: int = 200
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def receiver(status: int = 200, location: str = "") -> Iterator[Receiver]:
    """Takes JSON, and answers with a status."""
    seen = Receiver(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.requests.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(seen.status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self) -> None:
            seen.requests.append((self.path, dict(self.headers), None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield seen


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def misbehaving(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections are treated badly."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                behave(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    with running(server):
        yield server.server_address[1]


def hang(connection: socket.socket) -> None:
    time.sleep(20)


def close(connection: socket.socket) -> None:
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """Never silent for so long that a socket would time out, and never done."""
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(200):
        connection.sendall(b"X-Drip: 1\r\n")
        time.sleep(0.1)


def babble(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.sendall(b"\x00\x01\x02\r\n\r\n")


# SMTP ---------------------------------------------------------------------------------


@dataclass
class Mailbox:
    """What an SMTP server was sent, and how it behaves."""

    port: int = 0
    context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    users: dict[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    data_reply: bytes = b"250 taken"
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


class _Session:
    """One SMTP connection: RFC 5321 with STARTTLS and AUTH PLAIN."""

    def __init__(self, box: Mailbox, connection: socket.socket) -> None:
        self.box = box
        self.secure = box.implicit_tls
        self.connection = box.context.wrap_socket(connection, server_side=True) if self.secure else connection
        self.file = self.connection.makefile("rb")
        self.sender, self.recipients = "", []

    def run(self) -> None:
        self.say(b"220 here")
        while line := self.file.readline():
            word = line.strip().split(b" ")[0].upper()
            if word == b"QUIT":
                self.say(b"221 bye")
                return
            getattr(self, word.decode().lower(), self.unknown)(line.strip().decode())

    def say(self, *lines: bytes) -> None:
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def unknown(self, line: str) -> None:
        self.say(b"500 what")

    def ehlo(self, line: str) -> None:
        offers = [b"STARTTLS"] if self.box.context and not self.secure else []
        offers += [b"AUTH PLAIN"] if self.box.users and self.secure else []
        self.say(*(b"250-" + offer for offer in [b"here", *offers]), b"250 8BITMIME")

    def starttls(self, line: str) -> None:
        self.say(b"220 go")
        assert self.box.context is not None
        self.connection = self.box.context.wrap_socket(self.connection, server_side=True)
        self.file, self.secure = self.connection.makefile("rb"), True

    def auth(self, line: str) -> None:
        _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        good = self.box.users.get(user) == password
        self.box.logins += [user] if good else []
        self.say(b"235 welcome" if good else b"535 no: " + password.encode())

    def mail(self, line: str) -> None:
        self.sender, self.recipients = line.partition("<")[2].partition(">")[0], []
        self.say(b"250 ok")

    def rcpt(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        good = address not in self.box.refused
        self.recipients += [address] if good else []
        self.say(b"250 ok" if good else b"550 nobody")

    def rset(self, line: str) -> None:
        self.say(b"250 ok")

    def data(self, line: str) -> None:
        self.say(b"354 go")
        lines = []
        while (part := self.file.readline()).strip(b"\r\n") != b".":
            lines.append(part)
        self.box.mails.append((self.sender, self.recipients, b"".join(lines)))
        self.box.encrypted.append(self.secure)
        self.say(self.box.data_reply)


@contextmanager
def mail_server(box: Mailbox) -> Iterator[Mailbox]:
    def serve(connection: socket.socket) -> None:
        _Session(box, connection).run()

    with misbehaving(serve) as port:
        box.port = port
        yield box


def certificate(folder: Path, host: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself: the file, and what a server needs."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(encoding))
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, folder / "key.pem")
    return path, context
