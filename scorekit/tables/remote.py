"""Objects of a store as files: read by ranges, written whole."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from scorekit import s3
from scorekit.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

OpenStore = Callable[[str], "ObjectStore"]
"""Makes the store of a bucket, ``s3://bucket``, with the credentials of the environment."""

READ_AHEAD = 4 << 20


def open_store(bucket: str) -> ObjectStore:
    """The store of a bucket, with the credentials and the endpoint that versions are reached by.

    It is kept while the environment stays the same: a role is assumed once, not for every object.
    """
    return _kept(bucket, tuple(sorted(pair for pair in os.environ.items() if "AWS_" in pair[0])))


@lru_cache(maxsize=16)
def _kept(bucket: str, environment: tuple[tuple[str, str], ...]) -> ObjectStore:  # noqa: ARG001 - the key
    return s3.connect(bucket)


def is_remote(uri: str) -> bool:
    """Whether ``uri`` names an object of a store."""
    return uri.startswith("s3://")


def split(uri: str) -> tuple[str, str]:
    """Bucket URI and key: ``s3://bucket/a/b`` is ``("s3://bucket", "a/b")``."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri}: no bucket", hint="write s3://bucket/key", code="bad_uri")
    return f"s3://{bucket}", key


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Errors of the store as ours.

    Raises
    ------
    UsageError
        If there is no such object.
    Unreachable
        If the store does not answer or does not allow it.
    """
    try:
        with s3.translated(uri):
            yield
    except FileNotFoundError:
        raise UsageError(f"{uri}: no such object", code="no_such_input") from None


class ObjectFile(io.RawIOBase):
    """An object as a binary file that can seek."""

    def __init__(self, uri: str, store: ObjectStore) -> None:
        import obstore

        self._uri = uri
        with translated(uri):
            self._reader = obstore.open_reader(store, split(uri)[1], buffer_size=READ_AHEAD)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._reader.tell()

    def readinto(self, buffer: Any) -> int:
        """Read up to the length of ``buffer``."""
        with translated(self._uri):
            data = memoryview(self._reader.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def put(uri: str, file: BinaryIO, store: ObjectStore) -> None:
    """Write a file as an object, in parts if it is large; it is seen only when complete."""
    import obstore

    with translated(uri):
        obstore.put(store, split(uri)[1], file)


def listing(uri: str, store: ObjectStore) -> list[tuple[str, Any]]:
    """Objects whose key is, or lies below, that of ``uri``: their URIs and what the store says of them."""
    import obstore

    bucket, key = split(uri)
    found: list[tuple[str, Any]] = []
    with translated(uri):
        for page in obstore.list(store, prefix=key.rstrip("/") or None):
            found += ((f"{bucket}/{entry['path']}", entry) for entry in page)
    return found


def head(uri: str, store: ObjectStore) -> Any | None:
    """What the store says of an object, or None if there is none."""
    import obstore

    try:
        with s3.translated(uri):
            return obstore.head(store, split(uri)[1])
    except FileNotFoundError:
        return None


def delete(uri: str, store: ObjectStore) -> None:
    """Remove an object, if there is one."""
    import obstore

    with translated(uri):
        obstore.delete(store, split(uri)[1])
