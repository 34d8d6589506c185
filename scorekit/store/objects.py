"""Where versions are kept: objects under one URI, on local disk or S3.

Everything above sees five things: read an object, list a version's files, list the
manifests there are, publish a version, swap an object. Only the last two differ in
kind between a disk and a bucket (``local`` and ``s3``), because each has another way
to make one step indivisible: a rename and a lock here, a conditional put there.

All errors of obstore are translated in one place, ``translated``.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scorekit.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Store

Content = bytes | Path
Seal = Callable[[int], bytes]
"""Gives the manifest file of a version, once its number is known."""
Change = Callable[[bytes | None], bytes]
"""Gives an object's new content for its old (None: there is none). May be called again."""

CONNECT_TIMEOUT = timedelta(seconds=3)
READ_TIMEOUT = timedelta(seconds=20)
"""Longest silence of a connection that stands."""
REQUEST_TIMEOUT = timedelta(minutes=10)
"""Longest single request: a big pickle over a slow line is no error, silence is."""
RETRY_TIMEOUT = timedelta(seconds=10)

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
        """Whether there is such an object."""
        import obstore

        try:
            with translated(self.uri):
                obstore.head(self.bucket(), path)
        except FileNotFoundError:
            return False
        return True

    def names(self, prefix: str) -> list[str]:
        """Names of the objects directly below a prefix."""
        import obstore

        try:
            with translated(self.uri):
                found = obstore.list_with_delimiter(self.bucket(), prefix)
        except FileNotFoundError:
            return []
        return sorted(each["path"].rpartition("/")[2] for each in found["objects"])


def s3_store(uri: str) -> S3Store:
    """An obstore store for an S3 URI, with credentials as the environment has them.

    Credentials come from an assumed role (``SCOREKIT_AWS_ROLE_ARN``, with
    ``SCOREKIT_AWS_EXTERNAL_ID`` and ``SCOREKIT_AWS_SESSION_NAME``), a profile
    (``AWS_PROFILE``), or what obstore finds by itself: access keys, a web identity,
    a container's or an instance's role. ``AWS_ENDPOINT_URL`` points to another S3; plain
    HTTP is spoken only where it says so.

    Parameters
    ----------
    uri : str
        ``s3://bucket`` or ``s3://bucket/prefix``; paths in the store are below the prefix.

    Raises
    ------
    UsageError
        If the URI names no bucket, or boto3 is needed and missing.
    Unreachable
        If the profile cannot be used.
    """
    from obstore.store import S3Store

    from scorekit.store.credentials import credential_provider

    address = urlsplit(uri)
    if address.scheme != "s3" or not address.netloc:
        raise UsageError(f"not an S3 URI: {uri}", hint="write it as s3://bucket/prefix")
    endpoint = next(filter(None, map(os.environ.get, ENDPOINT_VARIABLES)), "")
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    with translated(uri):
        return S3Store(
            address.netloc,
            prefix=address.path.strip("/") or None,
            client_options=_client_options(allow_http=endpoint.startswith("http://")),
            retry_config=_retry_config(),
            credential_provider=credential_provider(),
            **options,
        )


ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def _client_options(*, allow_http: bool) -> ClientConfig:
    return {
        "allow_http": allow_http,
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "timeout": REQUEST_TIMEOUT,
    }


def _retry_config() -> RetryConfig:
    backoff = timedelta(milliseconds=100)
    return {
        "max_retries": 4,
        "retry_timeout": RETRY_TIMEOUT,
        "backoff": {"init_backoff": backoff, "max_backoff": timedelta(seconds=2), "base": 2},
    }


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
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise _unreachable(uri, str(error)) from None
        raise FileNotFoundError(uri) from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise
    except (exceptions.BaseError, NotImplementedError) as error:
        raise _unreachable(uri, str(error)) from None
    except OSError as error:
        raise Unreachable(
            f"the store {uri} cannot be used: {error.strerror or error}",
            hint="check the folder and its permissions, or name another with --store",
        ) from None


_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("External AWS credential provider", "", "check the role, the profile and their credentials"),
    ("NoSuchBucket", "there is no such bucket", "create the bucket, or name another with --store"),
    (
        "/latest/api/token",  # the instance's metadata, asked last of all
        "no AWS credentials were found",
        "set AWS_ACCESS_KEY_ID, AWS_PROFILE or SCOREKIT_AWS_ROLE_ARN",
    ),
    ("Received redirect", "the bucket is in another region", "set AWS_REGION to the bucket's region"),
    ("operation timed out", "it did not answer in time", "check the network and AWS_ENDPOINT_URL"),
    ("TimedOut", "it did not answer in time", "check the network and AWS_ENDPOINT_URL"),
    ("error sending request", "no connection", "check the network and AWS_ENDPOINT_URL"),
    ("Connect", "no connection", "check the network and AWS_ENDPOINT_URL"),
    ("os error 13", "permission denied", "check the folder's permissions"),
    ("PermissionDenied", "access denied", "check the credentials and the bucket's policy"),
    ("Unauthenticated", "access denied", "check the credentials and the bucket's policy"),
)
"""What stands in obstore's message, what it means, and what to do: the first that fits."""


def _unreachable(uri: str, text: str) -> Unreachable:
    """What a message of obstore means; its own words may hold keys and are not shown.

    The one exception is what our own credential provider says.
    """
    code = re.search(r"<Code>(\w+)</Code>", text)
    suffix = f" ({code[1]})" if code else ""
    for mark, meaning, hint in _CAUSES:
        if mark in text:
            said = meaning or text.partition("Debug source")[0].rpartition("Error: ")[2].strip()
            return Unreachable(f"the store {uri} cannot be reached: {said}{suffix}", hint=hint)
    return Unreachable(f"the store {uri} cannot be reached: it failed{suffix or ' without saying why'}")


def free_number(taken: Iterable[str]) -> int:
    """The number after the largest of the names that are numbers."""
    return 1 + max((int(name) for name in taken if VERSION_NUMBER.fullmatch(name)), default=0)
