"""AWS credentials by boto3: profiles and assumed roles.

obstore asks for credentials when it has none that are good for some minutes more, and
is given an expiry in UTC. (Its own providers hand botocore's local time zone on, which
it then refuses.) Access keys in the environment need none of this, and no boto3.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorekit.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

SESSION_NAME = "scorekit"
DEFAULT_REGION = "us-east-1"
_PROFILE_LIFE = timedelta(minutes=10)
"""botocore renews a profile's credentials ten minutes before they end; obstore asks again at half of it."""

_OTHER_SOURCES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
"""Where obstore finds credentials by itself, or needs none."""


class CredentialsError(Exception):
    """Credentials could not be had; obstore hands its text on."""


class Credentials:
    """What obstore calls for credentials.

    Attributes
    ----------
    config : dict
        The region for obstore: the environment's, else the profile's.
    """

    def __init__(self, session: Any, role: dict[str, str] | None) -> None:
        # boto3 knows AWS_DEFAULT_REGION only; Lambda and containers set AWS_REGION.
        self._region = os.environ.get("AWS_REGION") or session.region_name
        self.config: S3Config = {"region": self._region} if self._region else {}
        self._session = session
        self._role = role

    def __call__(self) -> S3Credential:
        """Fresh credentials."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._assume(self._role) if self._role else self._own()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "refused")
            raise CredentialsError(f"AWS refused the {self._what}: {code}") from None
        except BotoCoreError as error:
            raise CredentialsError(f"no credentials from the {self._what}: {type(error).__name__}") from None

    @property
    def _what(self) -> str:
        return f"role {self._role['RoleArn']}" if self._role else f"profile {self._session.profile_name}"

    def _assume(self, role: dict[str, str]) -> S3Credential:
        from botocore.config import Config

        limits = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
        client = self._session.client("sts", region_name=self._region or DEFAULT_REGION, config=limits)
        given = client.assume_role(**role)["Credentials"]
        return {
            "access_key_id": given["AccessKeyId"],
            "secret_access_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expires_at": given["Expiration"].astimezone(UTC),
        }

    def _own(self) -> S3Credential:
        found = self._session.get_credentials()
        if found is None:
            raise CredentialsError(f"the {self._what} holds no credentials")
        frozen = found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _PROFILE_LIFE,
        }


def credential_provider() -> Credentials | None:
    """What the environment asks for; None leaves it to obstore.

    Raises
    ------
    UsageError
        If boto3 is needed and not installed, or the profile is not there.
    """
    role = _role()
    if role is None and not os.environ.get("AWS_PROFILE") and not _default_profile_wanted():
        return None
    try:
        import boto3
        from botocore.exceptions import ProfileNotFound
    except ImportError:
        if role is None and not os.environ.get("AWS_PROFILE"):
            return None
        raise UsageError(
            "profiles and assumed roles need boto3, which is not installed",
            hint="pip install 'scorekit[aws]'",
        ) from None
    try:
        session = boto3.Session()
    except ProfileNotFound:
        raise UsageError(f"no such AWS profile: {os.environ.get('AWS_PROFILE')}") from None
    if role is None and not os.environ.get("AWS_PROFILE") and session.get_credentials() is None:
        return None
    return Credentials(session, role)


def _role() -> dict[str, str] | None:
    arn = os.environ.get("SCOREKIT_AWS_ROLE_ARN")
    if not arn:
        return None
    role = {"RoleArn": arn, "RoleSessionName": os.environ.get("SCOREKIT_AWS_SESSION_NAME") or SESSION_NAME}
    external = os.environ.get("SCOREKIT_AWS_EXTERNAL_ID")
    return {**role, "ExternalId": external} if external else role


def _default_profile_wanted() -> bool:
    """Whether ``~/.aws`` is all there is to go by."""
    if any(os.environ.get(name) for name in _OTHER_SOURCES):
        return False
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials"
    return Path(file).is_file()
