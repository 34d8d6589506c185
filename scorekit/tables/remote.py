"""Objects of a store as files: read by ranges, written whole."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from scorekit import s3
from scorekit.errors import DataError, UsageError

if TYPE_CHECKING:
    from obstore import GetOptions
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
        raise _no_object(uri) from None


def _no_object(uri: str) -> UsageError:
    return UsageError(f"{uri}: no such object", code="no_such_input")


class ObjectFile(io.RawIOBase):
    """An object as a binary file that can seek.

    It is read by many requests. Each says which content it means, by the ETag, so that an
    object which is replaced meanwhile does not give some bytes of the old and some of the new.

    Parameters
    ----------
    uri : str
    store : ObjectStore
    entry : mapping, optional
        What the store said of the object (``head``, ``listing``); asked for if not given.

    Raises
    ------
    UsageError
        If there is no such object.
    DataError
        While reading, if it was replaced.
    """

    def __init__(self, uri: str, store: ObjectStore, entry: Mapping[str, Any] | None = None) -> None:
        self._uri = uri
        self._store = store
        known = entry or head(uri, store)
        if known is None:
            raise _no_object(uri)
        self._size: int = known["size"]
        self._tag: str | None = known["e_tag"]
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read up to the length of ``buffer``."""
        stop = min(self._at + len(buffer), self._size)
        if stop <= self._at:
            return 0
        data = self._range(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _range(self, start: int, stop: int) -> memoryview:
        import obstore
        from obstore.exceptions import PreconditionError

        options: GetOptions = {"range": (start, stop)}
        # a weak tag never fits a condition
        if self._tag and not self._tag.startswith("W/"):
            options["if_match"] = self._tag
        try:
            with translated(self._uri):
                found = obstore.get(self._store, split(self._uri)[1], options=options)
                # not every store heeds the condition, and not every store has tags
                if self._tag in (None, found.meta["e_tag"]):
                    return memoryview(found.bytes())
        except PreconditionError:
            pass
        raise DataError(
            f"{self._uri}: was replaced by another object while it was read",
            hint="run it again, when nobody writes there",
            code="replaced",
        )


def put(uri: str, file: BinaryIO, store: ObjectStore) -> None:
    """Write a file as an object, in parts if it is large; it is seen only when complete."""
    import obstore

    with translated(uri):
        obstore.put(store, split(uri)[1], file)


def move(uri: str, target: str, store: ObjectStore) -> None:
    """Move an object within its bucket, in place of what stands there; the store itself copies it."""
    import obstore

    with translated(target):
        obstore.rename(store, split(uri)[1], split(target)[1])


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
