#!/bin/sh
# Train on the first 60 % of the bank marketing calls, score the rest, look at the result.
set -eu
cd "$(dirname "$0")"
mkdir -p out
store=out/models
scores=out/bank-new.scores.parquet
rm -rf "$store" out/bank-new.scores.*

say() { printf '\n$ %s\n' "$*"; "$@"; }

say scorekit train bank-train.parquet --target y --name bank --store "$store"
say scorekit score bank-new.parquet -o "$scores" --passthrough age --passthrough job --store "$store"
printf '\n$ python: the first rows of %s\n' "$scores"
python - "$scores" <<'PYTHON'
import sys

import pyarrow.parquet as pq

table = pq.read_table(sys.argv[1]).slice(0, 5)
names = table.column_names
rows = [[f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()] for row in table.to_pylist()]
widths = [max(len(name), *(len(row[column]) for row in rows)) for column, name in enumerate(names)]
for row in [names, *rows]:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)))
PYTHON
printf '\nmodel and scores are in %s/out\n' "$PWD"
