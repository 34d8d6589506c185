"""Cut a Parquet file into windows of rows that came one after the other.

python windows.py ROWS.parquet FOLDER COUNT
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

if __name__ == "__main__":
    rows, folder, count = pq.read_table(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    ends = [rows.num_rows * number // count for number in range(count + 1)]
    for number in range(count):
        window = rows.slice(ends[number], ends[number + 1] - ends[number])
        pq.write_table(window, folder / f"{number + 1:02}.parquet")
