"""Ed25519 signatures on versions.

``manifest.sig`` stands beside the manifest and signs the SHA-256 of its bytes; the
manifest in turn holds the hash of every file. Whom to trust is said by the deployment
(``SCOREKIT_TRUSTED_KEYS``), never by the version: a key that came with the model proves
nothing. A file may hold several signatures, so that keys can be changed one after the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scorekit.errors import TamperedError, UsageError
from scorekit.formats import read_format

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    Keys = Mapping[str, Ed25519PublicKey]

SIGNATURE_FILE = "manifest.sig"
TRUST_VARIABLE = "SCOREKIT_TRUSTED_KEYS"
FORMAT_VERSION = 1
_CONTEXT = b"scorekit manifest signature 1\n"
"""Signed along with the digest, so that a signature made for something else never fits."""

Standing = Literal["valid", "unsigned", "untrusted", "broken", "unchecked"]
"""``unchecked``: signed, but no trusted keys are configured. ``broken``: a trusted key's
signature does not fit the manifest."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What the signatures of a version are worth.

    Attributes
    ----------
    standing : Standing
    keys : tuple of str
        Fingerprints of the keys that signed, as the signature file names them.
    """

    standing: Standing
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A pair of key files, and the fingerprint of the public one."""

    private: Path
    public: Path
    fingerprint: str


def generate_key(path: Path) -> KeyPair:
    """Make a private key (PEM, readable by its owner only) and beside it ``<path>.pub``.

    Raises
    ------
    UsageError
        If a file is there already or cannot be written, or cryptography is missing.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    beside = path.with_name(path.name + ".pub")
    for target, content, mode in ((path, secret, 0o600), (beside, public, 0o644)):
        try:
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
        except OSError as error:
            raise UsageError(f"cannot write the key {target}: {error.strerror}") from None
    return KeyPair(path, beside, fingerprint(key.public_key()))


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the DER form: what ``openssl pkey -pubin -outform DER | sha256sum`` says."""
    from cryptography.hazmat.primitives import serialization

    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises
    ------
    UsageError
        If it cannot be read or is no unencrypted Ed25519 key in PEM.
    """
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _key_bytes(path)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"{path} is not an unencrypted Ed25519 private key in PEM",
            hint="make a pair of keys with `scorekit models keygen FILE`; sign with the private one",
        )
    return key


def trusted_keys() -> Keys | None:
    """Public keys the deployment trusts, by fingerprint; None when it has not said.

    Raises
    ------
    UsageError
        If a file is no Ed25519 public key, or there is no key in all that was named:
        trust that cannot be read is not "trust everything".
    """
    configured = os.environ.get(TRUST_VARIABLE)
    if configured is None:
        return None
    _require_cryptography()
    keys = [
        _public_key(path) for name in configured.split(os.pathsep) if name for path in _key_files(Path(name))
    ]
    if not keys:
        raise UsageError(
            f"{TRUST_VARIABLE} names no public key", hint="name key files, or folders with *.pub"
        )
    return {fingerprint(key): key for key in keys}


def _key_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".pub", ".pem"))


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _key_bytes(path)
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{TRUST_VARIABLE}: {path} is not an Ed25519 public key in PEM")
    return key


def _key_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the key {path}: {error.strerror}") from None


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        raise UsageError(
            "signatures need cryptography, which is not installed", hint="pip install 'scorekit[sign]'"
        ) from None


def signed(manifest: bytes, current: bytes | None, key: Ed25519PrivateKey, source: str) -> bytes:
    """The signature file with one more signature on it; the same key signs once.

    Parameters
    ----------
    manifest : bytes
        The manifest file.
    current : bytes or None
        The signature file as it is.
    key : Ed25519PrivateKey
    source : str
        Where the signature file is, for errors.
    """
    mine = fingerprint(key.public_key())
    others = {} if current is None else _signatures(current, source)
    made = {**others, mine: key.sign(_message(manifest))}
    rows = [
        {"algorithm": "ed25519", "key": name, "signature": base64.b64encode(value).decode()}
        for name, value in made.items()
    ]
    return json.dumps({"format_version": FORMAT_VERSION, "signatures": rows}, indent=1).encode() + b"\n"


def check(manifest: bytes, signature: bytes | None, source: str, trusted: Keys | None) -> Signing:
    """What a version's signatures are worth; parses nothing but the signature file.

    Raises
    ------
    TamperedError
        If the signature file is none.
    VersionMismatch
        If a newer scorekit wrote it.
    """
    if signature is None:
        return Signing("unsigned")
    made = _signatures(signature, source)
    names = tuple(made)
    if trusted is None:
        return Signing("unchecked", names)
    ours = [name for name in names if name in trusted]
    if any(_holds(trusted[name], made[name], manifest) for name in ours):
        return Signing("valid", names)
    return Signing("broken" if ours else "untrusted", names)


def require(signing: Signing, trusted: Keys | None, source: str) -> None:
    """Refuse what is not signed by a trusted key, where trusted keys are configured.

    Raises
    ------
    TamperedError
        With the code ``unsigned``, ``untrusted_key`` or ``tampered``.
    """
    if trusted is None or signing.standing == "valid":
        return
    text, code = _REFUSALS[signing.standing]
    raise TamperedError(f"{source} {text}", hint=f"{TRUST_VARIABLE} says which keys are trusted", code=code)


def only_signed() -> bool:
    """Whether only versions that somebody trusted has signed are used here."""
    return TRUST_VARIABLE in os.environ


def allow_unsigned() -> None:
    """Refuse to point an alias at a new version, which nobody has signed, where only signed ones are used.

    Raises
    ------
    TamperedError
        With the code ``unsigned``.
    """
    if only_signed():
        raise TamperedError(
            "a new version is not signed, and only signed versions are trusted here: it cannot be promoted",
            hint="train without --promote, then `scorekit models sign` and `scorekit models promote` it",
            code="unsigned",
        )


_REFUSALS: dict[Standing, tuple[str, str]] = {
    "unsigned": ("is not signed, and only signed versions are trusted here", "unsigned"),
    "untrusted": ("is signed, but by no key that is trusted here", "untrusted_key"),
    "broken": ("was changed after it was signed: the signature does not hold", "tampered"),
}


def _holds(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, _message(manifest))
    except InvalidSignature:
        return False
    return True


def _message(manifest: bytes) -> bytes:
    return _CONTEXT + hashlib.sha256(manifest).digest()


def _signatures(data: bytes, source: str) -> dict[str, bytes]:
    content = read_format(data, source, "a signature file", newest=FORMAT_VERSION)
    try:
        return {
            str(row["key"]): base64.b64decode(row["signature"], validate=True)
            for row in content["signatures"]
            if row["algorithm"] == "ed25519"
        }
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise TamperedError(f"{source} is not a signature file") from None
