"""A signal that comes while a table is parsed is not lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
