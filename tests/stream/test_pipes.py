"""A stream in a pipe: in order, complete, at once, in bounded memory, and quiet when it ends."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorekit
from scorekit.stream import StreamOptions
from tests.conftest import Bank
from tests.stream.streams import answers, ask, joined, lines_of, piped, running, streamed

ODD = [b"", b"  ", b"{", b"\xff", b"[]", b"null", b'{"age": 1}', b"{}", b'{"age": NaN}', b"x" * 300]


@pytest.fixture(scope="module")
def lines(bank: Bank) -> list[bytes]:
    return lines_of(bank.new.slice(0, 2000))


def expected(bank: Bank, lines: list[bytes]) -> list[float]:
    model = scorekit.load("bank", store=str(bank.store))
    return [model.score_row(json.loads(line))["score"] for line in lines]


def test_every_line_has_its_answer_in_order(bank: Bank, lines: list[bytes]) -> None:
    done = piped(bank, joined(lines))
    found = answers(done.stdout)
    assert [answer["score"] for answer in found] == expected(bank, lines)
    assert list(found[0]) in (
        ["score", "score_source", "model_version"],
        ["score", "score_source", "quality_flags", "model_version"],
    )
    assert b"scored 2,000 lines with bank:1" in done.stderr


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_lines_in_are_lines_out_however_they_are_batched(
    data: st.DataObject, bank: Bank, lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Mutated lines among good ones, through batches and windows of any size."""
    chance = random.Random(data.draw(st.integers(0, 10**6)))
    mixed = [chance.choice(ODD) if chance.random() < 0.1 else _mutated(chance, line) for line in lines[:300]]
    options = StreamOptions(
        batch_size=data.draw(st.sampled_from([1, 7, 64, 65, 300, 10_000])),
        extent=scorekit.stream.Extent(rows=data.draw(st.sampled_from([1000, 50, 13])), seconds=60),
    )
    folder = tmp_path_factory.mktemp("in")
    found, result = streamed(bank.store, mixed, folder, options, model="bank")
    assert len(found) == len(mixed)
    assert result.tally.rows + result.tally.empty == len(mixed)
    model = scorekit.load("bank", store=str(bank.store))
    for number, (line, answer) in enumerate(zip(mixed, found, strict=True), 1):
        if "error" in answer:
            assert answer["line"] == number
        else:
            single = model.score_row(json.loads(line))
            assert (answer["score"], answer["score_source"]) == (single["score"], "model")


def _mutated(chance: random.Random, line: bytes) -> bytes:
    if chance.random() < 0.7:
        return line
    place = chance.randrange(len(line))
    return line[:place] + bytes([chance.choice(b'"{}[]:,0a\\\xc3 ')]) + line[place + 1 :]


def test_a_line_is_answered_at_once(bank: Bank, lines: list[bytes]) -> None:
    """Each waits for the answer to the one before: nothing waits for more to come."""
    with running(bank.store, "--max-latency-ms", 10_000) as process:
        ask(process, lines[0])
        taken = []
        for line in lines[1:200]:
            started = time.perf_counter()
            ask(process, line)
            taken.append(time.perf_counter() - started)
        process.stdin.close()  # type: ignore[union-attr]
        assert process.wait(20) == 0
    # a median that a machine which does other things too can keep
    assert sorted(taken)[len(taken) // 2] < 0.02


def test_half_a_line_keeps_no_whole_one_waiting(bank: Bank, lines: list[bytes]) -> None:
    with running(bank.store) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines[0] + b"\n" + lines[1][:20])
        process.stdin.flush()
        assert "score" in json.loads(process.stdout.readline())
        process.stdin.write(lines[1][20:])
        process.stdin.close()
        # the last line has no end, and is one
        assert "score" in json.loads(process.stdout.readline())
        assert process.wait(20) == 0


def test_nothing_in_is_nothing_out(bank: Bank) -> None:
    done = piped(bank, b"")
    assert done.stdout == b""
    assert b"scored 0 lines" in done.stderr
    assert piped(bank, b"\xef\xbb\xbf").stdout == b""


def test_an_empty_line_has_its_answer_and_counts_for_nothing(bank: Bank, lines: list[bytes]) -> None:
    for args in ((), ("--on-error", "fail"), ("--max-errors", 0)):
        done = piped(bank, joined([lines[0], b"", b"\r", lines[1]]), *args)
        found = answers(done.stdout)
        assert [answer.get("error", {}).get("code") for answer in found] == [
            None, "empty_line", "empty_line", None,
        ]  # fmt: skip


def test_a_line_of_a_hundred_megabytes_is_refused_with_its_number(
    bank: Bank, lines: list[bytes], tmp_path: Path
) -> None:
    """In bounded memory; what follows is answered."""
    source = tmp_path / "in.jsonl"
    with source.open("wb") as file:
        file.write(joined(lines[:3]) + b'{"age": "')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + joined(lines[3:5]))
    dead = tmp_path / "dead"
    with running(bank.store, "--source", source, stdin=subprocess.DEVNULL) as process:
        out, err = process.communicate(timeout=60)
        found = answers(out)
        assert [("error" in answer) for answer in found] == [False, False, False, True, False, False]
        assert (found[3]["line"], found[3]["error"]["code"]) == (4, "too_long")
    assert _peak(bank, "--source", source) < 250
    done = bank.run("score-stream", "--source", source, "--dead-letter", dead, text=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 5), err
    assert dead.stat().st_size == (100 << 20) + len(b'{"age": ""}\n')


def _peak(bank: Bank, *args: object) -> float:
    """MiB that a stream takes at most; what ``getrusage`` says would begin with what these tests take."""
    program = (
        "import re, sys; from scorekit.cli import run; code = run(sys.argv[1:]);"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1];"
        "print(int(peak) / 1024, file=sys.stderr); sys.exit(code)"
    )
    environment = {**os.environ, "SCOREKIT_STORE": str(bank.store)}
    done = subprocess.run(
        [scorekit_python(), "-c", program, "score-stream", *map(str, args)],
        capture_output=True,
        env=environment,
    )
    assert done.returncode == 0, done
    return float(done.stderr.splitlines()[-1])


def scorekit_python() -> str:
    import sys

    return sys.executable


def test_a_slow_reader_slows_the_reading(bank: Bank, lines: list[bytes]) -> None:
    """Nobody reads the answers: so no more is read than fits into pipes and one batch."""
    block = joined(lines)
    with running(bank.store, bufsize=0) as process:
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        written, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < 3:
            try:
                written += os.write(process.stdin.fileno(), block[written % len(block) :])
                quiet_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.02)
            assert written < 64 << 20, "it reads on though nobody takes the answers"
        assert _resident(process.pid) < 250
        os.set_blocking(process.stdin.fileno(), True)
        sent = [0]

        def finish() -> None:
            # whole lines, so that the last one is one
            rest = block[written % len(block) :]
            os.write(process.stdin.fileno(), rest)  # type: ignore[union-attr]
            sent[0] = (written + len(rest)) // len(block) * len(lines)
            process.stdin.close()  # type: ignore[union-attr]

        writer = threading.Thread(target=finish)
        writer.start()
        out = process.stdout.read()  # type: ignore[union-attr]
        writer.join()
        assert out.count(b"\n") == sent[0]
        assert b"error" not in out


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


# How it ends -----------------------------------------------------------------------------


def test_a_reader_that_has_seen_enough_ends_it_quietly(
    bank: Bank, lines: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(joined(lines) * 50)
    command = f"set -o pipefail; cat in | {scorekit_python()} -m scorekit score-stream 2>err | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "SCOREKIT_STORE": str(bank.store)},
        timeout=60,
    )
    assert done.stdout.count(b"\n") == 1
    said = (tmp_path / "err").read_text()
    assert "Traceback" not in said
    assert "error:" not in said
    assert done.returncode == 141


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_when_what_was_read_is_answered(
    number: int, code: int, bank: Bank, lines: list[bytes]
) -> None:
    with running(bank.store) as process:
        assert process.stdin is not None
        ask(process, lines[0])
        process.stdin.write(joined(lines[1:5]) + b'{"half": ')
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == code
        assert [("score" in answer) for answer in answers(out)] == [True] * 4
        assert b"scored 5 lines" in err
        assert b"Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_while_idle_a_signal_ends_it_at_once(number: int, code: int, bank: Bank, lines: list[bytes]) -> None:
    with running(bank.store, "--quiet") as process:
        ask(process, lines[0])
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == code
        assert time.monotonic() - started < 5
        assert process.stderr.read() == b""  # type: ignore[union-attr]


def test_the_second_signal_does_not_wait_for_a_reader(bank: Bank, lines: list[bytes]) -> None:
    with running(bank.store) as process:
        assert process.stdin is not None
        feeder = threading.Thread(target=_feed, args=(process, joined(lines) * 20))
        feeder.start()
        time.sleep(2.5)
        process.send_signal(signal.SIGTERM)
        # the answers are nobody's, so what was read cannot be answered
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
        assert b"Traceback" not in process.stderr.read()  # type: ignore[union-attr]
        feeder.join()


def _feed(process: Any, data: bytes) -> None:
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        pass


def test_killed_it_has_lost_nothing_that_was_written(bank: Bank, lines: list[bytes], tmp_path: Path) -> None:
    """The answers are the first ones, in order; and the next run writes on below."""
    sink = tmp_path / "out.jsonl"
    with running(bank.store, "--sink", sink) as process:
        assert process.stdin is not None
        feeder = threading.Thread(target=_feed, args=(process, joined(lines) * 100))
        feeder.start()
        while not sink.exists() or not sink.stat().st_size:
            time.sleep(0.01)
        process.kill()
        process.wait()
        feeder.join()
    scores = expected(bank, lines)
    whole = sink.read_bytes().rpartition(b"\n")[0].splitlines()
    assert whole
    assert [json.loads(line)["score"] for line in whole] == (scores * 101)[: len(whole)]
    before = len(sink.read_bytes().splitlines())
    piped(bank, joined(lines[:3]), "--sink", sink)
    after = sink.read_bytes().splitlines()
    assert len(after) == before + 3
    assert [json.loads(line)["score"] for line in after[-3:]] == scores[:3]


# What is said ---------------------------------------------------------------------------


def test_quiet_says_nothing_at_all(bank: Bank, lines: list[bytes]) -> None:
    """Nor that windows failed."""
    data = joined([*lines, b"{", b""])
    assert b"window 0 failed" in piped(bank, data, "--window-rows", 1000).stderr
    done = piped(bank, data, "--window-rows", 1000, "--quiet")
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 2002


def test_at_a_terminal_it_says_what_it_waits_for(bank: Bank, lines: list[bytes]) -> None:
    leader, follower = pty.openpty()
    with running(bank.store, stdin=follower) as process:
        os.close(follower)
        assert process.stderr is not None
        assert process.stdout is not None
        assert b"waiting for JSON lines on standard input" in process.stderr.readline()
        os.write(leader, lines[0] + b"\n")
        assert "score" in json.loads(process.stdout.readline())
        os.write(leader, b"\x04")
        assert process.wait(20) == 0
    os.close(leader)


@pytest.mark.parametrize("args", [("--on-error", "fail"), ("--max-errors", 2)])
def test_too_many_errors_end_it_after_what_is_before_them(
    args: tuple[object, ...], bank: Bank, lines: list[bytes]
) -> None:
    data = [*lines[:5], b"{", b"[]", lines[5], b'{"age": 1}', *lines[6:20]]
    done = piped(bank, joined(data), *args, code=3)
    found = answers(done.stdout)
    allowed = 0 if "fail" in args else 2
    assert sum("error" in answer for answer in found) == allowed
    assert len(found) == (5 if not allowed else 8)
    said = done.stderr.decode()
    assert f"<stdin>:{6 if not allowed else 9}" in said
    assert "\nhint: " in said
    assert "Traceback" not in said


def test_nothing_but_errors_is_no_success(bank: Bank) -> None:
    done = piped(bank, b"{\n[]\n[]\n", code=3)
    assert done.stdout.count(b"\n") == 3
    assert b"all 3 lines have no score; 2 of them: not_an_object" in done.stderr
    assert b"hint: a line should be one JSON object in UTF-8" in done.stderr
    done = piped(bank, b'{"age": 41}\n', code=3)
    assert b"the only line has no score: absent\nhint: --log-file names each column" in done.stderr


def test_a_table_in_the_pipe_is_shown_the_way(bank: Bank) -> None:
    done = piped(bank, b"age,job\n41,services\n", code=3)
    assert b"hint: a line should be one JSON object; a file of CSV" in done.stderr


def test_lines_without_a_score_are_put_aside_as_they_came(
    bank: Bank, lines: list[bytes], tmp_path: Path
) -> None:
    dead, log = tmp_path / "dead.jsonl", tmp_path / "log.jsonl"
    bad = [b"\xff\xfe", b'{"age": 1}\r', b"[ ]"]
    data = [lines[0], bad[0], lines[1], b"", bad[1], bad[2], lines[2]]
    done = piped(bank, joined(data), "--dead-letter", dead, "--log-file", log)
    found = answers(done.stdout)
    assert ["score" in answer for answer in found] == [True, True, False, True]
    assert found[2]["error"]["code"] == "empty_line"
    assert dead.read_bytes() == joined(bad)
    events = answers(log.read_bytes())
    said = [(event["line"], event["code"]) for event in events if event["event"] == "error"]
    assert said == [(2, "not_utf8"), (5, "absent"), (6, "not_an_object")]
    assert [event["event"] for event in events if event["event"] != "error"] == ["started", "window", "ended"]


def test_options_that_do_not_go_together_are_refused(bank: Bank, tmp_path: Path) -> None:
    done = piped(bank, b"", "--on-error", "dead-letter", code=2)
    assert b"--dead-letter does not say where" in done.stderr
    done = piped(bank, b"", "--on-error", "emit", "--dead-letter", tmp_path / "dead", code=2)
    assert b"goes with --on-error dead-letter" in done.stderr
    assert not (tmp_path / "dead").exists()


@pytest.mark.parametrize("closed", [0, 1])
def test_a_closed_stream_is_said(closed: int, bank: Bank) -> None:
    done = piped(bank, b"", code=None) if closed > 2 else _closed(bank, closed)
    assert done.returncode == 2
    assert b"closed" in done.stderr
    assert b"Traceback" not in done.stderr


def _closed(bank: Bank, number: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [scorekit_python(), "-m", "scorekit", "score-stream"],
        stdin=subprocess.DEVNULL if number else None,
        stdout=subprocess.PIPE if number == 0 else None,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.close(number),
        env={**os.environ, "SCOREKIT_STORE": str(bank.store)},
        timeout=60,
    )
