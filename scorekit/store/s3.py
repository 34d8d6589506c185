"""Versions on S3.

A publisher claims a number by an object that only one can create, writes the files
below it, and last the manifest: a version without a manifest is none. A claim whose
publisher died costs a number and nothing else. A job says in its claim which attempt of it
publishes; the next attempt closes the number by an empty manifest, so that the one before,
should it live, can publish no more. Aliases move by compare-and-swap on the object's ETag.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scorekit.errors import Unreachable
from scorekit.s3 import connect
from scorekit.store.manifest import MANIFEST_FILE
from scorekit.store.objects import (
    VERSION_NUMBER,
    Change,
    Claimant,
    Content,
    Objects,
    Seal,
    free_number,
    translated,
)

if TYPE_CHECKING:
    from obstore.store import S3Store

_CLAIMS = ".claims"
_SWAP_ATTEMPTS = 40
_MANIFEST_PATH = re.compile(rf"([^/]+)/({VERSION_NUMBER.pattern})/{re.escape(MANIFEST_FILE)}")


class S3Objects(Objects):
    """Objects below a prefix of a bucket."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._bucket: S3Store | None = None

    def bucket(self) -> S3Store:
        """The bucket as obstore sees it."""
        if self._bucket is None:
            self._bucket = connect(self.uri)
        return self._bucket

    def files(self, prefix: str) -> dict[str, int]:
        """Every object below a prefix."""
        return {path[len(prefix) + 1 :]: size for path, size in self._list(prefix).items()}

    def published(self, name: str | None = None) -> set[tuple[str, int]]:
        """Versions: one listing, a thousand objects to a request, finds their manifests."""
        filled = (path for path, size in self._list(name).items() if size)
        matches = map(_MANIFEST_PATH.fullmatch, filled)
        return {(match[1], int(match[2])) for match in matches if match}

    def free_number(self, name: str) -> int:
        """The number after the largest that is claimed or holds anything."""
        import obstore

        taken = [path.split("/")[-1] for path in self._list(f"{name}/{_CLAIMS}")]
        with translated(self.uri):
            found = obstore.list_with_delimiter(self.bucket(), name)["common_prefixes"]
        return free_number(taken + [path.split("/")[-1] for path in found])

    def publish(self, name: str, files: Mapping[str, Content], seal: Seal) -> int:
        """Claim a number, put the files, put the manifest."""
        number = self.free_number(name)
        while not self._put_new(f"{name}/{_CLAIMS}/{number}", b""):
            number += 1
        self._put_files(name, number, files)
        path = f"{name}/{number}/{MANIFEST_FILE}"
        if not self._put_same(path, seal(number)):
            raise Unreachable(f"{self.place(path)} was written by somebody else", hint="try again")
        return number

    def publish_at(
        self, name: str, number: int, files: Mapping[str, Content], manifest: bytes, claimant: Claimant
    ) -> bool:
        """Claim the number, put the files, put the manifest."""
        if not self._put_same(f"{name}/{_CLAIMS}/{number}", _claim_of(claimant)):
            return False
        self._put_files(name, number, files)
        return self._put_same(f"{name}/{number}/{MANIFEST_FILE}", manifest)

    def close(self, name: str, number: int, owner: str) -> None:
        """Claim the number for nobody; where the owner has, put an empty manifest."""
        path = f"{name}/{_CLAIMS}/{number}"
        if not self._put_new(path, b"") and self.get(path).startswith(_claims_of(owner)):
            self._put_new(f"{name}/{number}/{MANIFEST_FILE}", b"")

    def check_writable(self, name: str) -> None:
        """Refuse a bucket that is not there, does not answer or does not know us."""
        self._list(name)

    def _put_files(self, name: str, number: int, files: Mapping[str, Content]) -> None:
        import obstore

        with translated(self.uri):
            for path, content in files.items():
                obstore.put(self.bucket(), f"{name}/{number}/{path}", content)

    def _put_new(self, path: str, content: bytes) -> bool:
        """Put an object where there is none; whether there was none."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with translated(self.uri):
                obstore.put(self.bucket(), path, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def _put_same(self, path: str, content: bytes) -> bool:
        """Put an object where there is none but the same one, by a request that was repeated."""
        return self._put_new(path, content) or self.get(path) == content

    def swap(self, path: str, change: Change) -> None:
        """Read, change, and put if nobody else has; else again."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        for attempt in range(_SWAP_ATTEMPTS):
            current, tag = self._tagged(path)
            changed = change(current)
            if changed == current:
                return
            mode: Any = "create" if tag is None else {"e_tag": tag}
            try:
                with translated(self.uri):
                    obstore.put(self.bucket(), path, changed, mode=mode)
            except (AlreadyExistsError, PreconditionError):
                time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - spreads writers out
            else:
                return
        raise Unreachable(f"{self.place(path)} is being changed by others all the time", hint="try again")

    def _tagged(self, path: str) -> tuple[bytes | None, str | None]:
        import obstore

        try:
            with translated(self.uri):
                result = obstore.get(self.bucket(), path)
                return result.bytes().to_bytes(), result.meta["e_tag"]
        except FileNotFoundError:
            return None, None

    def _list(self, prefix: str | None) -> dict[str, int]:
        import obstore

        with translated(self.uri):
            pages = obstore.list(self.bucket(), prefix, chunk_size=1000)
            return {each["path"]: each["size"] for page in pages for each in page}


def _claim_of(claimant: Claimant) -> bytes:
    owner, attempt = claimant
    return _claims_of(owner) + str(attempt).encode()


def _claims_of(owner: str) -> bytes:
    """What every claim of an owner begins with."""
    return f"{owner}/".encode()
