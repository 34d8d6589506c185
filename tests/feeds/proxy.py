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
    swallowing : bool
        Whether nothing is passed on, though every connection stands.
    after : int or None
        Bytes from the client after which its connection is cut, once.
    """

    def __init__(self, host: str, port: int) -> None:
        self.delay = 0.0
        self.swallowing = False
        self.after: int | None = None
        self._to = (host, port)
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._refusing = False
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

    def _pass(self, giver: socket.socket, taker: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while piece := giver.recv(_PIECE):
                time.sleep(self.delay)
                while self.swallowing:
                    time.sleep(0.01)
                if asking and self.after is not None:
                    self.after -= len(piece)
                    if self.after < 0:
                        self.after = None
                        break
                taker.sendall(piece)
        for each in (giver, taker):
            _close(each)
            self._open.discard(each)


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
