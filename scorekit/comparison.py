"""How two versions differ, as their manifests tell it.

One table says what is compared: a topic and the function that finds its differences.
What is the same is left out, but for the metrics, which are wanted side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from scorekit.schema import Feature
from scorekit.store.manifest import Manifest
from scorekit.store.versions import Ref, Store
from scorekit.versions import MeasuredOn


class Nothing(Enum):
    """What stands where a version has no such thing; None is a value that a parameter may have."""

    ABSENT = "absent"


ABSENT: Literal[Nothing.ABSENT] = Nothing.ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not the same in both.

    Attributes
    ----------
    topic : str
        A key of ``TOPICS``.
    what : str
        Dotted where it is inside of something: ``params.max_iter``.
    a, b : str, int, float, bool, None, list of them, or ABSENT
    """

    topic: str
    what: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of both; None where it was not measured."""

    measured_on: MeasuredOn
    name: str
    a: float | None
    b: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two versions differ.

    Attributes
    ----------
    a, b : Ref
    store : str
    created : tuple of str
        When each was made.
    changes : tuple of Change
        By topic.
    metrics : tuple of Measured
    comparable : bool
        Whether the metrics are of the same rows of the same data.
    """

    a: Ref
    b: Ref
    store: str
    created: tuple[str, str]
    changes: tuple[Change, ...]
    metrics: tuple[Measured, ...]
    comparable: bool

    @property
    def same(self) -> bool:
        """Whether nothing differs but names, numbers and times."""
        return not self.changes and all(metric.a == metric.b for metric in self.metrics)


def compare(a: str, b: str, *, store: str | None = None) -> Comparison:
    """Compare two versions by their references.

    Raises
    ------
    ModelNotFound, TamperedError, VersionMismatch
        As the store has it.
    """
    opened = Store.open(store)
    refs = opened.resolve(a), opened.resolve(b)
    old, new = (opened.inspect(ref)[0] for ref in refs)
    return Comparison(
        a=refs[0],
        b=refs[1],
        store=opened.uri,
        created=(old.created, new.created),
        changes=tuple(
            Change(topic, *found) for topic, differences in TOPICS.items() for found in differences(old, new)
        ),
        metrics=tuple(_metrics(old, new)),
        comparable=_measured_on_the_same_rows(old, new),
    )


Found = tuple[str, Any, Any]


def _data(a: Manifest, b: Manifest) -> Iterator[Found]:
    def told(manifest: Manifest) -> dict[str, Any]:
        training = manifest.training
        return {
            "files": [file.uri for file in training.files],
            "sha256": [file.sha256 for file in training.files],
            "fingerprint": training.fingerprint,
            "rows": training.rows,
            "rows kept back": training.holdout_rows,
            "period": " to ".join(training.period) if training.period else ABSENT,
        }

    return _between(told(a), told(b))


def _target(a: Manifest, b: Manifest) -> Iterator[Found]:
    def told(manifest: Manifest) -> dict[str, Any]:
        return {name: manifest.plain()[name] for name in ("task", "target", "classes", "positive")}

    return _between(told(a), told(b))


def _inputs(a: Manifest, b: Manifest) -> Iterator[Found]:
    """Columns that are new or gone first, then types, then what was seen in them."""
    old, new = ({feature.name: feature for feature in each.inputs.features} for each in (a, b))
    for name in _either(old, new):
        if name not in old or name not in new:
            yield name, _kind(old.get(name)), _kind(new.get(name))
    both = [name for name in old if name in new]
    if both != [name for name in new if name in old]:
        yield "order of columns", list(old), list(new)
    yield from _between({"na_values": list(a.inputs.na_values)}, {"na_values": list(b.inputs.na_values)})
    for attribute, told in _ATTRIBUTES.items():
        for name in both:
            if told(old[name]) != told(new[name]):
                yield f"{name}: {attribute}", told(old[name]), told(new[name])


_ATTRIBUTES: dict[str, Callable[[Feature], Any]] = {
    "kind": lambda feature: feature.kind,
    "type": lambda feature: feature.arrow_type,
    "dictionary": lambda feature: feature.dictionary,
    "missing values": lambda feature: feature.nullable,
    "levels": lambda feature: list(feature.levels),
    "range": lambda feature: feature.span or ABSENT,
}
"""What is compared of a column that both have."""


def _kind(feature: Feature | None) -> Any:
    return ABSENT if feature is None else f"{feature.kind} ({feature.arrow_type})"


def _recipe(a: Manifest, b: Manifest) -> Iterator[Found]:
    def told(manifest: Manifest) -> dict[str, Any]:
        given = {key: value for key, value in manifest.recipe.items() if value is not None}
        return {key: value for key, value in _flat(given).items() if key not in _NO_RECIPE}

    return _between(told(a), told(b))


_NO_RECIPE = frozenset({"name", "target", "positive", "task", "source.text", "search.candidates"})
"""Fields of a recipe that are compared elsewhere, or are too long where a hash tells."""


def _scoring(a: Manifest, b: Manifest) -> Iterator[Found]:
    def told(manifest: Manifest) -> dict[str, Any]:
        scoring = manifest.scoring
        return {
            "engine": scoring.engine,
            "not compiled": _or_absent(scoring.not_lowered),
            "compiled digest": _or_absent(scoring.digest),
            "asks for": scoring.method,
            "a score is": scoring.meaning,
            "score columns": list(scoring.columns),
        }

    return _between(told(a), told(b))


def _environment(a: Manifest, b: Manifest) -> Iterator[Found]:
    def told(manifest: Manifest) -> dict[str, Any]:
        found = _flat(manifest.environment.plain())
        return {key: value for key, value in found.items() if value is not None}

    return _between(told(a), told(b))


TOPICS: dict[str, Callable[[Manifest, Manifest], Iterable[Found]]] = {
    "data": _data,
    "target": _target,
    "inputs": _inputs,
    "recipe": _recipe,
    "scoring": _scoring,
    "environment": _environment,
}
"""What is compared, in the order it is shown."""


def _metrics(a: Manifest, b: Manifest) -> Iterator[Measured]:
    pairs: list[tuple[MeasuredOn, dict[str, float] | None, dict[str, float] | None]] = [
        ("cross_validated", a.metrics.cross_validated, b.metrics.cross_validated),
        ("holdout", a.metrics.holdout, b.metrics.holdout),
    ]
    for measured_on, old, new in pairs:
        for name in _either(old or {}, new or {}):
            yield Measured(measured_on, name, (old or {}).get(name), (new or {}).get(name))


def _measured_on_the_same_rows(a: Manifest, b: Manifest) -> bool:
    def split(manifest: Manifest) -> tuple[Any, ...]:
        how = tuple(manifest.recipe.get(key) for key in ("holdout", "time_column", "cv", "seed"))
        return (manifest.training.fingerprint, manifest.target, *how)

    return split(a) == split(b)


def _between(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Found]:
    for key in _either(a, b):
        old, new = a.get(key, ABSENT), b.get(key, ABSENT)
        if old != new:
            yield key, old, new


def _either(a: Iterable[str], b: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*a, *b]))


def _flat(content: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{within}{key}.")
        else:
            found[f"{within}{key}"] = value
    return found


def _or_absent(value: str | None) -> Any:
    return ABSENT if value is None else value
