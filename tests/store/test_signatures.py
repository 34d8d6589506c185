"""A version vouched for by a key this deployment trusts, or none at all."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from scorekit.errors import TamperedError, UsageError, VersionMismatch
from scorekit.store.signatures import KeyPair, fingerprint, generate_key, load_private_key, trusted_keys
from scorekit.store.versions import Ref, Store
from tests.store.raw import Raw
from tests.store.test_versions import publish

BANK = Ref("bank", 1)


@pytest.fixture
def key(tmp_path: Path) -> KeyPair:
    return generate_key(tmp_path / "release.pem")


@pytest.fixture
def other(tmp_path: Path) -> KeyPair:
    return generate_key(tmp_path / "other.pem")


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch, key: KeyPair) -> None:
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", str(key.public))


@pytest.mark.usefixtures("trust")
def test_a_version_signed_by_a_trusted_key_is_read(store: Store, key: KeyPair) -> None:
    publish(store)
    assert store.sign(BANK, key.private) == key.fingerprint
    assert store.manifest(BANK).name == "bank"
    checked = store.verify(BANK)
    assert checked.ok
    assert (checked.signing.standing, checked.signing.keys) == ("valid", (key.fingerprint,))


@pytest.mark.usefixtures("trust")
def test_an_unsigned_version_is_refused(store: Store) -> None:
    publish(store)
    with pytest.raises(TamperedError, match=r"manifest\.json is not signed") as caught:
        store.manifest(BANK)
    assert caught.value.code == "unsigned"
    with pytest.raises(TamperedError):
        store.promote(BANK, by="ann")
    with pytest.raises(TamperedError, match="a new version is not signed"):
        publish(store, alias="candidate")
    assert store.versions("bank") == [1]
    checked = store.verify(BANK)
    assert checked.signing.standing == "unsigned"
    assert "is not signed" in checked.problems[0]


@pytest.mark.usefixtures("trust")
def test_another_key_is_refused(store: Store, other: KeyPair) -> None:
    publish(store)
    store.sign(BANK, other.private)
    with pytest.raises(TamperedError, match="by no key that is trusted") as caught:
        store.manifest(BANK)
    assert caught.value.code == "untrusted_key"
    assert store.verify(BANK).signing.standing == "untrusted"


@pytest.mark.usefixtures("trust")
def test_a_forged_manifest_is_refused_before_it_is_parsed(store: Store, uri: str, key: KeyPair) -> None:
    """The forger can mend the digest, but not the signature."""
    publish(store)
    store.sign(BANK, key.private)
    forged = replace(store.manifest(BANK), target="z")
    forged = forged.sealed(1, forged.files)
    raw = Raw(uri)
    raw.write("bank/1/manifest.json", forged.to_bytes())
    with pytest.raises(TamperedError, match="the signature does not hold"):
        store.manifest(BANK)
    assert store.verify(BANK).signing.standing == "broken"
    raw.write("bank/1/manifest.json", b"\0 not even JSON")
    with pytest.raises(TamperedError, match="the signature does not hold"):
        store.manifest(BANK)


@pytest.mark.usefixtures("trust")
def test_a_signature_does_not_fit_another_version(store: Store, uri: str, key: KeyPair) -> None:
    publish(store)
    publish(store)
    store.sign(BANK, key.private)
    raw = Raw(uri)
    raw.write("bank/2/manifest.sig", raw.read("bank/1/manifest.sig"))
    with pytest.raises(TamperedError, match="the signature does not hold"):
        store.manifest(Ref("bank", 2))


@pytest.mark.usefixtures("trust")
def test_keys_are_changed_one_after_the_other(
    store: Store, uri: str, key: KeyPair, other: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    for each in (key, other, key):
        store.sign(BANK, each.private)
    assert set(store.verify(BANK).signing.keys) == {key.fingerprint, other.fingerprint}
    assert len(json.loads(Raw(uri).read("bank/1/manifest.sig"))["signatures"]) == 2
    assert store.manifest(BANK)
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", str(other.public))
    assert store.manifest(BANK)


def test_without_trusted_keys_a_signature_is_told_but_not_checked(store: Store, key: KeyPair) -> None:
    publish(store)
    assert store.verify(BANK).signing.standing == "unsigned"
    store.sign(BANK, key.private)
    checked = store.verify(BANK)
    assert checked.ok
    assert (checked.signing.standing, checked.signing.keys) == ("unchecked", (key.fingerprint,))


def test_nobody_signs_what_does_not_hold(store: Store, uri: str, key: KeyPair) -> None:
    publish(store)
    Raw(uri).write("bank/1/card.md", b"other")
    with pytest.raises(TamperedError, match=r"card\.md was changed.*not signed"):
        store.sign(BANK, key.private)
    assert store.verify(BANK).signing.standing == "unsigned"


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format_version": 1, "signatures": [{}]}', b"\xff"])
def test_what_is_no_signature_file(store: Store, uri: str, data: bytes) -> None:
    publish(store)
    raw = Raw(uri)
    raw.write("bank/1/manifest.sig", data)
    with pytest.raises(TamperedError, match=r"manifest\.sig is not a signature file"):
        store.manifest(BANK)
    assert not store.verify(BANK).ok
    raw.write("bank/1/manifest.sig", b'{"format_version": 99}')
    with pytest.raises(VersionMismatch):
        store.manifest(BANK)


def test_trust_is_a_list_of_files_and_folders(
    tmp_path: Path, key: KeyPair, other: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "other.pub").write_bytes(other.public.read_bytes())
    (folder / "README").write_text("our keys")
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", f"{key.public}:{folder}")
    trusted = trusted_keys()
    assert trusted is not None
    assert set(trusted) == {key.fingerprint, other.fingerprint}


@pytest.mark.parametrize("problem", ["missing", "private", "empty folder", "separator", "noise"])
def test_trust_that_cannot_be_read_is_not_trust_in_everything(
    tmp_path: Path, key: KeyPair, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "noise.pem").write_bytes(b"noise")
    configured = {
        "missing": tmp_path / "missing.pub",
        "private": key.private,
        "empty folder": empty,
        "separator": ":",
        "noise": tmp_path / "noise.pem",
    }
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", str(configured[problem]))
    with pytest.raises(UsageError):
        trusted_keys()


def test_a_key_pair(tmp_path: Path, key: KeyPair) -> None:
    assert key.private.stat().st_mode & 0o777 == 0o600
    assert fingerprint(load_private_key(key.private).public_key()) == key.fingerprint
    with pytest.raises(UsageError, match="File exists"):
        generate_key(key.private)
    assert fingerprint(load_private_key(key.private).public_key()) == key.fingerprint


def test_keys_are_those_of_openssl(tmp_path: Path) -> None:
    private, public = tmp_path / "o.pem", tmp_path / "o.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    command = ["openssl", "pkey", "-in", private, "-pubout"]
    der = subprocess.run([*command, "-outform", "DER"], check=True, capture_output=True).stdout
    subprocess.run([*command, "-out", public], check=True)
    import hashlib

    assert fingerprint(load_private_key(private).public_key()) == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("content", [None, b"noise", "public"])
def test_what_is_no_private_key(tmp_path: Path, key: KeyPair, content: bytes | str | None) -> None:
    path = tmp_path / "bad.pem"
    if content is not None:
        path.write_bytes(key.public.read_bytes() if isinstance(content, str) else content)
    with pytest.raises(UsageError, match=r"bad\.pem"):
        load_private_key(path)


def test_trust_that_names_nobody_trusts_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = publish(store)
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", "")
    with pytest.raises(UsageError, match="names no public key"):
        store.manifest(ref)
