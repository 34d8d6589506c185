"""Training without scorekit: the same fits, scored out of fold, measured and saved."""

import sys

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

name, source, target, saved = sys.argv[1:]
frame = pd.read_parquet(source)
labels = frame.pop(target)
text, numbers = make_column_selector(dtype_exclude="number"), make_column_selector(dtype_include="number")
categories = len(frame.select_dtypes(exclude="number").columns)
unseen = {"handle_unknown": "use_encoded_value", "unknown_value": float("nan")}
if name == "logistic":
    prepare = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
        ]
    )
    model = LogisticRegression(random_state=0)
elif name == "forest":
    ordinal = OrdinalEncoder(**{**unseen, "unknown_value": -1}, encoded_missing_value=-2)
    prepare = ColumnTransformer([("numeric", "passthrough", numbers), ("category", ordinal, text)])
    model = RandomForestClassifier(n_estimators=200, random_state=0)
else:
    prepare = ColumnTransformer(
        [("category", OrdinalEncoder(**unseen), text), ("numeric", "passthrough", numbers)]
    )
    model = HistGradientBoostingClassifier(
        max_iter=200, early_stopping=False, random_state=0, categorical_features=list(range(categories))
    )
pipeline = make_pipeline(prepare, model)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
scores = cross_val_predict(pipeline, frame, labels, cv=folds, method="predict_proba")[:, 1]
truth = labels == sorted(labels.unique())[1]
print(roc_auc_score(truth, scores), average_precision_score(truth, scores), log_loss(truth, scores))
pipeline.fit(frame, labels)
joblib.dump(pipeline, saved)
