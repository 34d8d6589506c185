"""The model store: versions that never change, and aliases that point at them.

::

    models/bank/7/manifest.json            what the version says of itself, and every file's hash
    models/bank/7/manifest.sig             its signatures, if it was signed
    models/bank/7/compiled/…               its files
    models/bank/aliases/champion.json      where an alias points, and every move it made

Reading, with all its checks, is in ``contents``; here versions are published, pointed at
and signed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from scorekit.errors import ModelError, ModelNotFound, TamperedError, UsageError
from scorekit.store import aliases, signatures
from scorekit.store.aliases import CHAMPION, AliasEntry, AliasRecord
from scorekit.store.contents import FILE, LIST_HINT, Contents, file_entry, some, verify_hint
from scorekit.store.manifest import MANIFEST_FILE, Manifest
from scorekit.store.objects import Content
from scorekit.store.references import NAME, Ref, check_alias, check_name, parse
from scorekit.store.signatures import SIGNATURE_FILE
from scorekit.store.verification import STATES

DEFAULT_STORE = "models"
STORE_VARIABLE = "SCOREKIT_STORE"

__all__ = ["CHAMPION", "DEFAULT_STORE", "STORE_VARIABLE", "Ref", "Store"]


class Store(Contents):
    """Versions of models under one URI, to be read, published, pointed at and signed.

    Attributes
    ----------
    uri : str
    """

    @classmethod
    def open(cls, uri: str | None = None) -> Store:
        """A store by its URI; nothing is read or made yet.

        Parameters
        ----------
        uri : str, optional
            A folder or ``s3://bucket/prefix``; by default ``SCOREKIT_STORE``, else ``models``.

        Raises
        ------
        UsageError
            If it is a URI of another kind.
        """
        uri = uri or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
        scheme, separator, rest = uri.partition("://")
        if not separator or scheme == "file":
            from scorekit.store.local import LocalObjects

            return cls(LocalObjects(Path(rest if separator else uri)))
        if scheme != "s3" or not rest.strip("/"):
            raise UsageError(f"not a store: {uri}", hint="a store is a folder or s3://bucket/prefix")
        from scorekit.store.s3 import S3Objects

        return cls(S3Objects(uri))

    # ---- what there is

    def resolve(self, reference: str | None) -> Ref:
        """The version a reference means.

        Parameters
        ----------
        reference : str or None
            ``name`` (its champion), ``name:7`` or ``name@alias``; None while there is one model.

        Raises
        ------
        ModelNotFound
            If there is no such model, version or alias.
        UsageError
            If it is no reference, or None and there are several models.
        """
        name, version, alias = parse(reference if reference is not None else self._only_name())
        if version is None:
            return Ref(name, self.alias(name, alias).version)
        if not self._objects.exists(f"{name}/{version}/{MANIFEST_FILE}"):
            raise self._no_version(Ref(name, version))
        return Ref(name, version)

    def _only_name(self) -> str:
        names = self.names()
        if not names:
            raise ModelNotFound(f"{self.uri} holds no model", hint="make one with `scorekit train`")
        if len(names) > 1:
            raise UsageError(
                f"{self.uri} holds {len(names)} models: {some(names)}", hint="name one with --model"
            )
        return names[0]

    # ---- publishing

    def publish(
        self, manifest: Manifest, files: Mapping[str, Content], *, by: str, alias: str | None = None
    ) -> Manifest:
        """Publish a version: whole or not at all, under a number nobody else has.

        Parameters
        ----------
        manifest : Manifest
            Its version, files and digest are filled in.
        files : mapping of str to bytes or Path
            The version's files by path, as content or as a file to copy.
        by : str
            Who publishes, for the alias's history.
        alias : str, optional
            An alias to point at the new version. A model's first version becomes champion
            in any case.

        Returns
        -------
        Manifest
            As it was published.

        Raises
        ------
        TamperedError
            If an alias is to point at it and only signed versions are trusted.
        """
        name = check_name(manifest.name)
        if alias is not None:
            self.check_promotable(alias)
        entries = {_check_file_name(path): file_entry(content) for path, content in files.items()}
        version = self._objects.publish(
            name, files, lambda number: manifest.sealed(number, entries).to_bytes()
        )
        if alias is not None:
            self._move(name, alias, aliases.entry(version, by=by, why="published"))
        if alias != CHAMPION:
            self.name_champion(name, by=by)
        return manifest.sealed(version, entries)

    def publish_at(
        self, version: int, manifest: Manifest, files: Mapping[str, Content], *, attempt: int
    ) -> Manifest | None:
        """Publish what a job made, whole or not at all, under a number that was reserved for it.

        Parameters
        ----------
        version : int
        manifest : Manifest
            With its ``job``.
        files : mapping of str to bytes or Path
        attempt : int
            Of the job; each has another.

        Returns
        -------
        Manifest or None
            As it was published; None where the number is not to be had: ``close`` says whether
            an earlier attempt of the job has it.
        """
        name = check_name(manifest.name)
        entries = {_check_file_name(path): file_entry(content) for path, content in files.items()}
        sealed = manifest.sealed(version, entries)
        claimant = (str(manifest.job), attempt)
        done = self._objects.publish_at(name, version, files, sealed.to_bytes(), claimant)
        return sealed if done else None

    def close(self, ref: Ref, job: str) -> bool:
        """See to it that no attempt of a job publishes under a number any more.

        Returns
        -------
        bool
            Whether one has before.
        """
        self._objects.close(check_name(ref.name), ref.version, job)
        return self.job_of(ref) == job

    def job_of(self, ref: Ref) -> str | None:
        """Id of the job that has published a version; None where there is no version, or no job has."""
        path = f"{check_name(ref.name)}/{ref.version}/{MANIFEST_FILE}"
        return self._parsed(ref, self._objects.get(path)).job if self._objects.exists(path) else None

    def next_version(self, name: str) -> int:
        """The number after every one that is taken; it is not taken by this."""
        return self._objects.free_number(check_name(name))

    def check_writable(self, name: str) -> None:
        """Refuse a store that ``publish`` could not use, as far as can be told without writing.

        Raises
        ------
        Unreachable
            If it cannot be reached, or its folder cannot be written to.
        """
        self._objects.check_writable(check_name(name))

    def check_promotable(self, alias: str = CHAMPION) -> None:
        """Refuse to publish a version that an alias is to point at where only signed ones are trusted.

        Raises
        ------
        TamperedError
            With the code ``unsigned``.
        """
        check_alias(alias)
        signatures.allow_unsigned()

    def name_champion(self, name: str, *, by: str) -> None:
        """Have the first version of a model champion, unless there is one already."""

        def keep(current: bytes | None) -> bytes:
            if current is not None:
                return current
            return aliases.new(aliases.entry(self.versions(name)[0], by=by, why="first version")).to_bytes()

        self._objects.swap(_alias_path(name, CHAMPION), keep)

    # ---- aliases

    def aliases(self, name: str) -> dict[str, AliasRecord]:
        """Every alias of a model."""
        return {alias: self.alias(name, alias) for alias in self.alias_names(name)}

    def alias_names(self, name: str) -> list[str]:
        """Names of a model's aliases, sorted.

        Raises
        ------
        ModelNotFound
            If there is no such model.
        """
        check_name(name)
        found = [file.removesuffix(".json") for file in self._objects.names(f"{name}/aliases")]
        found = [alias for alias in found if NAME.fullmatch(alias)]
        if CHAMPION not in found and self.versions(name):
            found.append(CHAMPION)
        if not found:
            raise self._no_model(name)
        return sorted(found)

    def alias(self, name: str, alias: str = CHAMPION) -> AliasRecord:
        """Where an alias points, and every move it made.

        Raises
        ------
        ModelNotFound
            If there is no such model or alias.
        """
        path = _alias_path(check_name(name), check_alias(alias))
        try:
            return AliasRecord.from_bytes(self._objects.get(path), self._objects.place(path))
        except FileNotFoundError:
            record = self._implied(name, alias)
        if record is not None:
            return record
        if not self.versions(name):
            raise self._no_model(name)
        raise ModelNotFound(
            f"{name} has no alias {alias}, only {some(self.alias_names(name))}", hint=LIST_HINT
        )

    def promote(
        self, ref: Ref, alias: str = CHAMPION, *, by: str, why: str = "", move: str | None = None
    ) -> AliasRecord:
        """Point an alias at a version, which has to hold.

        Parameters
        ----------
        ref : Ref
        alias : str
        by, why : str
            For the history.
        move : str, optional
            Name of the move: one that was made is not made again, wherever the alias points now.

        Raises
        ------
        ModelNotFound, TamperedError, VersionMismatch
            As ``manifest`` has it.
        """
        check_alias(alias)
        self._require_whole(ref)
        return self._move(ref.name, alias, aliases.entry(ref.version, by=by, why=why, name=move))

    def _require_whole(self, ref: Ref) -> None:
        """Refuse a version that scoring would refuse, before anything points at it."""
        manifest = self.manifest(ref)
        for path in manifest.files:
            self.read(ref, manifest, path)

    def rollback(self, name: str, alias: str = CHAMPION, *, by: str, why: str = "") -> AliasRecord:
        """Point an alias at the version it pointed at before, which has to hold; twice is there and back.

        Raises
        ------
        TamperedError, VersionMismatch
            If the version does not hold.
        ModelError
            If it never pointed at another version.
        ModelNotFound
            If there is no such alias, or the version is gone.
        """
        current = self.alias(name, alias)
        move = aliases.entry(0, by=by, why=why)

        def back(record: AliasRecord | None) -> AliasRecord:
            changed = aliases.rolled_back(record or current, move, f"{name}@{alias}")
            self._require_whole(Ref(name, changed.version))
            return changed

        return self._change(name, alias, back)

    def history(self, name: str, alias: str = CHAMPION) -> tuple[AliasEntry, ...]:
        """Every move of an alias, oldest first.

        Raises
        ------
        ModelNotFound
            If there is no such model or alias.
        """
        return self.alias(name, alias).history

    def _move(self, name: str, alias: str, move: AliasEntry) -> AliasRecord:
        def moved(record: AliasRecord | None) -> AliasRecord:
            # nobody pointed it anywhere before: not even the first version's publisher, if this is that one
            if record is None or (not record.history and record.version == move.to_version):
                return aliases.new(move)
            return record.moved(move)

        return self._change(name, alias, moved)

    def _change(
        self, name: str, alias: str, change: Callable[[AliasRecord | None], AliasRecord]
    ) -> AliasRecord:
        """Put what ``change`` makes of an alias in its place; it may be called again."""
        path = _alias_path(name, alias)
        made: list[AliasRecord] = []

        def replace(current: bytes | None) -> bytes:
            known = AliasRecord.from_bytes(current, self._objects.place(path)) if current else None
            made.append(change(known or self._implied(name, alias)))
            return made[-1].to_bytes()

        self._objects.swap(path, replace)
        return made[-1]

    def _implied(self, name: str, alias: str) -> AliasRecord | None:
        """The first version is champion until somebody says otherwise.

        So it is when whoever published it died before the alias was written.
        """
        versions = self.versions(name) if alias == CHAMPION else []
        return AliasRecord(version=versions[0]) if versions else None

    # ---- signing

    def sign(self, ref: Ref, key_path: Path | str) -> str:
        """Sign a version whose files all hold.

        Parameters
        ----------
        key_path : Path or str
            An Ed25519 private key, PEM.

        Returns
        -------
        str
            Fingerprint of the key.

        Raises
        ------
        UsageError
            If the key cannot be used.
        TamperedError
            If a file does not hold: nobody should vouch for that.
        """
        key = signatures.load_private_key(Path(key_path))
        data = self._manifest_bytes(ref)
        bad = [file for file in self._check_files(ref, self._parsed(ref, data)) if file.state != "ok"]
        if bad:
            raise TamperedError(
                f"{self._place(ref, bad[0].path)} {STATES[bad[0].state]}: not signed", hint=verify_hint(ref)
            )
        path = f"{ref.name}/{ref.version}/{SIGNATURE_FILE}"
        place = self._objects.place(path)
        self._objects.swap(path, lambda current: signatures.signed(data, current, key, place))
        return signatures.fingerprint(key.public_key())


def _alias_path(name: str, alias: str) -> str:
    return f"{name}/aliases/{alias}.json"


def _check_file_name(path: str) -> str:
    if not FILE.fullmatch(path) or path in (MANIFEST_FILE, SIGNATURE_FILE):
        raise ModelError(f"a version cannot hold a file named {path!r}")
    return path
