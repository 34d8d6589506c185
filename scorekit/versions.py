"""What people ask a store: what there is, what a version says of itself, and whether it holds.

Looking is not scoring: a version that nobody trusted has signed is shown, with what its
signature is worth. A version that does not hold is listed as broken, and hides no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scorekit.errors import ModelError, ModelNotFound, TamperedError
from scorekit.progress import Progress, Silent
from scorekit.store import signatures
from scorekit.store.aliases import AliasEntry
from scorekit.store.manifest import CARD_FILE, Manifest, Metrics, Task
from scorekit.store.signatures import Signing
from scorekit.store.verification import Verification
from scorekit.store.versions import CHAMPION, Ref, Store

READERS = 16
"""Manifests read at a time: a bucket answers each after some tens of milliseconds."""

HEADLINES: Mapping[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "accuracy"),
    "multiclass": ("accuracy",),
    "regression": ("r2", "rmse"),
}
"""The metric that stands for the others: the first of these that was measured."""

MeasuredOn = Literal["holdout", "cross_validated"]


@dataclass(frozen=True, slots=True)
class Headline:
    """The one metric that a list has room for.

    Attributes
    ----------
    name : str
    value : float
    measured_on : {"holdout", "cross_validated"}
    folds : int
        Of the cross-validation, else 0.
    """

    name: str
    value: float
    measured_on: MeasuredOn
    folds: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of a manifest."""

    created: str
    task: Task
    estimator: str
    headline: Headline | None
    engine: str
    digest: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A version in a list.

    Attributes
    ----------
    ref : Ref
    aliases : tuple of str
        Those that point at it.
    signing : Signing or None
    summary : Summary or None
        None for a version that is broken.
    problem : str or None
        Why it is.
    """

    ref: Ref
    aliases: tuple[str, ...]
    signing: Signing | None
    summary: Summary | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """A model and its versions, newest first.

    Attributes
    ----------
    name : str
    aliases : dict of str to int
    versions : tuple of Listed
    problems : tuple of str
        Aliases that cannot be read, or point at nothing.
    """

    name: str
    aliases: dict[str, int]
    versions: tuple[Listed, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """What a store holds.

    Attributes
    ----------
    store : str
    trusting : bool
        Whether trusted keys are configured, so that only what they signed is used.
    models : tuple of ModelVersions
        By name.
    """

    store: str
    trusting: bool
    models: tuple[ModelVersions, ...]


def overview(store: str | None = None, name: str | None = None) -> Overview:
    """Every version of every model, or of one.

    Raises
    ------
    ModelNotFound
        If there is no model of that name.
    """
    opened = Store.open(store)
    if name is not None:
        opened.alias_names(name)
    names = opened.names() if name is None else [name]
    refs = [Ref(each, version) for each in names for version in reversed(opened.versions(each))]
    with ThreadPoolExecutor(READERS) as readers:
        pointing = dict(zip(names, readers.map(lambda each: _aliases(opened, each), names), strict=True))
        rows = list(readers.map(lambda ref: _listed(opened, ref, pointing[ref.name].at), refs))
    models = (
        _model(each, pointing[each], tuple(row for row in rows if row.ref.name == each)) for each in names
    )
    return Overview(opened.uri, signatures.trusted_keys() is not None, tuple(models))


@dataclass(frozen=True, slots=True)
class _Aliases:
    at: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def _aliases(store: Store, name: str) -> _Aliases:
    at, problems = {}, []
    for alias in store.alias_names(name):
        try:
            at[alias] = store.alias(name, alias).version
        except ModelError as error:
            problems.append(error.message)
    return _Aliases(at, tuple(problems))


def _model(name: str, aliases: _Aliases, versions: tuple[Listed, ...]) -> ModelVersions:
    there = {row.ref.version for row in versions}
    return ModelVersions(name, aliases.at, versions, (*aliases.problems, *_dangling(name, aliases.at, there)))


def _dangling(name: str, aliases: Mapping[str, int], there: set[int]) -> list[str]:
    return [
        f"{name}@{alias} points at version {version}, which is not there"
        for alias, version in aliases.items()
        if version not in there
    ]


def _listed(store: Store, ref: Ref, aliases: Mapping[str, int]) -> Listed:
    pointing = tuple(alias for alias, version in aliases.items() if version == ref.version)
    try:
        manifest, signing = store.inspect(ref)
    except ModelError as error:
        return Listed(ref, pointing, None, None, error.message)
    return Listed(ref, pointing, signing, _summary(manifest))


def _summary(manifest: Manifest) -> Summary:
    return Summary(
        created=manifest.created,
        task=manifest.task,
        estimator=manifest.estimator,
        headline=_headline(manifest.task, manifest.metrics),
        engine=manifest.scoring.engine,
        digest=manifest.digest,
    )


def _headline(task: Task, metrics: Metrics) -> Headline | None:
    measured: list[tuple[MeasuredOn, dict[str, float] | None, int]] = [
        ("holdout", metrics.holdout, 0),
        ("cross_validated", metrics.cross_validated, metrics.folds),
    ]
    for measured_on, values, folds in measured:
        for name in HEADLINES[task]:
            if values and name in values:
                return Headline(name, values[name], measured_on, folds)
    return None


# One version -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is looked at.

    Attributes
    ----------
    ref : Ref
    store : str
    manifest : Manifest
    aliases : tuple of str
        Those that point at it.
    signing : Signing
    """

    ref: Ref
    store: str
    manifest: Manifest
    aliases: tuple[str, ...]
    signing: Signing


def look(reference: str, store: str | None = None) -> Version:
    """What a version says of itself.

    Raises
    ------
    ModelNotFound, TamperedError, VersionMismatch
        As the store has it.
    """
    opened = Store.open(store)
    ref = opened.resolve(reference)
    manifest, signing = opened.inspect(ref)
    aliases = _aliases(opened, ref.name).at
    pointing = tuple(alias for alias, version in aliases.items() if version == ref.version)
    return Version(ref, opened.uri, manifest, pointing, signing)


def read_card(reference: str, store: str | None = None) -> tuple[Ref, str]:
    """A version's model card, in Markdown.

    Raises
    ------
    ModelNotFound, TamperedError, VersionMismatch
        As the store has it.
    """
    opened = Store.open(store)
    ref = opened.resolve(reference)
    manifest, _ = opened.inspect(ref)
    return ref, opened.read(ref, manifest, CARD_FILE).decode()


def sign(reference: str, key: Path, *, store: str | None = None) -> tuple[Ref, str]:
    """Sign a version; see ``Store.sign``.

    Returns
    -------
    tuple of Ref and str
        What was signed, and the key's fingerprint.
    """
    opened = Store.open(store)
    ref = opened.resolve(reference)
    return ref, opened.sign(ref, key)


# An alias ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AliasHistory:
    """Where an alias points, and every move it made, oldest first.

    Attributes
    ----------
    name, alias : str
    version : int
    moves : tuple of AliasEntry
    """

    name: str
    alias: str
    version: int
    moves: tuple[AliasEntry, ...]


def promote(
    reference: str, alias: str = CHAMPION, *, by: str, why: str = "", store: str | None = None
) -> AliasHistory:
    """Point an alias at a version; see ``Store.promote``."""
    opened = Store.open(store)
    ref = opened.resolve(reference)
    record = opened.promote(ref, alias, by=by, why=why)
    return AliasHistory(ref.name, alias, record.version, record.history)


def rollback(
    name: str, alias: str = CHAMPION, *, by: str, why: str = "", store: str | None = None
) -> AliasHistory:
    """Point an alias at what it pointed at before; see ``Store.rollback``."""
    record = Store.open(store).rollback(name, alias, by=by, why=why)
    return AliasHistory(name, alias, record.version, record.history)


def history(name: str, alias: str = CHAMPION, *, store: str | None = None) -> AliasHistory:
    """Every move of an alias.

    Raises
    ------
    ModelNotFound
        If there is no such model or alias.
    """
    record = Store.open(store).alias(name, alias)
    return AliasHistory(name, alias, record.version, record.history)


# Whether versions hold ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking versions.

    Attributes
    ----------
    store : str
    versions : tuple of Verification
    aliases : tuple of str
        What is wrong with aliases; looked at when every version is checked.
    """

    store: str
    versions: tuple[Verification, ...]
    aliases: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What does not hold, one sentence each."""
        return (*(problem for version in self.versions for problem in version.problems), *self.aliases)

    def require(self) -> None:
        """Refuse what does not hold.

        Raises
        ------
        TamperedError
            Naming the first file that does not hold, and how many versions are concerned.
        """
        if not self.problems:
            return
        bad = [version for version in self.versions if not version.ok]
        counted = f"{len(bad)} of {len(self.versions)} versions do not hold: " if len(bad) > 1 else ""
        raise TamperedError(
            f"{counted}{self.problems[0]}", hint=_SIGN_IT if bad and _only_unsigned(bad[0]) else _RESTORE_IT
        )


_RESTORE_IT = "restore it from a copy, or point its aliases elsewhere with `scorekit models promote`"
_SIGN_IT = "sign it with `scorekit models sign`, or add the key that did to SCOREKIT_TRUSTED_KEYS"


def _only_unsigned(version: Verification) -> bool:
    whole = version.digest is not None and all(file.state == "ok" for file in version.files)
    return whole and version.signing.standing in ("unsigned", "untrusted")


def verify(
    references: Sequence[str] = (), *, store: str | None = None, progress: Progress | None = None
) -> Checked:
    """Check every hash and the signature of versions, of all there are if none is named.

    Raises
    ------
    ModelNotFound
        If there is no such version, or nothing to check at all.
    """
    opened = Store.open(store)
    progress = progress or Silent()
    refs = [opened.resolve(reference) for reference in references] or _all(opened)
    progress.stage("verify", len(refs), "versions")
    checked = []
    for ref in dict.fromkeys(refs):
        checked.append(_verified(opened, ref))
        progress.advance()
    return Checked(opened.uri, tuple(checked), () if references else _alias_problems(opened, refs))


def _all(store: Store) -> list[Ref]:
    refs = [Ref(name, version) for name in store.names() for version in store.versions(name)]
    if not refs:
        raise ModelNotFound(f"{store.uri} holds no model", hint="make one with `scorekit train`")
    return refs


def _verified(store: Store, ref: Ref) -> Verification:
    """A version that cannot be read by this scorekit keeps no other from being checked."""
    try:
        return store.verify(ref)
    except ModelError as error:
        return Verification(ref, None, (), Signing("unchecked"), (error.message,))


def _alias_problems(store: Store, refs: Sequence[Ref]) -> tuple[str, ...]:
    found: list[str] = []
    for name in dict.fromkeys(ref.name for ref in refs):
        aliases = _aliases(store, name)
        there = {ref.version for ref in refs if ref.name == name}
        found += [*aliases.problems, *_dangling(name, aliases.at, there)]
    return tuple(found)
