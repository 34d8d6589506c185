"""The reference engine: scikit-learn itself, in bounded chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.engine.compiled import Scores
from scorekit.engine.flaws import Flaw
from scorekit.schema import UNSEEN, UNSEEN_TEXT, Feature, Schema

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 16_384


def frame(columns: Columns, schema: Schema) -> pd.DataFrame:
    """The data frame scikit-learn sees: what ``pandas.read_parquet`` would make of clean data.

    Numbers and booleans are float64, timestamps ``datetime64[us]``, categories and
    text ``str`` (``category`` where the training data said so), missing is NaN or NaT.
    Names are Python objects: scikit-learn looks at each several times, and every look at
    a name that Arrow holds makes it anew.
    """
    import pandas as pd

    rows = pd.RangeIndex(len(columns))
    plain = [_is_plain(feature) for feature in schema.numeric]
    # one block, not a series for each number: thousands of columns would take longer to lay out than to score
    made = pd.DataFrame(columns.numeric[:, plain], index=rows, copy=True)
    others = {
        feature.name: _series(columns, feature, index)
        for feature, index in schema.each()
        if not _is_plain(feature)
    }
    if others:
        order = np.argsort([not _is_plain(feature) for feature in schema.features], kind="stable")
        beside = pd.concat([made, pd.DataFrame(others, index=rows)], axis=1)
        made = beside.iloc[:, np.argsort(order)]
    made.columns = pd.Index(schema.names, dtype=object)
    return made


def _is_plain(feature: Feature) -> bool:
    """Whether the frame holds a feature as it was decoded."""
    return feature.kind in ("numeric", "boolean")


def _series(columns: Columns, feature: Feature, index: int) -> Any:
    """A column of text, categories or dates."""
    import pandas as pd

    if feature.coded:
        texts = _texts(columns, feature, index)
        if feature.dictionary:
            return pd.Categorical(texts, categories=_seen_first(feature, texts))
        return pd.array(texts, dtype="str")
    values = columns.numeric[:, index]
    sound = np.abs(values) < 2.0**63
    stamps = np.where(sound, values, 0.0).astype("int64").astype("datetime64[us]")
    stamps[~sound] = np.datetime64("NaT")
    return stamps


def _texts(columns: Columns, feature: Feature, index: int) -> NDArray[np.object_]:
    """Strings of a coded column; missing is NaN."""
    levels = np.array([*feature.levels, np.nan, np.nan], dtype=object)
    codes = columns.codes[:, index]
    texts: NDArray[np.object_] = levels[np.where(codes >= 0, codes, len(feature.levels))]
    originals = columns.texts.get(index)
    for row in np.flatnonzero(codes == UNSEEN):
        texts[row] = originals[int(row)] if originals is not None else UNSEEN_TEXT
    return texts


def _seen_first(feature: Feature, texts: NDArray[np.object_]) -> list[str]:
    unseen = {text for text in texts if isinstance(text, str)} - set(feature.levels)
    return [*feature.levels, *sorted(unseen)]


class ReferenceEngine:
    """Scores by a fitted scikit-learn estimator.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
    schema : Schema
    method : {"predict_proba", "decision_function", "predict"}
    outputs : list of int
        Which columns of the method's result are the scores, in their order.
    """

    name = "reference"
    keeps_texts = True
    known: Mapping[str, Sequence[str]] = MappingProxyType({})

    def __init__(self, estimator: Any, schema: Schema, *, method: str, outputs: list[int]) -> None:
        self.estimator = estimator
        self._schema = schema
        self._method = getattr(estimator, method)
        self.outputs = outputs

    def score(self, columns: Columns) -> Scores:
        """Score every row; a row scikit-learn raises on is flawed, not its neighbours."""
        values = np.full((len(columns), len(self.outputs)), np.nan)
        refused: list[int] = []
        for start in range(0, len(columns), CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, len(columns))
            self._score(columns.slice(start, stop), values[start:stop], start, refused)
        flaws = (Flaw("not_scored", "", np.array(refused)),) if refused else ()
        return Scores(values, flaws)

    def _score(self, columns: Columns, out: NDArray[np.float64], offset: int, refused: list[int]) -> None:
        """Score a chunk; halve it around rows that raise."""
        try:
            out[:] = self._ask(columns)
        except Exception:  # noqa: BLE001 - whatever a user's own estimator raises is that row's matter
            if len(columns) == 1:
                refused.append(offset)
                return
            middle = len(columns) // 2
            self._score(columns.slice(0, middle), out[:middle], offset, refused)
            self._score(columns.slice(middle, len(columns)), out[middle:], offset + middle, refused)

    def _ask(self, columns: Columns) -> NDArray[np.float64]:
        answer = np.asarray(self._method(frame(columns, self._schema)), dtype=np.float64)
        return answer.reshape(len(columns), -1)[:, self.outputs]
