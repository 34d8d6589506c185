"""The kill switch over batches: what trips it, what is withheld, and what counts once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.batch.passing import Pass
from scorekit.batch.run import ScoredChunk
from scorekit.batch.writing import Parts
from scorekit.gate import Decision, Gate
from tests.batch.nights import CALM, DRIFTED, FALLBACK, Night, sources
from tests.batch.test_batch import read, write

ONE_WINDOW = "[switch]\nwindows = 1\n"


# tripped and reset -------------------------------------------------------------------


def test_while_it_is_open_everything_goes_to_quarantine(night: Night) -> None:
    night.score(data="calm.parquet")
    night.trip()
    done = night.score("--force", data="calm.parquet")
    assert done.code == 6
    assert "the kill switch of bank is open" in done.err
    assert night.made() == {"out.parquet", "out.quarantine.parquet"}
    assert read(night.folder / "out.quarantine.parquet") == read(night.target)
    night.reset()
    assert night.score("--force", data="calm.parquet").code == 0


def test_while_it_is_open_nothing_reaches_standard_output(night: Night) -> None:
    night.score(data="calm.parquet")
    night.trip()
    done = night.process("score", "calm.parquet", "-o", "-")
    assert (done.returncode, done.stdout) == (6, b"")
    night.policy(ONE_WINDOW)
    done = night.process("score", "calm.parquet", "-o", "-", "--run-id", "n1")
    assert (done.returncode, done.stdout) == (6, b"")
    assert (night.folder / "scorekit-n1.quarantine.jsonl").exists()


def test_the_batch_that_breaks_a_rule_is_withheld_itself(night: Night) -> None:
    night.policy(ONE_WINDOW)
    done = night.score("--json")
    assert done.code == 6
    assert done.json["outputs"][0]["switch"] == "open"
    assert night.made() == {"out.quarantine.parquet"}
    assert night.position() == "open"
    assert night.score(data="calm.parquet").code == 6, "it is latched"


def test_a_fallback_does_not_come_through_a_switch_that_its_window_opens(night: Night) -> None:
    night.policy(FALLBACK + ONE_WINDOW)
    assert night.score().code == 6
    assert sources(night.folder / "out.quarantine.parquet") == {"model"}


def test_poor_rows_trip_it_over_batches(night: Night) -> None:
    rows = pq.read_table("calm.parquet")
    ages = pa.array([None if row >= CALM - 6 else age for row, age in enumerate(rows["age"].to_pylist())])
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "holes.parquet")
    rule = "[quality.columns.age]\nrequired = true\n[switch]\nlast = 2000\npoor = 12\n"
    night.policy(rule)
    assert night.score(data="holes.parquet").code == 0
    assert night.score("--force", data="holes.parquet").code == 6
    with night.ledger() as ledger:
        (change,) = ledger.audit("bank")
    assert change.who == "scorekit"
    assert "12 poor scores among the last 2,000" in change.why


def test_half_open_it_withholds_until_enough_windows_were_clean(night: Night) -> None:
    night.policy("[switch]\nwindows = 1\nhalf_open_windows = 2\n")
    night.score()
    night.reset(half_open=True)
    first = night.score(data="calm.parquet")
    assert first.code == 6
    assert "is half open" in first.err
    assert "; clean windows of `scorekit score` close it, or `scorekit switch reset`\n" in first.err
    assert night.score(data="calm.parquet").code == 0
    assert night.position() == "closed"


def test_half_open_a_window_that_fails_opens_it_again(night: Night) -> None:
    night.policy("[switch]\nwindows = 5\n")
    night.reset(half_open=True)
    assert night.score().code == 6
    assert night.position() == "open"


def test_it_is_asked_again_at_the_very_end(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Parts.finish

    def tripped_meanwhile(parts: Parts, schema: pa.Schema) -> None:
        night.trip()
        finish(parts, schema)

    monkeypatch.setattr(Parts, "finish", tripped_meanwhile)
    done = night.score(data="calm.parquet")
    assert done.code == 6
    assert night.made() == {"out.quarantine.parquet"}


# what counts, and once ---------------------------------------------------------------


def test_a_run_that_is_repeated_under_its_id_counts_once(night: Night) -> None:
    for _ in range(3):
        assert night.score("--run-id", "night-1", "--force").code == 0
    assert night.counted() == (DRIFTED, DRIFTED)
    night.score("--run-id", "night-2", "--force")
    assert night.counted() == (2 * DRIFTED, 2 * DRIFTED)


def test_the_files_of_a_folder_count_once_each(night: Night) -> None:
    (night.folder / "in").mkdir()
    for name in ("a", "b"):
        write(pq.read_table("calm.parquet"), night.folder / "in" / f"{name}.parquet")
    for _ in range(2):
        assert night.score("--run-id", "n", "--force", data="in", output="out/").code == 0
    assert night.counted() == (2 * CALM, 0)


def spoil(night: Night) -> None:
    """Rows that the model rejects, all of them."""
    rows = pq.read_table("calm.parquet")
    ages = pa.array(["x"] * CALM)
    write(rows.set_column(rows.column_names.index("age"), "age", ages), night.folder / "bad.parquet")


@pytest.mark.parametrize("output", ["out.parquet", "-"])
def test_a_run_that_ends_for_its_rejected_rows_counts_them(output: str, night: Night) -> None:
    spoil(night)
    args = ("score", "bad.parquet", "-o", output)
    assert night.process(*args, "--run-id", "n1").returncode == 3
    assert night.counted() == (CALM, CALM)
    assert night.process(*args, "--max-errors", 5, "--run-id", "n1").returncode == 3
    assert night.counted() == (CALM, CALM)
    assert night.process(*args, "--max-errors", 5, "--run-id", "n2").returncode == 3
    assert night.counted() == (2 * CALM, 2 * CALM)


def test_too_many_rejected_rows_trip_it(night: Night) -> None:
    spoil(night)
    night.policy("[switch]\ntotal = 1000\n")
    assert night.score("--max-errors", 5, data="bad.parquet").code == 3
    assert night.position() == "open"


# killed ------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from scorekit import cli
from scorekit.batch import {module}

real = {module}.{name}

def killed(*args, **kwargs):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)

{module}.{name} = killed
cli.main(sys.argv[1:])
"""


def killed_at(night: Night, module: str, name: str, *args: object, after: bool = False) -> None:
    """Run a command that is killed when it comes to a function, or from it."""
    before = "real(*args, **kwargs)" if after else "pass"
    program = KILLED.format(module=module, name=name, before=before)
    command = [sys.executable, "-c", program, *map(str, args)]
    done = subprocess.run(command, cwd=night.folder, env=os.environ, capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("again", [("--resume",), ()])
@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        ("job", "Gate.decide", False),  # between scoring and the record
        ("job", "Gate.decide", True),  # between the record and the output
        ("publishing", "join_parts", False),
        ("publishing", "join_parts", True),  # the output is there
    ],
)
@pytest.mark.parametrize("policy", ["", FALLBACK])
def test_killed_between_scoring_and_publishing_nothing_is_lost_or_counted_twice(
    module: str, name: str, after: bool, again: tuple[str, ...], policy: str, night: Night
) -> None:
    night.policy(policy)
    args = ("score", "drifted.parquet", "-o", "out.parquet", "--id-column", "client")
    killed_at(night, module, name, *args, after=after)
    done = night.command(*args, *again)
    assert done.code in ((99,) if name == "join_parts" and after else (0,)), done.err
    assert night.counted() == (DRIFTED, DRIFTED)
    assert [row["client"] for row in read(night.target)] == list(range(DRIFTED))
    assert sources(night.target) == {"fallback" if policy else "model"}
    assert night.made() == {"out.parquet"}
    with night.ledger() as ledger:
        assert ledger.switch("bank").bad_windows == 1


def test_killed_while_the_fallback_answers_the_model_is_not_mixed_in(night: Night) -> None:
    night.policy(FALLBACK)
    args = ("score", "drifted.parquet", "-o", "out.parquet", "--id-column", "client")
    killed_at(night, "job", "Gate.replacing", *args)
    assert night.command(*args, "--resume").code == 0
    assert sources(night.target) == {"fallback"}
    assert night.counted() == (DRIFTED, DRIFTED)


def test_a_run_of_other_rows_is_another_run(night: Night) -> None:
    killed_at(night, "publishing", "join_parts", "score", "drifted.parquet", "-o", "out.parquet")
    assert night.score(data="calm.parquet").code == 0
    assert night.counted() == (DRIFTED + CALM, DRIFTED)


def test_under_another_policy_a_run_is_not_gone_on_with(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.batch.writing.PART_ROWS", 500)
    with monkeypatch.context() as patch:

        def stopped(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("scorekit.batch.publishing.join_parts", stopped)
        assert night.score("--chunk-rows", 250).code == 130
    night.policy("[quality.columns.age]\nat_least = 40\n")
    done = night.score("--resume", "--chunk-rows", 250)
    assert "no earlier run of the same" in done.err
    young = [age < 40 for age in pq.read_table("drifted.parquet")["age"].to_pylist()]
    assert [row["score_source"] == "rejected" for row in read(night.target)] == young


def test_a_trip_by_hand_is_heard_while_a_stream_is_written(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Pass._count

    def tripped_meanwhile(rows: Pass, chunk: ScoredChunk) -> None:
        count(rows, chunk)
        if rows.summary.rows == 500:
            night.trip()

    monkeypatch.setattr(Pass, "_count", tripped_meanwhile)
    monkeypatch.setattr("scorekit.recording.KNOWN_FOR", 0.0)
    done = night.score("--chunk-rows", 100, data="calm.parquet", output="-")
    assert done.code == 6
    assert "the kill switch of bank is open" in done.err
    assert len(done.out.splitlines()) == 400


def test_a_trip_after_the_last_row_of_a_stream_does_not_pass_for_success(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Gate.decide

    def tripped_before(gate: Gate, *args: Any) -> Decision:
        night.trip()
        return decide(gate, *args)

    monkeypatch.setattr(Gate, "decide", tripped_before)
    done = night.score(data="calm.parquet", output="-")
    assert done.code == 6
    assert "nothing was published" not in done.err
