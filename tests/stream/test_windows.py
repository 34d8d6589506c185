"""What the verdict of a window does to the rows that follow it, and what is written down of them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorekit
from tests.alerts.servers import receiver
from tests.batch.nights import Night, make_night
from tests.conftest import Bank
from tests.stream.streams import answers, ask, joined, lines_of, running

FALLBACK = '[quality]\non_fail = "fallback"\n[fallback]\nladder = [{ mean = true }]\n'
ROWS = 400


@pytest.fixture
def night(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Night:
    return make_night(bank, tmp_path, monkeypatch, capsys)


def lines(night: Night, name: str, rows: int) -> list[bytes]:
    """Rows from all over a table, so that any stretch of them is like the others."""
    table: pa.Table = pq.read_table(night.folder / f"{name}.parquet")
    return lines_of(table.take([place * 617 % table.num_rows for place in range(rows)]))


def stream(night: Night, data: Sequence[bytes], *args: object) -> tuple[int, list[dict[str, Any]], str]:
    done: subprocess.CompletedProcess[bytes] = night.process(
        "score-stream", "--window-rows", ROWS, *args, input=joined(data)
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, answers(done.stdout), done.stderr.decode()


def windows(night: Night) -> list[tuple[int, int, int, str, int]]:
    """Number, first row, rows, outcome and whether counts stand beside it, of every window."""
    with sqlite3.connect(next(night.store.rglob("*.db"))) as database:
        return database.execute(
            "SELECT number, first_row, rows, outcome, EXISTS (SELECT 1 FROM scorekit_bin_counts"
            " WHERE window_key = scorekit_windows.id) FROM scorekit_windows ORDER BY id"
        ).fetchall()


def sources(found: Sequence[dict[str, Any]]) -> list[str]:
    """The source of each stretch of answers from one."""
    stretches: list[str] = []
    for answer in found:
        if not stretches or stretches[-1] != answer["score_source"]:
            stretches.append(answer["score_source"])
    return stretches


def test_a_failed_window_is_followed_by_the_fallback_until_the_model_is_well_again(night: Night) -> None:
    night.policy(FALLBACK)
    data = [*lines(night, "drifted", 2 * ROWS), *lines(night, "calm", 3 * ROWS)]
    code, found, said = stream(night, data)
    assert code == 0
    assert len(found) == len(data)
    by_window = [sources(found[start : start + ROWS]) for start in range(0, len(data), ROWS)]
    # windows 0 and 1 failed, 2 was well, though the fallback answered it
    assert by_window == [["model"], ["fallback"], ["fallback"], ["model"], ["model"]]
    model = scorekit.load("bank", store=str(night.store))
    for line, answer in zip(data, found, strict=True):
        expected = model.score_row(json.loads(line))["score"]
        assert (answer["score"] == expected) == (answer["score_source"] == "model")
    assert "window 0 failed" in said
    assert "the fallback answers now" in said
    outcomes = [(number, first, rows, outcome) for number, first, rows, outcome, _ in windows(night)]
    assert outcomes == [
        (number, number * ROWS, ROWS, "window" if number < 2 else "pass") for number in range(5)
    ]
    assert recorded_fallback(night) == [0, ROWS, ROWS, 0, 0]


def recorded_fallback(night: Night) -> list[int]:
    """Rows that the fallback answered, of every window."""
    with sqlite3.connect(next(night.store.rglob("*.db"))) as database:
        found = database.execute("SELECT fallback FROM scorekit_windows ORDER BY number").fetchall()
    return [count for (count,) in found]


def test_what_is_recorded_of_the_fallback_is_what_it_answered_whatever_the_model_says(night: Night) -> None:
    night.policy(FALLBACK)
    data = [*lines(night, "drifted", 2 * ROWS), *lines(night, "calm", ROWS)]
    odd = data[0].replace(b'"age": ', b'"age": "none of them", "x": ')
    for place in (3, ROWS + 3, ROWS + 4, 2 * ROWS + 5):
        data[place] = odd
    data[ROWS + 7] = data[7] = b"no record"
    _, found, _ = stream(night, data)
    answered = [
        sum(answer.get("score_source") == "fallback" for answer in found[start : start + ROWS])
        for start in range(0, len(data), ROWS)
    ]
    assert answered[1] > 0
    assert recorded_fallback(night) == answered


def test_rows_that_the_fallback_answered_are_poor(night: Night) -> None:
    night.policy(FALLBACK + "[switch]\ntotal = 1000000\n")
    stream(night, [*lines(night, "drifted", 2 * ROWS), *lines(night, "calm", 2 * ROWS)])
    # two windows failed, and the fallback answered the one after them
    assert night.counted() == (4 * ROWS, 3 * ROWS)


def test_under_warn_the_model_answers_and_it_is_said(night: Night) -> None:
    code, found, said = stream(night, lines(night, "drifted", 3 * ROWS))
    assert (code, sources(found)) == (0, ["model"])
    assert said.count("failed: score.psi") == 3


def test_under_fail_nothing_follows_a_failed_window(night: Night) -> None:
    data = [*lines(night, "calm", ROWS), *lines(night, "drifted", 3 * ROWS)]
    code, found, said = stream(night, data, "--on-quality-fail", "fail")
    assert (code, len(found)) == (5, 2 * ROWS)
    assert "the quality gate failed" in said


def test_the_last_window_is_judged_though_it_is_short(night: Night) -> None:
    code, found, _ = stream(night, lines(night, "drifted", 300), "--on-quality-fail", "fail")
    assert (code, len(found)) == (5, 300)
    assert [(rows, outcome) for _, _, rows, outcome, _ in windows(night)] == [(300, "window")]


def test_a_window_ends_by_the_clock_as_well(night: Night) -> None:
    data = lines(night, "calm", 100)
    with running(night.store, "--window-seconds", 1, cwd=night.folder) as process:
        for line in data[:60]:
            ask(process, line)
        for _ in range(60):
            if windows(night):
                break
            time.sleep(0.1)
        assert [rows for _, _, rows, _, _ in windows(night)] == [60]
        ask(process, data[60])
        process.stdin.close()  # type: ignore[union-attr]
        assert process.wait(20) == 0
    assert [(number, first, rows) for number, first, rows, _, _ in windows(night)] == [(0, 0, 60), (1, 60, 1)]


def test_an_empty_stream_writes_no_window(night: Night) -> None:
    assert stream(night, [])[0] == 0
    assert windows(night) == []


def test_a_run_that_is_repeated_counts_once(night: Night) -> None:
    night.policy("[switch]\ntotal = 1000000\n")
    data = lines(night, "drifted", 3 * ROWS)
    for rows in (ROWS, ROWS, ROWS + 100):
        args = ("--run-id", "n1", "--window-rows", rows)
        assert night.process("score-stream", *args, input=joined(data)).returncode == 0
        # other windows over the same rows count as little
        assert night.counted() == (3 * ROWS, 3 * ROWS)
    stream(night, data, "--run-id", "n2")
    assert night.counted() == (6 * ROWS, 6 * ROWS)


def test_windows_that_fail_in_a_row_trip_the_switch_and_end_it(night: Night) -> None:
    night.policy("[switch]\nwindows = 2\n")
    code, found, said = stream(night, lines(night, "drifted", 4 * ROWS))
    assert (code, len(found)) == (6, 2 * ROWS)
    assert night.position() == "open"
    assert "the kill switch of bank is open" in said
    code, found, _ = stream(night, lines(night, "calm", 10))
    assert (code, found) == (6, [])


def test_a_switch_that_is_tripped_meanwhile_ends_it(night: Night) -> None:
    """Also while nothing comes: the lines that follow are not even read."""
    data = lines(night, "calm", 10)
    files = ("--metrics-file", "stream.prom", "--log-file", "stream.log")
    with running(night.store, *files, cwd=night.folder) as process:
        ask(process, data[0])
        night.trip()
        assert process.wait(10) == 6
        assert process.stdout.read() == b""  # type: ignore[union-attr]
        said = process.stderr.read().decode()  # type: ignore[union-attr]
    assert "the kill switch of bank is open" in said
    assert "scored 1 line with bank:1" in said
    tells_of_the_switch(night)


def tells_of_the_switch(night: Night) -> None:
    """What is left for those who watch says why the stream ended."""
    assert 'scorekit_switch_open{model="bank"} 1\n' in (night.folder / "stream.prom").read_text()
    *before, ended = answers((night.folder / "stream.log").read_bytes())
    assert before[0]["event"] == "started"
    assert (ended["event"], ended["code"]) == ("ended", "switch_open")
    assert "the kill switch of bank is open" in ended["message"]


def test_a_stream_that_may_not_begin_says_so_to_those_who_watch(night: Night) -> None:
    night.trip()
    files = ("--metrics-file", "stream.prom", "--log-file", "stream.log")
    code, found, said = stream(night, lines(night, "calm", 10), *files)
    assert (code, found) == (6, [])
    assert "switch    open" in said
    tells_of_the_switch(night)


def test_a_switch_that_is_tripped_in_a_flood_ends_it_within_seconds(night: Night) -> None:
    data = joined(lines(night, "calm", 1000))
    with running(night.store, cwd=night.folder, stdout=subprocess.DEVNULL) as process:
        ended = threading.Event()

        def flood() -> None:
            try:
                while not ended.is_set():
                    process.stdin.write(data)  # type: ignore[union-attr]
            except BrokenPipeError:
                pass

        feeder = threading.Thread(target=flood)
        feeder.start()
        time.sleep(2)
        assert process.poll() is None
        night.trip()
        assert process.wait(10) == 6
        ended.set()
        feeder.join()


def test_a_state_that_cannot_be_read_ends_it(night: Night) -> None:
    data = lines(night, "calm", 10)
    with running(night.store, cwd=night.folder) as process:
        ask(process, data[0])
        (state,) = night.store.rglob("*.db")
        state.rename(state.with_suffix(".gone"))
        assert process.wait(10) == 7
        assert b"Traceback" not in process.stderr.read()  # type: ignore[union-attr]


def test_a_band_of_rows_is_for_files(night: Night) -> None:
    """A policy for nightly files says how many rows they have; windows have as many as they are asked to."""
    night.policy("[quality.rows]\nleast = 100000\n")
    code, found, _ = stream(night, lines(night, "calm", ROWS))
    assert (code, len(found)) == (0, ROWS)


def test_a_stretch_of_bad_lines_fails_its_window(night: Night) -> None:
    data = [*lines(night, "calm", ROWS), *([b"{"] * ROWS), *lines(night, "calm", ROWS)]
    code, found, said = stream(night, data)
    assert (code, len(found)) == (0, 3 * ROWS)
    assert "window 1 failed: row.rejected" in said
    assert [outcome for *_, outcome, _ in windows(night)] == ["pass", "window", "pass"]


def test_an_alert_is_sent_while_the_stream_goes_on(night: Night) -> None:
    with receiver() as seen:
        night.policy(f'[[alerts.channels]]\nkind = "webhook"\nurl = "{seen.url}"\n')
        data = lines(night, "drifted", ROWS + 1)
        with running(night.store, "--window-rows", ROWS, cwd=night.folder) as process:
            for line in data:
                ask(process, line)
            end = time.monotonic() + 10
            while not seen.requests and time.monotonic() < end:
                time.sleep(0.05)
            assert process.poll() is None
            assert seen.requests
            process.stdin.close()  # type: ignore[union-attr]
            assert process.wait(20) == 0
