"""Counters in a file, whole at any moment, and at a port."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from scorekit.errors import UsageError
from scorekit.stream import Tally
from scorekit.stream.metrics import Metrics, MetricsFile
from tests.conftest import Bank
from tests.feeds.servers import free_port
from tests.stream.streams import ask, joined, lines_of, piped, running

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


# at a port ---------------------------------------------------------------------------


def fetched(port: int, path: str = "/metrics") -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def test_whoever_asks_at_the_port_reads_what_stands_in_the_file(bank: Bank, tmp_path: Path) -> None:
    file, port = tmp_path / "bank.prom", free_port()
    line = lines_of(bank.new.slice(0, 1))[0]
    with running(bank.store, "--metrics-port", port, "--metrics-file", file) as process:
        ask(process, line)
        until = time.monotonic() + 30
        while 'source="model"} 1' not in (text := fetched(port)) and time.monotonic() < until:
            time.sleep(0.05)
        assert samples(text).keys() == samples(file.read_text()).keys()
        assert samples(text)['scorekit_rows_total{model="bank",source="model"}'] == 1
        with pytest.raises(HTTPError, match="404"):
            fetched(port, "/other")
        # one who connects and asks nothing holds nobody up
        with socket.create_connection(("127.0.0.1", port)):
            ask(process, line)
            fetched(port)
        taken = piped(bank, b"", "--metrics-port", port, code=2)
        assert b"nobody can listen there" in taken.stderr
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert b"GET" not in process.stderr.read()
    with pytest.raises(URLError):
        fetched(port)


@pytest.mark.parametrize("place", ["x", "0", "70000", "localhost:"])
def test_what_is_no_port_is_refused(bank: Bank, place: str) -> None:
    assert b"no port" in piped(bank, b"", "--metrics-port", place, code=2).stderr


def test_an_outlet_that_fails_takes_no_other_along_and_the_lag_is_asked_now_and_then(tmp_path: Path) -> None:
    asked: list[int] = []

    def lag() -> int:
        asked.append(1)
        return 7

    files = [MetricsFile(str(tmp_path / "none" / "x.prom")), MetricsFile(str(tmp_path / "x.prom"))]
    metrics, tally = Metrics(files, lag), Tally()
    assert len(metrics.tell(tally, "bank:1")) == 1
    for _ in range(3):
        assert metrics.tell(tally, "bank:1", now=True) == []
        assert metrics.tell(tally, "bank:1") == []
    assert samples((tmp_path / "x.prom").read_text())['scorekit_consumer_lag{model="bank"}'] == 7
    assert len(asked) == 1
