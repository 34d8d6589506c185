"""Trees and ensembles of them.

All but histogram boosting convert their input to float32, and compare that with
float64 thresholds. Leaves are added in scikit-learn's order, so sums have its bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.tree_layout import Tree, layout
from scorekit.engine.lowering.values import Coded, Column, NotLowered

_NO_ROWS = np.zeros((0, 0))

_FITTED_ON_SINGLES = (
    "sklearn.tree.",
    "sklearn.ensemble.RandomForest",
    "sklearn.ensemble.ExtraTrees",
    "sklearn.ensemble.GradientBoosting",
)
"""Classes that do the same with the float32 matrix an ``init`` estimator is given as with float64."""


def tree(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``DecisionTree`` and ``ExtraTree``, ``Classifier`` and ``Regressor``: the leaf a row falls into."""
    leaves = _leaf_values(builder, fitted, method)
    checked = builder.check(columns, nan=fitted._support_missing_values(_NO_ROWS), single=True)
    return _add(builder, checked, [_fitted_tree(fitted.tree_, leaves(fitted))])


def forest(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``RandomForest`` and ``ExtraTrees``, ``Classifier`` and ``Regressor``: the mean over trees."""
    leaves = _leaf_values(builder, fitted, method)
    nan = fitted.estimators_[0]._support_missing_values(_NO_ROWS)
    checked = builder.check(columns, nan=nan, single=True)
    trees = [_fitted_tree(member.tree_, leaves(member)) for member in fitted.estimators_]
    total = _add(builder, checked, trees)
    width = trees[0].values.shape[1]
    return builder.step("affine", total, scale=np.full(width, float(len(trees))))


def isolation_forest(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``IsolationForest``: ``score_samples`` and ``decision_function``."""
    from sklearn.ensemble._iforest import _average_path_length

    if method not in ("score_samples", "decision_function"):
        raise builder.not_lowered(f"{method} has no compiled form")
    trees = [
        _fitted_tree(member.tree_, (lengths + mean - 1.0)[:, None], np.asarray(features))
        for member, features, lengths, mean in zip(
            fitted.estimators_,
            fitted.estimators_features_,
            fitted._decision_path_lengths,
            fitted._average_path_length_per_tree,
            strict=True,
        )
    ]
    total = _add(builder, columns, trees)
    largest = len(trees) * float(_average_path_length([fitted._max_samples])[0])
    score = builder.step("anomaly", total, largest=largest)
    if method == "score_samples":
        return score
    return builder.step("affine", score, center=np.array([float(fitted.offset_)]))


def gradient_boosting(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``GradientBoostingClassifier``, ``GradientBoostingRegressor``."""
    checked = builder.check(columns, nan=False, single=True)
    start, begin = _initial(builder, fitted, checked)
    trees = [
        _fitted_tree(member.tree_, fitted.learning_rate * member.tree_.value[:, 0, :])
        for member in fitted.estimators_.ravel()
    ]
    raw = _add(builder, checked, trees, start=start, begin=begin)
    return _answer(builder, fitted, raw, method)


def hist_gradient_boosting(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``HistGradientBoostingClassifier``, ``HistGradientBoostingRegressor``: NaN and infinities pass."""
    columns, categories = _native_categories(builder, fitted, columns)
    trees = [_fitted_histogram_tree(member) for members in fitted._predictors for member in members]
    raw = _add(
        builder,
        columns,
        trees,
        start=np.ravel(fitted._baseline_prediction).astype(np.float64),
        single=False,
        categories=categories,
    )
    return _answer(builder, fitted, raw, method)


# Sums over trees ----------------------------------------------------------------------


def _add(
    builder: Builder,
    columns: Sequence[Column],
    trees: Sequence[Tree],
    *,
    start: NDArray[np.float64] | None = None,
    begin: int | None = None,
    single: bool = True,
    categories: Mapping[int, int] | None = None,
) -> int:
    """Value of the sum over trees, from ``start`` or the value ``begin`` on."""
    nan = np.array([_may_be_missing(column) for column in columns])
    arrays = layout(trees, nan=nan, categories=categories)
    start = np.zeros(trees[0].values.shape[1]) if start is None else start
    inputs = [builder.matrix(columns)] + ([] if begin is None else [begin])
    return builder.step("trees", *inputs, start=start, single=single, **arrays)


def _may_be_missing(column: Column) -> bool:
    if isinstance(column, Coded):
        return any(thing is None or thing != thing for thing in column.domain)
    return column.nan


def _leaf_values(builder: Builder, fitted: Any, method: str) -> Any:
    """What gives the leaf values of a tree like ``fitted`` for a method."""
    if fitted.n_outputs_ != 1:
        raise builder.not_lowered("has more than one target")
    wanted = "predict_proba" if hasattr(fitted, "classes_") else "predict"
    if method != wanted:
        raise builder.not_lowered(f"{method} has no compiled form")
    return lambda member: member.tree_.value[:, 0, :]


def _fitted_tree(fitted: Any, values: NDArray[np.float64], features: NDArray[np.int64] | None = None) -> Tree:
    """A ``sklearn.tree._tree.Tree``; ``features`` are the matrix columns it was shown, if not all."""
    nodes = fitted.__getstate__()["nodes"]
    left = nodes["left_child"].astype(np.int64)
    feature = nodes["feature"].astype(np.int64)
    if features is not None:
        feature = features[np.where(left < 0, 0, feature)]
    return Tree(
        feature=feature,
        threshold=nodes["threshold"].astype(np.float64),
        left=left,
        right=nodes["right_child"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        values=values,
    )


def _fitted_histogram_tree(fitted: Any) -> Tree:
    """A ``TreePredictor`` of histogram boosting."""
    nodes = fitted.nodes
    leaf = nodes["is_leaf"].astype(bool)
    is_set = nodes["is_categorical"].astype(bool) & ~leaf
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        values=nodes["value"].astype(np.float64)[:, None],
        set_row=np.where(is_set, nodes["bitset_idx"].astype(np.int64), -1),
        sets=fitted.raw_left_cat_bitsets,
    )


# What goes in and comes out -----------------------------------------------------------


def _native_categories(
    builder: Builder, fitted: Any, columns: Sequence[Column]
) -> tuple[Sequence[Column], dict[int, int]]:
    """The columns trees split on, and how many categories those have that are categories.

    The fitted encoder knows every category, so one it does not know is missing by
    the time it reaches a tree, and every other is a number from 0.
    """
    if fitted.is_categorical_ is None:
        return columns, {}
    encoder = fitted._preprocessor.named_transformers_["encoder"]
    native = [column for column, is_native in zip(columns, fitted.is_categorical_, strict=True) if is_native]
    others = [
        column for column, is_native in zip(columns, fitted.is_categorical_, strict=True) if not is_native
    ]
    encoded = table.transform(builder, encoder, native) if native else ()
    known = fitted._check_categories()
    return (*encoded, *others), {
        column: len(codes) for column, codes in enumerate(known) if codes is not None
    }


def _answer(builder: Builder, fitted: Any, raw: int, method: str) -> int:
    """The method's answer from the sums, by the link of the loss."""
    link = type(fitted._loss.link).__name__
    if method == "decision_function" or (method == "predict" and link == "IdentityLink"):
        return raw
    if method == "predict" and link == "LogLink":
        return builder.step("function", raw, name="exp")
    if method == "predict_proba" and link == "LogitLink":
        return builder.step("binary_sigmoid", raw)
    if method == "predict_proba" and link == "HalfLogitLink":
        return builder.step("binary_sigmoid", builder.step("affine", raw, scale=np.array([0.5])))
    if method == "predict_proba" and link == "MultinomialLogit":
        return builder.step("softmax", raw)
    raise builder.not_lowered(f"{method} has no compiled form for {link}")


def _initial(
    builder: Builder, fitted: Any, columns: Sequence[Column]
) -> tuple[NDArray[np.float64], int | None]:
    """Where the sums of gradient boosting begin: numbers, and a value if an estimator gives them."""
    from sklearn.ensemble._gb import _init_raw_predictions

    init = fitted.init_
    classifies = hasattr(fitted, "classes_")
    start = np.zeros(fitted.estimators_.shape[1])
    if isinstance(init, str):
        return start, None
    name = table.public_name(type(init))
    if name.startswith("sklearn.dummy."):
        row = np.zeros((1, fitted.n_features_in_), dtype=np.float32)
        return np.ravel(_init_raw_predictions(row, init, fitted._loss, classifies)), None
    if not name.startswith(_FITTED_ON_SINGLES):
        raise NotLowered(init, "as `init` works in float32")
    if not classifies:
        return start, table.predict(builder, init, columns, "predict")
    probability = table.predict(builder, init, columns, "predict_proba")
    return start, builder.step("raw_score", probability, link=type(fitted._loss.link).__name__)
