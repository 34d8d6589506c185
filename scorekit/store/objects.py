"""Where versions are kept: objects under one URI, on local disk or S3.

Everything above sees seven things: read an object, list a version's files, list the
manifests there are, ask whether a version could be published, publish one, close a number
to publishing, swap an object. The last four differ in kind between a disk and a bucket
(``local`` and ``s3``), because each has another way to make one step indivisible: a rename
and a lock here, a conditional put there.

Errors of obstore and of the disk are translated in one place, ``translated``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scorekit import s3
from scorekit.errors import DISK_FULL, Unreachable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Content = bytes | Path
Seal = Callable[[int], bytes]
"""Gives the manifest file of a version, once its number is known."""
Claimant = tuple[str, int]
"""Who publishes under a number that was given to it, and for which time: a job and its attempt."""
Change = Callable[[bytes | None], bytes]
"""Gives an object's new content for its old (None: there is none). May be called again."""

VERSION_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class Objects(ABC):
    """Objects under one URI.

    Attributes
    ----------
    uri : str
        Where they are, for people; it holds no credentials.
    """

    uri: str

    @abstractmethod
    def bucket(self) -> ObjectStore:
        """The obstore store, connected on first use."""

    @abstractmethod
    def files(self, prefix: str) -> dict[str, int]:
        """Every object below a prefix, by its path below it, with its size in bytes."""

    @abstractmethod
    def published(self, name: str | None = None) -> set[tuple[str, int]]:
        """Name and number of every version that has a manifest, of one model or of all."""

    @abstractmethod
    def publish(self, name: str, files: Mapping[str, Content], seal: Seal) -> int:
        """Publish a version whole, under the next free number; returns the number."""

    @abstractmethod
    def free_number(self, name: str) -> int:
        """The number that ``publish`` would try first."""

    @abstractmethod
    def publish_at(
        self, name: str, number: int, files: Mapping[str, Content], manifest: bytes, claimant: Claimant
    ) -> bool:
        """Publish a version whole under a given number; False where the number is not to be had."""

    @abstractmethod
    def close(self, name: str, number: int, owner: str) -> None:
        """See to it that no claimant of an owner publishes under a number from now on."""

    @abstractmethod
    def check_writable(self, name: str) -> None:
        """Refuse what ``publish`` would refuse, as far as can be told without writing."""

    @abstractmethod
    def swap(self, path: str, change: Change) -> None:
        """Replace an object by what ``change`` makes of it, with nobody in between."""

    def place(self, path: str) -> str:
        """An object's full address, for people."""
        return f"{self.uri}/{path}"

    def get(self, path: str) -> bytes:
        """Read an object.

        Raises
        ------
        FileNotFoundError
            If there is none.
        Unreachable
            If the store does not answer or does not allow it.
        """
        import obstore

        with translated(self.uri):
            return obstore.get(self.bucket(), path).bytes().to_bytes()

    def exists(self, path: str) -> bool:
        """Whether there is such an object, and it holds anything."""
        import obstore

        try:
            with translated(self.uri):
                return obstore.head(self.bucket(), path)["size"] > 0
        except FileNotFoundError:
            return False

    def names(self, prefix: str) -> list[str]:
        """Names of the objects directly below a prefix."""
        import obstore

        try:
            with translated(self.uri):
                found = obstore.list_with_delimiter(self.bucket(), prefix)
        except FileNotFoundError:
            return []
        return sorted(each["path"].rpartition("/")[2] for each in found["objects"])


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn errors of obstore and of the disk into ours.

    A missing object stays a ``FileNotFoundError``, a lost race an ``AlreadyExistsError``
    or a ``PreconditionError``: their callers know what they mean.

    Parameters
    ----------
    uri : str
        What is named in errors.

    Raises
    ------
    Unreachable
        For everything else.
    """
    from obstore import exceptions

    try:
        with s3.translated(f"the store {uri}"):
            yield
    except FileNotFoundError:
        raise FileNotFoundError(uri) from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise
    except OSError as error:
        raise unusable(uri, error) from None


def unusable(uri: str, error: OSError) -> Unreachable:
    """What the disk says, as ours."""
    hint = "check the folder and its permissions, or name another with --store"
    if error.errno in DISK_FULL:
        hint = "nothing was published: free some space, or name another with --store"
    return Unreachable(f"the store {uri} cannot be used: {error.strerror or error}", hint=hint)


def free_number(taken: Iterable[str]) -> int:
    """The number after the largest of the names that are numbers."""
    return 1 + max((int(name) for name in taken if VERSION_NUMBER.fullmatch(name)), default=0)
