"""Dates and times as numbers a model can use.

Only training imports this module, and whoever loads a pipeline of scikit-learn; a
compiled model does the same by the op ``date_parts``.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin  # noqa: TID253 - no base class without importing it
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: TID253 - as above

from scorekit.engine.numeric_ops import DATE_PARTS, parts_of


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Year, month, day, weekday, hour and days since 1970 of each date column.

    Weekdays count from Monday, 0. Days since 1970 carry the time of day as a fraction;
    the other parts are whole. All are UTC and, where a date is missing, NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> sold = pd.DataFrame({"sold": pd.to_datetime(["2024-02-29 18:00"])})
    >>> DateParts().fit_transform(sold)
    array([[2.024000e+03, 2.000000e+00, 2.900000e+01, 3.000000e+00,
            1.800000e+01, 1.978275e+04]])
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Remember the columns.

        Parameters
        ----------
        X : DataFrame or ndarray of datetime64, shape (n_samples, n_features)
        y : ignored

        Raises
        ------
        ValueError
            If a column does not hold dates.
        """
        validate_data(self, X, skip_check_array=True)
        _microseconds(X)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """The parts of each date.

        Parameters
        ----------
        X : DataFrame or ndarray of datetime64, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, 6 * n_features)
            The parts of the first column, then those of the second, ….

        Raises
        ------
        ValueError
            If a column does not hold dates.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        return parts_of(_microseconds(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """``sold__year``, ``sold__month``, … for a column ``sold``."""
        check_is_fitted(self)
        if input_features is None:
            unnamed = [f"x{number}" for number in range(self.n_features_in_)]
            input_features = getattr(self, "feature_names_in_", unnamed)
        names = [f"{column}__{part}" for column in input_features for part in DATE_PARTS]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def _microseconds(X: Any) -> NDArray[np.int64]:
    """Microseconds since 1970; a missing date is the smallest integer, as in NumPy."""
    dates = np.asarray(X)
    if dates.dtype.kind != "M":
        raise ValueError(f"DateParts needs columns of dates, not of {dates.dtype}")
    return dates.astype("datetime64[us]").astype(np.int64)
