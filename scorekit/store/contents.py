"""What a store holds, checked: its models, their versions, and the files of each.

Nothing is handed out before it was checked: a manifest's signature and digest, a
file's size and hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from scorekit.errors import ModelNotFound, TamperedError
from scorekit.store import signatures
from scorekit.store.manifest import MANIFEST_FILE, FileEntry, Manifest
from scorekit.store.objects import Content, Objects
from scorekit.store.references import NAME, Ref, check_name
from scorekit.store.signatures import SIGNATURE_FILE, Signing
from scorekit.store.verification import STATES, FileCheck, State, Verification

FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
"""A file's path in its version; never out of it."""
LIST_HINT = "`scorekit models list` shows what there is"


class Contents:
    """The versions under one URI, to be read.

    Attributes
    ----------
    uri : str
    """

    def __init__(self, objects: Objects) -> None:
        self.uri = objects.uri
        self._objects = objects

    def names(self) -> list[str]:
        """Names of the models that have a version, sorted."""
        return sorted({name for name, _ in self._objects.published() if NAME.fullmatch(name)})

    def versions(self, name: str) -> list[int]:
        """Numbers of a model's versions, ascending."""
        return sorted(version for _, version in self._objects.published(check_name(name)))

    def _no_model(self, name: str) -> ModelNotFound:
        import difflib

        near = difflib.get_close_matches(name, self.names(), n=3)
        hint = f"did you mean {' or '.join(near)}? {LIST_HINT}" if near else LIST_HINT
        return ModelNotFound(f"no model {name} in {self.uri}", hint=hint)

    def _no_version(self, ref: Ref) -> ModelNotFound:
        versions = self.versions(ref.name)
        if not versions:
            return self._no_model(ref.name)
        return ModelNotFound(
            f"{ref.name} has no version {ref.version}, only {some(map(str, versions))}", hint=LIST_HINT
        )

    def manifest(self, ref: Ref) -> Manifest:
        """A version's manifest, its signature and digest checked.

        Raises
        ------
        ModelNotFound
            If there is no such version.
        TamperedError
            If the digest or, where trusted keys are configured, the signature does not hold.
        VersionMismatch
            If a newer scorekit wrote it.
        """
        data = self._manifest_bytes(ref)
        trusted = signatures.trusted_keys()
        if trusted is not None:
            signing = signatures.check(data, *self._signature(ref), trusted=trusted)
            signatures.require(signing, trusted, self._place(ref, MANIFEST_FILE))
        return self._parsed(ref, data)

    def inspect(self, ref: Ref) -> tuple[Manifest, Signing]:
        """A version's manifest as it is looked at before it is trusted, and what its signatures are worth.

        Unlike ``manifest`` it hands out what nobody, or nobody who is trusted, has signed:
        whoever signs has to read it first. Nothing is scored by it.

        Raises
        ------
        ModelNotFound, TamperedError, VersionMismatch
            As ``manifest`` has it; also for a trusted key's signature that does not hold.
        """
        data = self._manifest_bytes(ref)
        trusted = signatures.trusted_keys()
        signing = signatures.check(data, *self._signature(ref), trusted=trusted)
        if signing.standing == "broken":
            signatures.require(signing, trusted, self._place(ref, MANIFEST_FILE))
        return self._parsed(ref, data), signing

    def read(self, ref: Ref, manifest: Manifest, path: str) -> bytes:
        """A file of a version, its size and hash checked.

        Raises
        ------
        TamperedError
            If the file is missing, changed, or not in the manifest.
        """
        place = self._place(ref, path)
        entry = manifest.files.get(path)
        if entry is None or not FILE.fullmatch(path):
            raise TamperedError(f"{place} is not a file of this version: the manifest does not list it")
        try:
            data = self._objects.get(f"{ref.name}/{ref.version}/{path}")
        except FileNotFoundError:
            raise TamperedError(f"{place} is missing", hint=verify_hint(ref)) from None
        if file_entry(data) != entry:
            raise TamperedError(
                f"{place} was changed after it was published: its hash does not hold", hint=verify_hint(ref)
            )
        return data

    def verify(self, ref: Ref) -> Verification:
        """Check every file, the digest and the signature of a version.

        Raises
        ------
        ModelNotFound
            If there is no such version.
        VersionMismatch
            If a newer scorekit wrote it.
        """
        data = self._manifest_bytes(ref)
        problems: list[str] = []
        signing = self._check_signing(ref, data, problems)
        try:
            manifest = self._parsed(ref, data)
        except TamperedError as error:
            return Verification(ref, None, (), signing, (*problems, error.message))
        files = self._check_files(ref, manifest)
        problems += [
            f"{self._place(ref, file.path)} {STATES[file.state]}" for file in files if file.state != "ok"
        ]
        return Verification(ref, manifest.digest, files, signing, tuple(problems))

    def _check_signing(self, ref: Ref, data: bytes, problems: list[str]) -> Signing:
        trusted = signatures.trusted_keys()
        signing = Signing("broken")
        try:
            signing = signatures.check(data, *self._signature(ref), trusted=trusted)
            signatures.require(signing, trusted, self._place(ref, MANIFEST_FILE))
        except TamperedError as error:
            problems.append(error.message)
        return signing

    def _check_files(self, ref: Ref, manifest: Manifest) -> tuple[FileCheck, ...]:
        found = self._objects.files(f"{ref.name}/{ref.version}")
        known = {MANIFEST_FILE, SIGNATURE_FILE}
        extra = found.keys() - manifest.files.keys() - known
        checks = [FileCheck(path, "unexpected", found[path]) for path in extra]
        for path in manifest.files:
            state: State = "ok" if self._holds(ref, manifest, path) else "changed"
            checks.append(FileCheck(path, state if path in found else "missing", found.get(path)))
        return tuple(sorted(checks, key=lambda check: check.path))

    def _holds(self, ref: Ref, manifest: Manifest, path: str) -> bool:
        try:
            self.read(ref, manifest, path)
        except TamperedError:
            return False
        return True

    def _manifest_bytes(self, ref: Ref) -> bytes:
        try:
            data = self._objects.get(f"{check_name(ref.name)}/{ref.version}/{MANIFEST_FILE}")
        except FileNotFoundError:
            raise self._no_version(ref) from None
        # in a bucket an empty one closes the number, and is not listed; elsewhere it is damaged
        if not data and ref.version not in self.versions(ref.name):
            raise self._no_version(ref)
        return data

    def _parsed(self, ref: Ref, data: bytes) -> Manifest:
        place = self._place(ref, MANIFEST_FILE)
        manifest = Manifest.from_bytes(data, place)
        if (manifest.name, manifest.version) != (ref.name, ref.version):
            raise TamperedError(
                f"{place} is the manifest of {manifest.name}:{manifest.version}, not of {ref}"
            )
        return manifest

    def _signature(self, ref: Ref) -> tuple[bytes | None, str]:
        path = f"{ref.name}/{ref.version}/{SIGNATURE_FILE}"
        try:
            return self._objects.get(path), self._objects.place(path)
        except FileNotFoundError:
            return None, self._objects.place(path)

    def _place(self, ref: Ref, path: str) -> str:
        return self._objects.place(f"{ref.name}/{ref.version}/{path}")


def file_entry(content: Content) -> FileEntry:
    """Hash and size of a file's content."""
    if isinstance(content, bytes):
        return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    with content.open("rb") as file:
        return FileEntry(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=content.stat().st_size)


def verify_hint(ref: Ref) -> str:
    """How to see what else does not hold of a version."""
    return f"see `scorekit models verify {ref}`"


def some(names: Iterable[str], most: int = 8) -> str:
    """Names for a message: all of a few, the first and the last of many."""
    shown = list(names)
    if len(shown) <= most:
        return ", ".join(shown)
    return f"{', '.join(shown[: most - 1])}, … {shown[-1]}"
