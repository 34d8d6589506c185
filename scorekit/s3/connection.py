"""A connection to S3 by obstore, and what its errors mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scorekit.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Store

CONNECT_TIMEOUT = timedelta(seconds=3)
READ_TIMEOUT = timedelta(seconds=20)
"""Longest silence of a connection that stands."""
REQUEST_TIMEOUT = timedelta(minutes=10)
"""Longest single request: a big pickle over a slow line is no error, silence is."""
RETRY_TIMEOUT = timedelta(seconds=10)

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def connect(uri: str) -> S3Store:
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

    from scorekit.s3.credentials import credential_provider

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
def translated(name: str) -> Iterator[None]:
    """Turn errors of obstore into ours.

    A missing object stays a ``FileNotFoundError``, a lost race an ``AlreadyExistsError``
    or a ``PreconditionError``, and what the disk says an ``OSError``: their callers know
    what they mean.

    Parameters
    ----------
    name : str
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
            raise _unreachable(name, str(error)) from None
        raise
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise
    except (exceptions.BaseError, NotImplementedError) as error:
        raise _unreachable(name, str(error)) from None


_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("External AWS credential provider", "", "check the role, the profile and their credentials"),
    ("NoSuchBucket", "there is no such bucket", "create the bucket, or name another"),
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
    ("InvalidAccessKeyId", "access denied", "check the credentials"),
    ("SignatureDoesNotMatch", "access denied", "check the credentials"),
    ("ExpiredToken", "access denied", "the credentials have expired: get new ones"),
    ("PermissionDenied", "access denied", "check the credentials and the bucket's policy"),
    ("Unauthenticated", "access denied", "check the credentials and the bucket's policy"),
)
"""What stands in obstore's message, what it means, and what to do: the first that fits."""


def _unreachable(name: str, text: str) -> Unreachable:
    """What a message of obstore means; its own words may hold keys and are not shown.

    The one exception is what our own credential provider says.
    """
    code = re.search(r"<Code>(\w+)</Code>", text)
    suffix = f" ({code[1]})" if code else ""
    for mark, meaning, hint in _CAUSES:
        if mark in text:
            said = meaning or text.partition("Debug source")[0].rpartition("Error: ")[2].strip()
            return Unreachable(f"{name} cannot be reached: {said}{suffix}", hint=hint)
    return Unreachable(f"{name} cannot be reached: it failed{suffix or ' without saying why'}")
