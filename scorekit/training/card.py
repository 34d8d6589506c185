"""The model card: what a version says of itself, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scorekit.schema import Feature
from scorekit.store.manifest import METRIC_NAMES, Manifest

_MOST_FEATURES = 200
_MOST_LEVELS = 8


def card(manifest: Manifest) -> str:
    """A version's card in Markdown.

    Parameters
    ----------
    manifest : Manifest
        Before it is published; the card does not know its version's number.
    """
    parts = [
        f"# {manifest.name}",
        _what(manifest),
        "## Data\n\n" + _data(manifest),
        "## How good it is\n\n" + _metrics(manifest),
        _calibration(manifest),
        "## Inputs\n\n" + _features(manifest),
        "## Limits\n\n" + _limits(manifest),
        "## Scoring\n\n" + _scoring(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(manifest: Manifest) -> str:
    meaning = {
        "probability": "a probability between 0 and 1",
        "decision": "a decision value: the larger, the likelier",
        "value": "the predicted value",
    }[manifest.scoring.meaning]
    task = {
        "binary": f"Tells the two classes of `{manifest.target}` apart; the score speaks for "
        f"`{manifest.positive}`",
        "multiclass": f"Tells the {len(manifest.classes)} classes of `{manifest.target}` apart, with a score "
        "for each",
        "regression": f"Predicts the number `{manifest.target}`",
    }[manifest.task]
    return (
        f"{task}. A score is {meaning}. Made on {manifest.created[:10]}; the estimator is {_model(manifest)}."
    )


def _model(manifest: Manifest) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in manifest.params.items())
    return f"`{manifest.estimator}` with {shown}" if shown else f"`{manifest.estimator}`"


def _data(manifest: Manifest) -> str:
    training = manifest.training
    features = "1 feature" if training.columns == 1 else f"{training.columns:,} features"
    lines = [f"{training.rows:,} rows and {features}"]
    if training.holdout_rows:
        lines[0] += f", and {training.holdout_rows:,} rows kept back"
    lines[0] += "."
    if training.period:
        lines.append(f"From {training.period[0]} to {training.period[1]}.")
    lines += [f"- `{file.uri}`, SHA-256 `{file.sha256}`" for file in training.files]
    lines.append(f"- fingerprint of the rows: `{training.fingerprint}`")
    return "\n".join(lines)


def _metrics(manifest: Manifest) -> str:
    metrics = manifest.metrics
    columns = [
        (f"{metrics.folds}-fold cross-validation", metrics.cross_validated),
        ("holdout", metrics.holdout),
    ]
    shown = [(title, values) for title, values in columns if values is not None]
    if not shown:
        return "It was not measured."
    names = list(dict.fromkeys(name for _, values in shown for name in values))
    rows = [
        [METRIC_NAMES.get(name, name), *(_number(values.get(name)) for _, values in shown)] for name in names
    ]
    return _table(["", *(title for title, _ in shown)], rows)


def _calibration(manifest: Manifest) -> str:
    table = manifest.metrics.calibration
    if not table:
        return ""
    rows = [[_number(one.score), _number(one.observed), f"{one.rows:,}"] for one in table]
    return "## Calibration\n\n" + _table(["mean score", "observed", "rows"], rows)


def _features(manifest: Manifest) -> str:
    features = manifest.inputs.features
    rows = [
        [f"`{_cell(feature.name)}`", feature.kind, _range(feature), "yes" if feature.nullable else "no"]
        for feature in features[:_MOST_FEATURES]
    ]
    text = _table(["column", "kind", "in training", "missing"], rows)
    if len(features) > _MOST_FEATURES:
        text += f"\n\nand {len(features) - _MOST_FEATURES:,} more."
    return text


def _range(feature: Feature) -> str:
    if feature.kind == "category":
        shown = ", ".join(_cell(level) for level in feature.levels[:_MOST_LEVELS])
        more = len(feature.levels) - _MOST_LEVELS
        return f"{shown} and {more} more" if more > 0 else shown
    return feature.span


def _limits(manifest: Manifest) -> str:
    lines = [
        "- It knows what was in its training rows; beyond the ranges above it is untried.",
        "- A category it has not seen is scored and flagged `unseen`.",
    ]
    if manifest.task == "binary" and manifest.scoring.meaning == "decision":
        lines.append("- Its scores are no probabilities.")
    if manifest.metrics.holdout is None and manifest.metrics.cross_validated is None:
        lines.append("- It was not measured on rows it had not seen.")
    return "\n".join(lines)


def _scoring(manifest: Manifest) -> str:
    scoring = manifest.scoring
    if scoring.proof is not None:
        how = (
            f"Scored by the compiled model, proved against scikit-learn on {scoring.proof.rows:,} rows "
            f"(largest relative difference {scoring.proof.largest_difference:.1e})."
        )
    else:
        how = f"Scored by scikit-learn itself: {scoring.not_lowered}."
    return (
        f"{how}\n\n```\nscorekit score DATA -m {manifest.name}:VERSION --store STORE\n```\n\n"
        f"VERSION is the number of the folder this card lies in, STORE what holds `{manifest.name}`; "
        "`models`, unless it is said."
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)
