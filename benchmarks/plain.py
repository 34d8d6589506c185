"""What a user would do without scorekit: joblib, pandas, predict_proba, to_parquet."""

import sys

import joblib
import pandas as pd

model = joblib.load(sys.argv[1])
frame = pd.read_parquet(sys.argv[2])
scores = model.predict_proba(frame[list(model.feature_names_in_)])[:, 1]
pd.DataFrame({"score": scores}).to_parquet(sys.argv[3])
