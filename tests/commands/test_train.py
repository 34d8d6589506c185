"""``train`` as a command: what it says when it is done, and what comes next."""

from __future__ import annotations

import json
import shlex
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from scorekit.cli import run
from tests.conftest import scorekit

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


def test_a_format_that_no_ending_says_is_given_and_remembered(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows.rename("rows.dat")
    assert train(rows) == 2
    assert "name the format with --format" in capsys.readouterr().err
    assert train(rows, "--format", "csv") == 0
    assert run(["reproduce", "tall"]) == 0
    assert train(rows, "--format", "cvs") == 2
    assert "no table format is called 'cvs'" in capsys.readouterr().err


def test_one_of_a_thing_is_not_said_as_many(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(rows) == 0
    assert "  rows      18 to learn from, 1 feature\n" in capsys.readouterr().err
    assert "18 rows and 1 feature.\n" in Path("models/tall/1/card.md").read_text()


# Logs --------------------------------------------------------------------------------


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_a_log_of_json_ends_with_what_was_trained(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows.write_text(ROWS.replace("age", "empty,age").replace("5,", ",5,").replace("30,", ",30,"))
    assert train(rows, "--log-format", "json") == 0
    note, done = logged(capsys)
    assert note["event"] == "note"
    assert note["message"].startswith("column 'empty'")
    assert (done["event"], done["model"], done["rows"], done["features"]) == ("trained", "tall:1", 18, 1)
    assert done["message"].startswith("trained tall:1 (champion) in ")
    assert (done["engine"], done["cross_validated"], done["holdout"]) == ("compiled", None, None)
    train(rows, "--log-format", "json", "--holdout", "0.3")
    assert logged(capsys)[-1]["holdout"]["accuracy"] == 1.0
    train(rows, "--log-format", "json", "--quiet")
    assert logged(capsys) == []


def test_other_commands_end_their_log_so_too(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_log = ["--log-format", "json"]
    assert run(["models", "list", *json_log]) == 0
    for _ in range(2):
        train(rows, *json_log)
    for command in (
        "reproduce tall",
        "models promote tall:2",
        "models keygen k",
        "models sign tall:2 --key k",
    ):
        assert run([*command.split(), *json_log]) == 0
    events = [event for event in logged(capsys) if event["event"] not in ("note", "trained")]
    assert [event["event"] for event in events] == [
        "no_models",
        "reproduced",
        "alias_moved",
        "key_made",
        "signed",
    ]
    assert events[1]["message"].startswith("reproduced tall:1 in ")
    assert (events[2]["version"], events[4]["model"]) == (2, "tall:2")


# A pipeline of one's own -------------------------------------------------------------

OWN = """\
from beside import Age
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

def make():
    return make_pipeline(Age(), LogisticRegression())
"""
BESIDE = """\
import further
from sklearn.base import BaseEstimator, TransformerMixin

class Age(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return further.scaled(X[["age"]])
"""
FURTHER = "def scaled(X):\n    return X / 10\n"


def own_pipeline(**changed: str) -> None:
    for name, text in {"own": OWN, "beside": BESIDE, "further": FURTHER, **changed}.items():
        Path(f"{name}.py").write_text(text)


def train_own(rows: Path, *more: str) -> subprocess.CompletedProcess[str]:
    given = ["--target", "tall", "--pipeline", "own:make", "--cv", "0", "--name", "own"]
    return scorekit("train", rows, *given, *more)


def test_a_pipeline_of_several_modules_is_scored_where_none_of_them_is(rows: Path) -> None:
    own_pipeline()
    made = train_own(rows)
    assert made.returncode == 0, made.stderr
    assert "only where" not in made.stderr
    assert b"own_modules" not in zlib.decompress(Path("models/own/1/estimator.joblib").read_bytes())
    here = scorekit("score", "rows.csv", "-o", "-", "-m", "own")
    Path("elsewhere").mkdir()
    there = scorekit(
        "score", "../rows.csv", "-o", "-", "-m", "own", "--store", "../models", cwd=Path("elsewhere")
    )
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout
    assert '"model"' in there.stdout
    again = scorekit(
        "reproduce", "own", "--store", "../models", "--data", "../rows.csv", cwd=Path("elsewhere")
    )
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    "changed",
    [
        {
            "beside": BESIDE.replace("import further\n", "").replace(
                "        return f", "        import further\n        return f"
            )
        },
        {
            "beside": BESIDE.replace(
                "import further", "import importlib\nfurther = importlib.import_module('further')"
            )
        },
    ],
    ids=["while scoring", "by name"],
)
def test_a_module_that_is_not_found_elsewhere_is_named(rows: Path, changed: dict[str, str]) -> None:
    own_pipeline(**changed)
    made = train_own(rows)
    assert made.returncode == 0, made.stderr
    assert "note: it can be scored only where further can be imported" in made.stderr


def test_what_no_file_can_hold_is_refused_before_anything_is_fitted(rows: Path) -> None:
    own_pipeline(
        own=OWN.replace("LogisticRegression()", "LogisticRegression(C=__import__('threading').Lock())")
    )
    refused = train_own(rows, "--verbose")
    assert refused.returncode == 2
    assert "error: Pipeline cannot be kept in a file: TypeError: cannot pickle" in refused.stderr
    assert "fit" not in refused.stderr.splitlines()
