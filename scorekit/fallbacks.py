"""Which fallback answers for a model: what the policy declares, as far as the version learned it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from scorekit.errors import UsageError
from scorekit.model import Model, load
from scorekit.policy import Policy

if TYPE_CHECKING:
    from scorekit.answering import Answering
    from scorekit.quality.baseline import Baseline, Bins
    from scorekit.quality.fallback import Fallback, Rung, RungSettings
    from scorekit.scoring import Scorer


def answering_of(model: Model, policy: Policy, *, required: bool) -> Answering | None:
    """The declared fallback of a model, ready to answer.

    Parameters
    ----------
    model : Model
    policy : Policy
        Its ladder; where it declares none, the one the version was trained with.
    required : bool
        Whether a failed window is to be answered by it.

    Returns
    -------
    Answering or None
        None where nobody declared a fallback.

    Raises
    ------
    UsageError
        If it is required and there is none, or a rung was not learned at training.
    """
    if not policy.ladder and not required:
        return None
    fallback = _declared(model, policy.ladder) if policy.ladder else model.fallback
    if fallback is None or not fallback.rungs:
        raise UsageError(
            f"a failed window is to be answered by the fallback, and {_named(model)} has none",
            hint="declare one as [fallback] in scorekit.toml, and train with it",
            code="no_fallback",
        )
    from scorekit.answering import Answering

    versions = {place: _other(model, reference) for place, reference in fallback.versions.items()}
    return Answering(fallback, model.manifest.inputs, versions)


def _declared(model: Model, ladder: Sequence[RungSettings]) -> Fallback:
    """The rungs of a ladder, as the version learned them."""
    from scorekit.quality.fallback import Fallback

    rungs = tuple(_learned(model, rung) for rung in ladder)
    scoring = model.manifest.scoring
    return Fallback(outputs=scoring.columns, probabilities=scoring.meaning == "probability", rungs=rungs)


def _learned(model: Model, asked: RungSettings) -> Rung:
    from scorekit.quality.fallback import NullRung, VersionRung, is_of

    if asked.version is not None:
        return VersionRung(version=asked.version)
    if asked.null:
        return NullRung()
    if asked.mean and model.baseline is not None:
        return _mean(model, model.baseline)
    for rung in model.fallback.rungs if model.fallback else ():
        if is_of(rung, asked):
            return rung
    raise UsageError(
        f"{_named(model)} has not learned the rung {asked.kind} of the fallback at training",
        hint="train again with this scorekit.toml: what stands in for a model is held against it first",
        code="no_fallback",
    )


def _mean(model: Model, baseline: Baseline) -> Rung:
    """The mean score, which needs no learning."""
    from scorekit.quality.fallback import MeanRung, Validation

    means = tuple(bins.mean for bins in baseline.scores if bins.mean is not None)
    if len(means) < len(model.manifest.scoring.columns):
        raise UsageError(
            f"{_named(model)} has no mean score in its baseline for {{ mean = true }} to answer",
            hint="make a baseline of rows that it scores: `scorekit quality baseline`",
            code="no_fallback",
        )
    rows = baseline.rows
    exact = Validation(rows=rows, mean=means, model_mean=means, tolerance=(0.0,) * len(means))
    names = [bins.name for bins in baseline.scores]
    answers = tuple(_constant(name, mean, rows) for name, mean in zip(names, means, strict=True))
    return MeanRung(values=means, validation=exact, answers=answers)


def _constant(name: str, value: float, rows: int) -> Bins:
    """Bins of a column that has one value in all rows."""
    from scorekit.quality.baseline import numeric_bins

    one = numeric_bins(name, np.array([value]))
    return replace(one, counts=tuple(rows * count for count in one.counts))


def _other(model: Model, reference: str) -> Scorer:
    """The scorer of another version that answers for this one."""
    if reference.endswith("@previous"):
        reference = _previous(model, reference)
    other = load(reference, store=model.store)
    ours, theirs = model.manifest, other.manifest
    if (ours.name, ours.version) == (theirs.name, theirs.version):
        raise UsageError(
            f"{_named(model)} cannot stand in for itself, and {reference} is the same version",
            hint="name another one, such as NAME@previous",
            code="no_fallback",
        )
    if (ours.scoring.columns, ours.scoring.meaning) != (theirs.scoring.columns, theirs.scoring.meaning):
        raise UsageError(
            f"{_named(other)} cannot answer for {_named(model)}: its scores are others", code="no_fallback"
        )
    lacking = [name for name in theirs.inputs.names if name not in ours.inputs.names]
    if lacking:
        raise UsageError(
            f"{_named(other)} cannot answer for {_named(model)}: it needs the column {lacking[0]!r}",
            code="no_fallback",
        )
    return other.scorer


def _previous(model: Model, reference: str) -> str:
    """The newest version of a name before this one: what ``name@previous`` means."""
    from scorekit.store.versions import Store

    name = reference.removesuffix("@previous")
    before = [
        version
        for version in Store.open(model.store).versions(name)
        if name != model.manifest.name or version < model.manifest.version
    ]
    if not before:
        raise UsageError(f"there is no version of {name} before {_named(model)}", code="no_fallback")
    return f"{name}:{max(before)}"


def _named(model: Model) -> str:
    return f"{model.manifest.name}:{model.manifest.version}"
