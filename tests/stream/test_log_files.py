"""A log that cannot be written is said once and ends nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scorekit.stream.log_file import LogFile
from tests.conftest import Bank
from tests.stream.streams import joined, lines_of, piped


def test_a_pipe_without_a_reader_and_a_full_disk_are_said_once(bank: Bank, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    lines = joined([*lines_of(bank.new.slice(0, 5)), b"{"])
    for log, why in ((tmp_path / "log", b"nobody reads it"), (Path("/dev/full"), b"No space left")):
        done = piped(bank, lines, "--log-file", log)
        assert done.stdout.count(b"\n") == 6
        assert done.stderr.count(b"the log cannot be written (" + why) == 1


def test_a_reader_that_comes_back_hears_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    log = LogFile(str(path))
    assert "nobody reads it" in str(log.write(b"one\n"))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert log.write(b"two\n") is None
    assert os.read(reader, 100) == b"two\n"
    os.close(reader)
    assert "nobody reads it" in str(log.write(b"three\n"))
    assert log.write(b"four\n") is None, "said once"
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert log.write(b"more\n") is None
    # one who reads nothing is waited for a moment, and what it did not take is lost
    assert "nobody reads it" in str(log.write(b"x" * 1_000_000))
    taken = len(os.read(reader, 1 << 20))
    assert taken < 1_000_000
    assert log.write(b"five\n") is None
    assert os.read(reader, 100) == b"\nfive\n"
    os.close(reader)
    log.close()


@pytest.mark.parametrize("end", [b"", b'{"cut'])
def test_a_file_is_written_on_at_its_end(end: bytes, bank: Bank, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"event": "before"}\n' + end)
    piped(bank, joined(lines_of(bank.new.slice(0, 1))), "--log-file", log)
    first, *rest = log.read_bytes().splitlines()
    assert first == b'{"event": "before"}'
    assert [line for line in rest if not line.startswith(b"{")] == []
    assert json.loads(rest[-1])["event"] == "ended"
