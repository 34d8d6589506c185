"""Counters in a file, whole at any moment."""

from __future__ import annotations

import re
import threading
from collections import Counter
from pathlib import Path

import pytest

from scorekit.errors import UsageError
from scorekit.stream import Tally
from scorekit.stream.metrics import MetricsFile
from tests.conftest import Bank
from tests.stream.streams import joined, lines_of, piped

SAMPLE = re.compile(r'(scorekit_\w+)\{(\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*)\} (\d+(?:\.\d+)?)')


def samples(text: str) -> dict[str, float]:
    """Every sample by name and labels; nothing else stands there but comments."""
    assert text.endswith("\n")
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    found = [SAMPLE.fullmatch(line) for line in lines]
    assert all(found), lines
    return {f"{one[1]}{{{one[2]}}}": float(one[3]) for one in found if one}


def test_what_was_done_stands_in_the_file(bank: Bank, tmp_path: Path) -> None:
    lines = [*lines_of(bank.new.slice(0, 50)), b"{", b"[]", b""]
    piped(bank, joined(lines), "--metrics-file", tmp_path / "bank.prom")
    found = samples((tmp_path / "bank.prom").read_text())
    assert found['scorekit_rows_total{model="bank",source="model"}'] == 50
    assert found['scorekit_rows_total{model="bank",source="rejected"}'] == 2
    assert found['scorekit_errors_total{model="bank",code="invalid_json"}'] == 1
    assert found['scorekit_windows_total{model="bank",state="alarm"}'] <= 1
    assert found['scorekit_model_info{model="bank",version="1"}'] == 1
    assert found['scorekit_switch_open{model="bank"}'] == 0
    assert found['scorekit_last_row_timestamp_seconds{model="bank"}'] > 1.7e9
    assert [path.name for path in tmp_path.iterdir()] == ["bank.prom"]


def test_whoever_reads_it_reads_all_of_it(tmp_path: Path) -> None:
    file = MetricsFile(str(tmp_path / "x.prom"))
    file.write(Tally(), "bank:1", now=True)
    size = len((tmp_path / "x.prom").read_text().splitlines())
    ended = threading.Event()
    odd: list[str] = []

    def read() -> None:
        while not ended.is_set():
            text = (tmp_path / "x.prom").read_text()
            if len(text.splitlines()) != size or not text.endswith("\n"):
                odd.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        file.write(Tally(sources=Counter(model=number)), "bank:1", now=True)
    ended.set()
    reader.join()
    assert odd == []


def test_it_is_not_written_with_every_batch(tmp_path: Path) -> None:
    file = MetricsFile(str(tmp_path / "x.prom"))
    file.write(Tally(rows=1), "bank:1")
    (tmp_path / "x.prom").unlink()
    file.write(Tally(rows=2), "bank:1")
    assert not (tmp_path / "x.prom").exists()


def test_a_file_that_cannot_be_written_is_said_and_the_stream_goes_on(bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        MetricsFile(str(tmp_path / "none" / "x.prom")).write(Tally(), "bank:1", now=True)
    done = piped(bank, joined(lines_of(bank.new.slice(0, 5))), "--metrics-file", tmp_path / "none" / "x.prom")
    assert done.stdout.count(b"\n") == 5
    assert done.stderr.count(b"the metrics cannot be written") == 1
