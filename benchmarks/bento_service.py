"""The same with BentoML.

ESTIMATOR=estimator.joblib bentoml serve bento_service:Scoring
"""

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Scoring:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["ESTIMATOR"])

    @bentoml.api
    def score(self, features: list[dict[str, Any]]) -> list[float]:
        frame = pd.DataFrame(features)[list(self.model.feature_names_in_)]
        return self.model.predict_proba(frame)[:, 1].tolist()
