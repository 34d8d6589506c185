"""``train`` as a command: what it says when it is done, and what comes next."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scorekit.cli import run

ROWS = "age,tall\n" + "5,no\n30,yes\n" * 9


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to train on within a moment, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(ROWS)
    return Path("rows.csv")


def train(rows: Path, *more: str) -> int:
    return run(
        [
            "train",
            str(rows),
            "--target",
            "tall",
            "--name",
            "tall",
            "--estimator",
            "logistic",
            "--cv",
            "0",
            *more,
        ]
    )


@pytest.mark.parametrize("store", ["out/models", "my models"])
def test_the_next_command_finds_the_version(
    store: str, rows: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        assert train(rows, "--store", store) == 0
        said = capsys.readouterr().err.splitlines()[-1].removeprefix("  next: scorekit ")
        words = shlex.split(said.replace("DATA", str(rows)))
        assert words[:4] == ["score", "rows.csv", "-m", "tall" if number == 1 else "tall:2"]
        assert run([*words, "--force"]) == 0
        capsys.readouterr()
    monkeypatch.setenv("SCOREKIT_STORE", store)
    assert train(rows) == 0
    assert capsys.readouterr().err.endswith("next: scorekit score DATA -m tall:3\n")


def test_the_card_says_how_to_score_with_this_very_version(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        train(rows, "--store", "out")
    card = Path("out/tall/2/card.md").read_text()
    (command,) = [line for line in card.splitlines() if line.startswith("scorekit ")]
    filled = command.replace("VERSION", "2").replace("STORE", "out").replace("DATA", str(rows))
    capsys.readouterr()
    assert run(filled.split()[1:]) == 0
    assert "with tall:2 " in capsys.readouterr().err
