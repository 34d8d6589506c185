"""What a user would do with JSON lines without scorekit: chunks of a data frame, or one line at a time.

python plain_stream.py estimator.joblib 10000 < rows.jsonl    # chunks of 10,000
python plain_stream.py estimator.joblib 1 < rows.jsonl        # each line by itself
"""

import json
import sys

import joblib
import pandas as pd

model = joblib.load(sys.argv[1])
names, chunk = list(model.feature_names_in_), int(sys.argv[2])


def answer(frame):
    for score in model.predict_proba(frame[names])[:, 1].tolist():
        sys.stdout.write(json.dumps({"score": score}) + "\n")
    sys.stdout.flush()


if chunk == 1:
    for line in sys.stdin:
        answer(pd.DataFrame([json.loads(line)]))
else:
    for frame in pd.read_json(sys.stdin, lines=True, chunksize=chunk):
        answer(frame)
