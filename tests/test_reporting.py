"""The report tells the past as it was judged then, by what was written down."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.batch.nights import Night, make_night
from tests.conftest import Bank
from tests.quality.pages import Page

LATER = "[quality.thresholds]\nwarn = 5.0\nalarm = 6.0\n[quality.checks]\n'column.range' = 'window'\n"


@pytest.fixture
def night(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Night:
    made = make_night(bank, tmp_path, monkeypatch, capsys)
    assert made.score().code == 0
    return made


def report(night: Night) -> str:
    done = night.command("quality", "report", "-m", "bank", "-o", "report.html")
    assert done.code == 0, done.err
    return (night.folder / "report.html").read_text(encoding="utf-8")


def test_a_policy_of_today_does_not_judge_the_past(night: Night) -> None:
    before = report(night)
    night.policy(LATER)
    after = report(night)
    then, now = Page(before), Page(after)
    features = [line[:2] for line in now.table("CSI of every feature")[1:]]
    assert features == [line[:2] for line in then.table("CSI of every feature")[1:]]
    assert {state for _, state in features} >= {"alarm", "ok"}
    findings = now.table("What was found")[1:]
    assert findings == then.table("What was found")[1:]
    assert {line[4] for line in findings if line[0] == "score.psi"} == {"window"}
    assert {line[4] for line in findings if line[0] == "column.range"} == {"warn"}
    (failed,) = re.findall("<p>It failed by .*?</p>", after)
    assert failed in before
    assert "score.psi" in failed
    assert "column.range" not in failed
    assert now.table("Windows, newest first")[1][2] == "failed by score.psi score"


def test_it_needs_nothing_that_scores(night: Night) -> None:
    version = night.store / "bank" / "1"
    (version / "estimator.joblib").unlink()
    shutil.rmtree(version / "compiled")
    assert "Quality of bank:1" in report(night)
