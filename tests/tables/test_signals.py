"""A signal is heard while a table is parsed, and while nothing comes through a pipe."""

from __future__ import annotations

import fcntl
import gzip
import io
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Bank

PROGRAM = """
import os, signal, threading
from contextlib import closing
from scorekit.tables import find, open_table

SENT = 300
heard = threading.Semaphore(0)
done = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: heard.release())

def send():
    for _ in range(SENT):
        os.kill(os.getpid(), signal.SIGTERM)
        if not heard.acquire(timeout=10):
            os._exit(1)
    done.set()

sender = threading.Thread(target=send)
sender.start()
while not done.is_set():
    with closing(open_table(find(["rows.csv"])[0], columns=None, types={})) as reader:
        for _ in reader.batches():
            pass
"""


def test_every_signal_that_comes_while_csv_is_parsed_arrives(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 5000)
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "a signal was lost"


# Through a pipe ---------------------------------------------------------------------------

READER = """
import os, signal, sys
from contextlib import closing
from scorekit.tables import find, open_table

signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"."))
os.write(1, b"!")
(source,) = find(["-"], format=sys.argv[1])
with closing(open_table(source, columns=None, types={})) as reader:
    for _ in reader.batches():
        pass
"""
SIGNALS = 600
ROWS = pa.table({"a": list(range(5000)), "b": [str(number) for number in range(5000)]})


def content(name: str) -> bytes:
    """Rows in a format; far more of them than are sent."""
    buffer = io.BytesIO()
    if name == "parquet":
        pq.write_table(ROWS, buffer)
    elif name.startswith("arrow"):
        make = pa.ipc.new_stream if name == "arrow stream" else pa.ipc.new_file
        with make(buffer, ROWS.schema) as writer:
            writer.write_table(ROWS, max_chunksize=500)
    else:
        line = b'{"a": %d}\n' if name.startswith("jsonl") else b"%d,1\n"
        buffer.write(
            (b"" if name.startswith("jsonl") else b"a,b\n") + b"".join(map(line.__mod__, range(5000)))
        )
    return gzip.compress(buffer.getvalue(), 1) if name.endswith("gz") else buffer.getvalue()


@pytest.mark.parametrize("name", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "arrow", "arrow stream"])
def test_a_signal_is_heard_while_nothing_comes_through_a_pipe(name: str) -> None:
    """Each comes just after some bytes, when a read of more is likely to be under way."""
    data, format = content(name), name.partition(".")[0].partition(" ")[0]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", READER, format], bufsize=0, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(1) == b"!"
        try:
            for number in range(SIGNALS):
                process.stdin.write(data[number * 20 : number * 20 + 20])
                process.send_signal(signal.SIGTERM)
                assert select.select([process.stdout], [], [], 5)[0], f"signal {number} was not heard"
                assert process.stdout.read(1) == b"."
        finally:
            process.kill()


def waiting(pipe: IO[bytes]) -> int:
    """Bytes in a pipe that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("name", ["csv.gz", "parquet", "arrow stream"])
def test_a_run_that_waits_for_more_stops_when_told(name: str, bank: Bank, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scorekit", "score", "-", "-o", str(tmp_path / "out.csv"), "--store"]
    command += [str(bank.store), "--format", name.partition(".")[0].partition(" ")[0]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(content(name)[:50])
        process.stdin.flush()
        while waiting(process.stdin):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 143
    assert not list(tmp_path.iterdir())
