"""Preprocessing made from a schema, as the estimator needs it.

==============  ===========================  ======================  =====================
feature         linear and everything else   trees                   boosting
==============  ===========================  ======================  =====================
numeric         median for missing, scaled   as it is¹               as it is
boolean         commonest for missing        as it is¹               as it is
timestamp       to parts, then as numeric    to parts¹               to parts
category        one-hot                      ordinal                 native categories
==============  ===========================  ======================  =====================

¹ median for missing where the estimator refuses missing values.

A level that training did not see raises no error anywhere: it is no level (one-hot),
-1 (ordinal) or missing (native).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from scorekit.schema import Feature, Schema

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

Family = Literal["linear", "trees", "boosting"]

ONE_HOT_LEVELS = 100
"""Levels of a one-hot column; rarer ones share a column."""

NATIVE_LEVELS = 255
"""Levels HistGradientBoosting takes in one column; rarer ones share a level."""

DENSE_WIDTH = 2000
"""One-hot columns altogether up to which a dense matrix is made."""

UNSEEN_ORDINAL = -1
MISSING_ORDINAL = -2


def family(estimator: Any) -> Family:
    """What kind of input an estimator wants."""
    from sklearn import ensemble, tree

    boosting = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
    if isinstance(estimator, boosting):
        return "boosting"
    forests = (ensemble.RandomForestClassifier, ensemble.RandomForestRegressor)
    extra = (ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor)
    boosted = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)
    trees = (tree.BaseDecisionTree, *forests, *extra, *boosted)
    return "trees" if isinstance(estimator, trees) else "linear"


def make_preprocessing(schema: Schema, estimator: Any) -> ColumnTransformer | Literal["passthrough"]:
    """An unfitted transformer of ``reference.frame`` of the schema.

    Parameters
    ----------
    schema : Schema
    estimator : scikit-learn estimator
        What it prepares for.

    Returns
    -------
    ColumnTransformer or "passthrough"
    """
    from sklearn.compose import ColumnTransformer

    used = [
        (name, make(), [feature.name for feature in features])
        for name, make, features in _PARTS[family(estimator)](schema, estimator)
        if features
    ]
    if all(made == "passthrough" for _, made, _ in used):
        return "passthrough"
    return ColumnTransformer(used)


def categorical_positions(schema: Schema) -> list[int]:
    """Where native categories stand in the output of ``make_preprocessing``: first."""
    return list(range(len(_of(schema, "category"))))


Part = tuple[str, Callable[[], Any], Sequence[Feature]]
"""Name, what makes the transformer, and the features it is for."""


def _of(schema: Schema, kind: str) -> list[Feature]:
    return [feature for feature in schema.features if feature.kind == kind]


def _linear(schema: Schema, estimator: Any) -> list[Part]:
    categories = _of(schema, "category")
    return [
        ("numeric", lambda: _chain(_median(), _scaler()), _of(schema, "numeric")),
        ("boolean", _commonest, _of(schema, "boolean")),
        ("timestamp", lambda: _chain(_parts(), _median(), _scaler()), _of(schema, "timestamp")),
        ("category", lambda: _one_hot(categories, estimator), categories),
    ]


def _trees(schema: Schema, estimator: Any) -> list[Part]:
    from sklearn.utils import get_tags

    nan = get_tags(estimator).input_tags.allow_nan
    return [
        ("numeric", _as_it_is if nan else _median, _of(schema, "numeric")),
        ("boolean", _as_it_is if nan else _commonest, _of(schema, "boolean")),
        ("timestamp", _parts if nan else lambda: _chain(_parts(), _median()), _of(schema, "timestamp")),
        ("category", lambda: _ordinal(UNSEEN_ORDINAL, MISSING_ORDINAL), _of(schema, "category")),
    ]


def _boosting(schema: Schema, estimator: Any) -> list[Part]:  # noqa: ARG001 - one signature for the table
    nan = float("nan")
    categories = _of(schema, "category")
    many = any(len(feature.levels) > NATIVE_LEVELS for feature in categories)
    return [
        ("category", lambda: _ordinal(nan, nan, NATIVE_LEVELS if many else None), categories),
        ("numeric", _as_it_is, _of(schema, "numeric")),
        ("boolean", _as_it_is, _of(schema, "boolean")),
        ("timestamp", _parts, _of(schema, "timestamp")),
    ]


_PARTS = {"linear": _linear, "trees": _trees, "boosting": _boosting}


def _as_it_is() -> str:
    return "passthrough"


def _chain(*steps: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*steps)


def _median() -> Any:
    from sklearn.impute import SimpleImputer

    # a column that happens to be empty in one fold stays a column
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _commonest() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="most_frequent", keep_empty_features=True)


def _scaler() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler()


def _parts() -> Any:
    from scorekit.engine.dates import DateParts

    return DateParts()


def _one_hot(features: Sequence[Feature], estimator: Any) -> Any:
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.utils import get_tags

    many = any(len(feature.levels) > ONE_HOT_LEVELS for feature in features)
    width = sum(min(len(feature.levels), ONE_HOT_LEVELS) for feature in features)
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=ONE_HOT_LEVELS if many else None,
        sparse_output=width > DENSE_WIDTH and get_tags(estimator).input_tags.sparse,
    )


def _ordinal(unseen: float, missing: float, most: int | None = None) -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=unseen,
        encoded_missing_value=missing,
        max_categories=most,
    )
