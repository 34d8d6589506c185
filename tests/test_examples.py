"""The examples do what they show, on a copy of their folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What ``quality.sh`` left, and what it printed."""
    folder = tmp_path_factory.mktemp("examples") / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("out", "adult-*"))
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "quality.sh"],
        cwd=folder,
        env={**os.environ, "PATH": programs, "COLUMNS": "120"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return folder / "out" / "quality", done.stdout


def test_verdicts_change_over_the_nights(nights: tuple[Path, str]) -> None:
    _, said = nights
    verdicts = re.findall(r"^  verdict   (\w+)$", said, re.MULTILINE)
    assert len(verdicts) == 10
    assert verdicts[0] == "warn"
    assert verdicts[-1] == "alarm"


def test_every_row_is_published_or_kept_back(nights: tuple[Path, str]) -> None:
    out, _ = nights
    rows = pq.read_metadata(EXAMPLES / "bank-new.parquet").num_rows
    assert sum(pq.read_metadata(file).num_rows for file in out.glob("*.parquet")) == rows


def test_the_fallback_answers_a_night_that_failed(nights: tuple[Path, str]) -> None:
    out, said = nights
    assert said.count("degraded") == 2
    sources = pq.read_table(out / "08.scores.parquet")["score_source"].to_pylist()
    assert set(sources) == {"fallback"}
    assert set(pq.read_table(out / "07.scores.parquet")["score_source"].to_pylist()) == {"model"}


def test_the_switch_stops_the_third_bad_night_and_a_person_resets_it(nights: tuple[Path, str]) -> None:
    out, said = nights
    assert re.findall(r"^exit code (\d+)$", said, re.MULTILINE) == ["0"] * 9 + ["6"]
    assert (out / "10.scores.quarantine.parquet").exists()
    assert not (out / "10.scores.parquet").exists()
    assert "3 windows failed in a row" in said
    assert "open → closed" in said
    assert "Ada Lovelace" in said


def test_somebody_was_told(nights: tuple[Path, str]) -> None:
    out, _ = nights
    alerts = (out / "alerts.txt").read_text().splitlines()
    assert any(line.startswith("firing   switch: the kill switch is open") for line in alerts)
    assert alerts[-1].startswith("resolved switch: the kill switch is closed")
    assert any(line.startswith("firing   score.psi of score") for line in alerts)


def test_the_report_is_one_small_file(nights: tuple[Path, str]) -> None:
    out, _ = nights
    page = (out / "report.html").read_text()
    assert len(page) < 500_000
    assert "Quality of bank:1" in page
    assert "Ada Lovelace" in page
    assert "<script" not in page
