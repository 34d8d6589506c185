"""Secrets of channels: the addresses themselves, tokens and passwords.

Who knows the address of a webhook can post to it, so an address is a secret. It is read
from the settings, the environment or a file, and shown nowhere: only its scheme and host
are, and of what is no web address only the scheme, because some services put their token
where the host would be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scorekit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; what is printed of it is ``shown``.

    Attributes
    ----------
    value : str
    shown : str
    """

    value: str = field(repr=False)
    shown: str = "…"

    def __str__(self) -> str:
        return self.shown


def redacted(url: str) -> str:
    """What may be shown of an address.

    Examples
    --------
    >>> redacted("https://me:word@hooks.example.com:8443/services/T0/B1?key=2")
    'https://hooks.example.com:8443/…'
    >>> redacted("tgram://123456:token/chat")
    'tgram://…'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port if parts.scheme in ("http", "https") else None
    except ValueError:
        return "…"
    if parts.scheme not in ("http", "https") or not host:
        return f"{parts.scheme}://…" if parts.scheme else "…"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/…"


def read_secret(what: str, plain: str | None, variable: str | None, file: str | None) -> str | None:
    """A secret from where the settings say it is.

    Parameters
    ----------
    what : str
        Its name in the settings, such as ``url``.
    plain, variable, file : str or None
        Itself, the environment variable or the file that holds it.

    Raises
    ------
    UsageError
        If it is given twice, or is not where it should be.
    """
    given = [plain is not None, variable is not None, file is not None]
    if sum(given) > 1:
        raise UsageError(f"{what} is given more than once", hint=f"keep one of {_names(what)}", code="alerts")
    if variable is not None:
        return _from_environment(what, variable)
    return _from_file(what, file) if file is not None else plain


def _names(what: str) -> str:
    return f"{what}, {what}_env and {what}_file"


def _from_environment(what: str, variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError(
            f"{what}_env names {variable}, and the environment has no such variable, or an empty one",
            code="alerts",
        )
    return value


def _from_file(what: str, file: str) -> str:
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read {what}_file {file}: {error.strerror}", code="alerts") from None
    except UnicodeDecodeError:
        raise UsageError(f"{what}_file {file} is no text", code="alerts") from None
    if not value:
        raise UsageError(f"{what}_file {file} is empty", code="alerts")
    return value


def web_address(value: str | None) -> Secret:
    """An address that can be posted to.

    Raises
    ------
    UsageError
        If it is none; the address is not shown.
    """
    if value is None:
        raise UsageError("the address is not given", hint=f"give one of {_names('url')}", code="alerts")
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not value.isprintable() or " " in value:
        raise UsageError(
            "the address is none that can be posted to",
            hint="it begins with https:// or http://",
            code="alerts",
        )
    return Secret(value, redacted(value))
