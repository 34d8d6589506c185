"""From what a user names to an unfitted scikit-learn estimator."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.schema import Schema
from scorekit.store.manifest import Task
from scorekit.training.preprocess import categorical_positions, family, make_preprocessing
from scorekit.training.recipe import DEFAULT_ESTIMATOR, Recipe

ESTIMATORS: dict[str, tuple[str | None, str | None]] = {
    # short name -> classifier, regressor
    "logistic": ("sklearn.linear_model.LogisticRegression", None),
    "ridge": (None, "sklearn.linear_model.Ridge"),
    "tree": ("sklearn.tree.DecisionTreeClassifier", "sklearn.tree.DecisionTreeRegressor"),
    "forest": ("sklearn.ensemble.RandomForestClassifier", "sklearn.ensemble.RandomForestRegressor"),
    "extra-trees": ("sklearn.ensemble.ExtraTreesClassifier", "sklearn.ensemble.ExtraTreesRegressor"),
    "boosting": (
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.ensemble.HistGradientBoostingRegressor",
    ),
}
"""Estimators by short name. ``ridge`` is for numbers only: a ridge classifier gives no probabilities."""

_INSTEAD = {"logistic": "ridge", "ridge": "logistic"}
MODEL_STEP, PREPARE_STEP = "model", "prepare"
_MOST_LISTED = 40


def make_estimator(recipe: Recipe, schema: Schema, task: Task) -> Any:
    """An unfitted pipeline of preprocessing and estimator, with the recipe's parameters.

    Parameters
    ----------
    recipe : Recipe
        Without a user's pipeline; see ``factory`` for those.
    schema : Schema
    task : {"binary", "multiclass", "regression"}

    Raises
    ------
    UsageError
        If there is no such estimator or parameter, or it is for another task.
    """
    from sklearn.pipeline import Pipeline

    named = recipe.estimator or DEFAULT_ESTIMATOR
    model = _instance(named, task)
    check_task(model, task, named)
    estimator = Pipeline([(PREPARE_STEP, make_preprocessing(schema, model)), (MODEL_STEP, model)])
    if family(model) == "boosting":
        model.set_params(categorical_features=categorical_positions(schema) or None)
    return estimator


def _instance(named: str, task: Task) -> Any:
    cls = _class(named, task)
    try:
        return cls()
    except TypeError:
        needed = ", ".join(_needed(cls))
        raise UsageError(
            f"{named} cannot be made without arguments: {needed}",
            hint="make it in a factory of your own and give that as --pipeline MODULE:FACTORY",
        ) from None


def _needed(cls: type) -> list[str]:
    parameters = list(inspect.signature(cls).parameters.values())
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def _class(named: str, task: Task) -> type:
    if named in ESTIMATORS:
        path = ESTIMATORS[named][task == "regression"]
        if path is None:
            kind = "numbers" if task == "regression" else "classes"
            raise UsageError(
                f"{named} does not predict {kind}",
                hint=f"--estimator {_INSTEAD[named]}, or --task if the target was misread",
            )
        return _import(path)
    if "." not in named:
        near = nearest(named, ESTIMATORS)
        known = ", ".join(ESTIMATORS)
        meant = f"did you mean {near}? " if near else ""
        raise UsageError(
            f"no such estimator: {named}",
            hint=f"{meant}known: {known}, or an import path such as sklearn.svm.SVC",
        )
    return _import(named)


def _import(path: str) -> type:
    """A class by its import path."""
    module_name, _, name = path.rpartition(".")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise UsageError(f"no such estimator: {path} ({error})", hint="is the package installed?") from None
    cls = getattr(module, name, None)
    if cls is None:
        near = nearest(name, dir(module))
        raise UsageError(
            f"no such estimator: {module_name} has no {name}",
            hint=f"did you mean {module_name}.{near}?" if near else None,
        )
    if not (isinstance(cls, type) and hasattr(cls, "fit") and hasattr(cls, "get_params")):
        raise UsageError(f"{path} is no scikit-learn estimator", hint="give a class with fit and predict")
    return cls


def check_task(estimator: Any, task: Task, named: str) -> None:
    """Refuse an estimator of another task.

    Raises
    ------
    UsageError
    """
    from sklearn.base import is_classifier, is_regressor

    if task == "regression" and not is_regressor(estimator):
        raise UsageError(
            f"{named} is no regressor, but the target is a number to be predicted",
            hint="give a regressor, or --task classification",
        )
    if task != "regression" and not is_classifier(estimator):
        raise UsageError(
            f"{named} is no classifier, but the target holds classes",
            hint="give a classifier, or --task regression",
        )


def response_method(estimator: Any, task: Task, named: str) -> str:
    """What the estimator is asked for: probabilities, else decisions, else values.

    Raises
    ------
    UsageError
        If a classifier gives neither probabilities nor decisions.
    """
    if task == "regression":
        return "predict"
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return method
    raise UsageError(
        f"{named} gives neither probabilities nor decisions, so it has no score",
        hint="wrap it in sklearn.calibration.CalibratedClassifierCV in a --pipeline of your own",
    )


# Parameters --------------------------------------------------------------------------


def final_step(estimator: Any) -> tuple[str, Any]:
    """The predictor at the end of a pipeline, and the prefix of its parameters."""
    from sklearn.pipeline import Pipeline

    prefix = ""
    while isinstance(estimator, Pipeline):
        prefix += f"{estimator.steps[-1][0]}__"
        estimator = estimator.steps[-1][1]
    return prefix, estimator


def with_params(estimator: Any, params: Mapping[str, Any]) -> Any:
    """Set parameters of the final estimator by their own names, of other steps as ``step__name``.

    Returns
    -------
    estimator
        The same object.

    Raises
    ------
    UsageError
        Naming the nearest known parameter.
    """
    estimator.set_params(**addressed(estimator, params))
    return estimator


def addressed(estimator: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters under the names by which the whole pipeline knows them.

    Raises
    ------
    UsageError
        If one is unknown.
    """
    prefix, final = final_step(estimator)
    own, everything = final.get_params(deep=True), estimator.get_params(deep=True)
    full = {}
    for name, value in params.items():
        if name in own:
            full[prefix + name] = value
        elif name in everything:
            full[name] = value
        else:
            raise _unknown(name, type(final).__name__, own, everything)
    return full


def _unknown(name: str, final: str, own: Iterable[str], everything: Iterable[str]) -> UsageError:
    known = sorted(own)
    near = nearest(name, [*known, *everything])
    shown = ", ".join(known[:_MOST_LISTED]) + (", …" if len(known) > _MOST_LISTED else "")
    meant = f"did you mean {near}? " if near else ""
    return UsageError(f"{final} has no parameter {name}", hint=f"{meant}known: {shown}")


def seed_everything(estimator: Any, seed: int) -> None:
    """Give every ``random_state`` that is not set the seed."""
    unset = {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    if unset:
        estimator.set_params(**unset)
