"""A network between a client and a server that cuts, delays and swallows."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

_PIECE = 1 << 16


class Proxy:
    """Passes bytes on from a port of its own.

    Attributes
    ----------
    port : int
    delay : float
        Seconds by which each piece is late.
    after, back : int or None
        Bytes from a client, or back to it, after which its connection is cut, once.

    Parameters
    ----------
    host : str
    port : int
    named : bool
        Whether the server tells clients where it is, as one of Kafka does: its port becomes the proxy's.
    """

    def __init__(self, host: str, port: int, *, named: bool = False) -> None:
        self.delay = 0.0
        self._mute: set[socket.socket] = set()
        self.after: int | None = None
        self.back: int | None = None
        self._to = (host, port)
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._refusing = False
        self._names = (_named(host, port), _named(host, self.port)) if named else None
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._refusing = True
        self._listening.close()
        self.cut()

    def refuse(self, *, now: bool) -> None:
        """Cut every connection, and close new ones at once, until told otherwise."""
        self._refusing = now
        if now:
            self.cut()

    def cut(self) -> None:
        """Cut every connection that stands."""
        for each in list(self._open):
            _close(each)
        self._open.clear()

    def swallow(self) -> None:
        """Pass nothing more on by the connections that stand, and leave them standing."""
        self._mute |= self._open

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self._refusing:
                    client.close()
                    continue
                server = socket.create_connection(self._to)
                self._open |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(*pair, pair[0] is client), daemon=True).start()

    def _due(self, size: int, way: str) -> bool:
        left = getattr(self, way)
        if left is None:
            return False
        setattr(self, way, left - size if size <= left else None)
        return size > left

    def _pass(self, giver: socket.socket, taker: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while piece := giver.recv(_PIECE):
                time.sleep(self.delay)
                if giver in self._mute:
                    continue
                if self._due(len(piece), "after" if asking else "back"):
                    break
                taker.sendall(piece.replace(*self._names) if self._names and not asking else piece)
        for each in (giver, taker):
            _close(each)
            self._open.discard(each)


def _named(host: str, port: int) -> bytes:
    """A server as Kafka's answers name it."""
    return host.encode() + port.to_bytes(4, "big")


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
