"""Every scikit-learn class that has a compiled form.

One more takes one function in the module of its family and one row here. A
function gets the builder, the fitted object and its input columns, and returns:

- for a transformer (``TRANSFORMERS``), the output columns;
- for a predictor (``PREDICTORS``), the number of a value: for ``predict_proba``
  of shape (n_rows, n_classes), for ``decision_function`` (n_rows, 1) or
  (n_rows, n_classes), for ``predict`` of a regressor (n_rows, 1). Which of them is
  asked for is the argument ``method``.

Classes are named, not imported: compiling a linear model must not import every
part of scikit-learn. A subclass is another class and has no compiled form until it
is listed, for it may do anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from typing import Any

from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Column, NotLowered

TRANSFORMERS: dict[str, str] = {
    # class, without its private modules -> module and function
    "sklearn.pipeline.Pipeline": "structure:pipeline",
    "sklearn.pipeline.FeatureUnion": "structure:feature_union",
    "sklearn.frozen.FrozenEstimator": "meta:frozen_transformer",
    "sklearn.compose.ColumnTransformer": "structure:column_transformer",
    "sklearn.impute.SimpleImputer": "missing:simple_imputer",
    "sklearn.impute.MissingIndicator": "missing:missing_indicator",
    "sklearn.preprocessing.StandardScaler": "numeric:standard_scaler",
    "sklearn.preprocessing.MinMaxScaler": "numeric:min_max_scaler",
    "sklearn.preprocessing.MaxAbsScaler": "numeric:max_abs_scaler",
    "sklearn.preprocessing.RobustScaler": "numeric:robust_scaler",
    "sklearn.preprocessing.KBinsDiscretizer": "numeric:k_bins_discretizer",
    "sklearn.preprocessing.PolynomialFeatures": "numeric:polynomial_features",
    "sklearn.preprocessing.PowerTransformer": "numeric:power_transformer",
    "sklearn.preprocessing.QuantileTransformer": "numeric:quantile_transformer",
    "sklearn.preprocessing.FunctionTransformer": "numeric:function_transformer",
    "scorekit.engine.dates.DateParts": "numeric:date_parts",
    "sklearn.preprocessing.OneHotEncoder": "categorical:one_hot_encoder",
    "sklearn.preprocessing.OrdinalEncoder": "categorical:ordinal_encoder",
    "sklearn.preprocessing.TargetEncoder": "categorical:target_encoder",
}

PREDICTORS: dict[str, str] = {
    "sklearn.pipeline.Pipeline": "structure:pipeline_predictor",
    "sklearn.linear_model.LinearRegression": "linear:linear_regressor",
    "sklearn.linear_model.Ridge": "linear:linear_regressor",
    "sklearn.linear_model.RidgeCV": "linear:linear_regressor",
    "sklearn.linear_model.Lasso": "linear:linear_regressor",
    "sklearn.linear_model.LassoCV": "linear:linear_regressor",
    "sklearn.linear_model.LassoLars": "linear:linear_regressor",
    "sklearn.linear_model.LassoLarsCV": "linear:linear_regressor",
    "sklearn.linear_model.LassoLarsIC": "linear:linear_regressor",
    "sklearn.linear_model.Lars": "linear:linear_regressor",
    "sklearn.linear_model.LarsCV": "linear:linear_regressor",
    "sklearn.linear_model.ElasticNet": "linear:linear_regressor",
    "sklearn.linear_model.ElasticNetCV": "linear:linear_regressor",
    "sklearn.linear_model.OrthogonalMatchingPursuit": "linear:linear_regressor",
    "sklearn.linear_model.OrthogonalMatchingPursuitCV": "linear:linear_regressor",
    "sklearn.linear_model.BayesianRidge": "linear:linear_regressor",
    "sklearn.linear_model.ARDRegression": "linear:linear_regressor",
    "sklearn.linear_model.HuberRegressor": "linear:linear_regressor",
    "sklearn.linear_model.QuantileRegressor": "linear:linear_regressor",
    "sklearn.linear_model.TheilSenRegressor": "linear:linear_regressor",
    "sklearn.linear_model.SGDRegressor": "linear:linear_regressor",
    "sklearn.svm.LinearSVR": "linear:linear_regressor",
    "sklearn.linear_model.PoissonRegressor": "linear:generalized_regressor",
    "sklearn.linear_model.GammaRegressor": "linear:generalized_regressor",
    "sklearn.linear_model.TweedieRegressor": "linear:generalized_regressor",
    "sklearn.linear_model.LogisticRegression": "linear:logistic_regression",
    "sklearn.linear_model.LogisticRegressionCV": "linear:logistic_regression",
    "sklearn.linear_model.SGDClassifier": "linear:sgd_classifier",
    "sklearn.linear_model.RidgeClassifier": "linear:linear_classifier",
    "sklearn.linear_model.RidgeClassifierCV": "linear:linear_classifier",
    "sklearn.linear_model.Perceptron": "linear:linear_classifier",
    "sklearn.svm.LinearSVC": "linear:linear_classifier",
    "sklearn.naive_bayes.GaussianNB": "bayes:gaussian_nb",
    "sklearn.calibration.CalibratedClassifierCV": "meta:calibrated_classifier",
    "sklearn.ensemble.VotingClassifier": "meta:voting_classifier",
    "sklearn.ensemble.VotingRegressor": "meta:voting_regressor",
    "sklearn.ensemble.StackingClassifier": "meta:stacking",
    "sklearn.ensemble.StackingRegressor": "meta:stacking",
    "sklearn.compose.TransformedTargetRegressor": "meta:transformed_target",
    "sklearn.multiclass.OneVsRestClassifier": "meta:one_vs_rest",
    "sklearn.model_selection.GridSearchCV": "meta:search",
    "sklearn.model_selection.RandomizedSearchCV": "meta:search",
    "sklearn.model_selection.HalvingGridSearchCV": "meta:search",
    "sklearn.model_selection.HalvingRandomSearchCV": "meta:search",
    "sklearn.model_selection.FixedThresholdClassifier": "meta:threshold_classifier",
    "sklearn.model_selection.TunedThresholdClassifierCV": "meta:threshold_classifier",
    "sklearn.frozen.FrozenEstimator": "meta:frozen",
    "sklearn.dummy.DummyClassifier": "meta:dummy_classifier",
    "sklearn.dummy.DummyRegressor": "meta:dummy_regressor",
    "sklearn.tree.DecisionTreeClassifier": "trees:tree",
    "sklearn.tree.DecisionTreeRegressor": "trees:tree",
    "sklearn.tree.ExtraTreeClassifier": "trees:tree",
    "sklearn.tree.ExtraTreeRegressor": "trees:tree",
    "sklearn.ensemble.RandomForestClassifier": "trees:forest",
    "sklearn.ensemble.RandomForestRegressor": "trees:forest",
    "sklearn.ensemble.ExtraTreesClassifier": "trees:forest",
    "sklearn.ensemble.ExtraTreesRegressor": "trees:forest",
    "sklearn.ensemble.GradientBoostingClassifier": "trees:gradient_boosting",
    "sklearn.ensemble.GradientBoostingRegressor": "trees:gradient_boosting",
    "sklearn.ensemble.HistGradientBoostingClassifier": "trees:hist_gradient_boosting",
    "sklearn.ensemble.HistGradientBoostingRegressor": "trees:hist_gradient_boosting",
    "sklearn.ensemble.IsolationForest": "trees:isolation_forest",
}


def transform(builder: Builder, transformer: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Lower a fitted transformer.

    Raises
    ------
    NotLowered
        If its class, or one of its settings, has no compiled form.
    """
    with builder.lowering(transformer):
        made: tuple[Column, ...] = _function(TRANSFORMERS, transformer)(builder, transformer, columns)
    return made


def predict(builder: Builder, estimator: Any, columns: Sequence[Column], method: str) -> int:
    """Lower ``method`` of a fitted predictor.

    Raises
    ------
    NotLowered
        If its class, or one of its settings, has no compiled form.
    """
    with builder.lowering(estimator):
        value: int = _function(PREDICTORS, estimator)(builder, estimator, columns, method)
    return value


def _function(table: dict[str, str], fitted: Any) -> Any:
    place = table.get(public_name(type(fitted)))
    if place is None:
        raise NotLowered(fitted, "has no compiled form")
    module, function = place.split(":")
    return getattr(import_module(f"scorekit.engine.lowering.{module}"), function)


def public_name(cls: type) -> str:
    """A class's import path down to the first private module: ``sklearn.tree.DecisionTreeClassifier``."""
    parts = takewhile(lambda part: not part.startswith("_"), cls.__module__.split("."))
    return ".".join([*parts, cls.__qualname__])
