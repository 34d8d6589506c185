"""Bodies of requests: read within limits, whoever sends them and however slowly."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from scorekit.errors import Refused

_PLAIN = ("", "identity")


SMALL = 1 << 16
"""Bytes of a body that says what to do, and holds no data."""
WRITTEN = 1 << 20
"""Bytes of a body that are written at a time."""


def bounded(receive: Receive, seconds: float) -> Receive:
    """What receives a small body, for routes whose body is read before it is known who calls.

    Raises
    ------
    HTTPException
        Where it receives: 413 if the body is larger, 408 if it comes too slowly. FastAPI
        lets no other exception pass while it reads.
    """
    seen, whole, end = 0, False, time.monotonic() + seconds

    async def receive_bounded() -> Message:
        nonlocal seen, whole
        try:
            async with asyncio.timeout(None if whole else max(0.0, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408) from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > SMALL:
            raise HTTPException(413)
        return message

    return receive_bounded


def media_type(request: Request) -> str:
    """What a body says it is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepted(request: Request, kinds: Collection[str]) -> str | None:
    """The first of these content types that ``Accept`` names; None where it takes any.

    Raises
    ------
    Refused
        If it takes none of them.
    """
    asked = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    for kind in asked:
        if kind in kinds:
            return kind
    if any(kind in ("", "*/*", "application/*") for kind in asked):
        return None
    raise Refused(f"answers are sent as {', '.join(kinds)}", code="not_acceptable")


def require_json(request: Request) -> None:
    """Refuse a body that does not say that it is JSON: that is all a form of another site can send.

    Raises
    ------
    Refused
    """
    if media_type(request) != "application/json":
        raise Refused("the body should be JSON, sent as application/json", code="unknown_media_type")


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """A body as a whole, unpacked.

    Raises
    ------
    Refused
        If it is too large, comes too slowly, or is packed in a way that is not known.
    """
    try:
        async with asyncio.timeout(seconds):
            return b"".join([part async for part in pieces(request, most)])
    except TimeoutError:
        raise too_slow() from None


async def keep_body(request: Request, most: int, seconds: float, write: Callable[[bytes], object]) -> None:
    """Write a body down, unpacked, however large it is: in a thread, for the disk may be slow.

    Raises
    ------
    Refused
        As ``read_body`` has it.
    """
    held, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in pieces(request, most):
                held.append(piece)
                size += len(piece)
                if size >= WRITTEN:
                    await asyncio.to_thread(write, b"".join(held))
                    held, size = [], 0
            await asyncio.to_thread(write, b"".join(held))
    except TimeoutError:
        raise too_slow() from None


def too_slow() -> Refused:
    """What a client is told whose body does not come."""
    return Refused("the body did not come in time", code="body_too_slow")


async def pieces(request: Request, most: int) -> AsyncIterator[bytes]:
    """A body piece by piece, unpacked; never more than it may be.

    Raises
    ------
    Refused
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most)
    unpack = _unpacker(request.headers.get("content-encoding", "").strip().lower())
    arrived = seen = 0
    try:
        async for part in request.stream():
            arrived += len(part)
            if arrived > most:  # gzip may unpack to nothing, without end
                raise _too_large(most)
            for piece in unpack.pieces(part) if unpack is not None else (part,):
                seen += len(piece)
                if seen > most:
                    raise _too_large(most)
                yield piece
    except ClientDisconnect:
        raise Refused("the body ended before its end", code="body_cut") from None
    if unpack is not None and not unpack.whole:
        raise Refused("the body ends before its gzip does", code="bad_encoding")


def _too_large(most: int) -> Refused:
    return Refused(f"the body is larger than {most:,} bytes", code="too_large")


class _Gunzip:
    """Unpacks gzip, a bounded piece at a time: what is packed small may be endless.

    It may be several that follow each other, as parallel packers make them (RFC 1952, 2.2).
    """

    _AT_A_TIME = 1 << 16

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(wbits=31)

    @property
    def whole(self) -> bool:
        """Whether its end was seen."""
        return self._engine.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What a piece unpacks to; made as it is asked for, so that whoever counts can stop it."""
        while data:
            if self._engine.eof:
                self._engine = zlib.decompressobj(wbits=31)
            try:
                found = self._engine.decompress(data, self._AT_A_TIME)
            except zlib.error:
                raise Refused("the body is no gzip", code="bad_encoding") from None
            yield found
            data = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail


def _unpacker(encoding: str) -> _Gunzip | None:
    if encoding in _PLAIN:
        return None
    if encoding in ("gzip", "x-gzip"):
        return _Gunzip()
    raise Refused("a body may be packed by gzip, or not at all", code="unknown_encoding")
