"""What a user would do without scorekit: FastAPI, pandas, predict_proba.

ESTIMATOR=estimator.joblib uvicorn plain_service:app
"""

import os
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["ESTIMATOR"])
app = FastAPI()


class Payload(BaseModel):
    features: list[dict[str, Any]]


@app.post("/score")
def score(payload: Payload) -> dict[str, list[float]]:
    frame = pd.DataFrame(payload.features)[list(model.feature_names_in_)]
    return {"scores": model.predict_proba(frame)[:, 1].tolist()}


@app.get("/ready")
def ready() -> None:
    """The model is loaded."""
