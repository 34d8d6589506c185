"""Evidently over the same rows: PSI of every column, and its report. Runs in its own environment."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

if __name__ == "__main__":
    reference, current, page = sys.argv[1:4]
    read = [pd.read_parquet(path) for path in (reference, current)]
    names = [name for name in read[1].columns if name in read[0].columns]
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(read[1][name])]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in names if name not in numeric]
    )
    before, now = (Dataset.from_pandas(frame[names], data_definition=definition) for frame in read)
    started = time.perf_counter()
    snapshot = Report([DataDriftPreset(method="psi")]).run(now, before)
    print(time.perf_counter() - started)
    if page != "-":
        snapshot.save_html(page)
        print(Path(page).stat().st_size)
