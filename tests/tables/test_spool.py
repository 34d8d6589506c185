"""What cannot seek is copied, and a disk too full for the copy says so."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

READ = textwrap.dedent("""
    from scorekit.errors import Unreachable
    from scorekit.tables import find, open_table

    try:
        reader = open_table(find(["-"])[0], columns=None, types={})
        print(sum(batch.rows.num_rows for batch in reader.batches()))
    except Unreachable as error:
        print(error.message)
    """)


def small_files() -> None:
    """A limit on the size of a file stands for a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": np.random.default_rng(1).random(100_000)}), path)
    for limit, said in (
        (None, "100000"),
        (small_files, f"{tmp_path}: no space left while writing; nothing was published"),
    ):
        with path.open("rb") as file:
            done = subprocess.run(
                [sys.executable, "-c", READ],
                stdin=file,
                capture_output=True,
                text=True,
                preexec_fn=limit,
                env={"TMPDIR": str(tmp_path)},
            )
        assert done.stdout.strip() == said, done.stderr
    assert list(tmp_path.iterdir()) == [path]
