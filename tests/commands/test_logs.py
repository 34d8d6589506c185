"""``--log-format json``: every command that says something at its end says it to programs too."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import scorekit
from scorekit.cli import run
from tests.conftest import EXAMPLES, Bank

ROOT = Path(scorekit.__file__).parent

COMMANDS = {
    "score rows.parquet -o scores.csv": "scored",
    "quality check known.parquet": "checked",
    "quality report --model bank -o report.html": "report_written",
    "quality init bank -o policy.toml": "policy_written",
    "quality baseline bank --data known.parquet": "published",
    "switch trip --by ada --reason test": "switch_moved",
    "switch reset --by ada --reason test": "switch_moved",
    "db upgrade": "database_upgraded",
    "db prune --older-than 30d": "database_pruned",
}


@pytest.fixture(scope="module")
def folder(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    shutil.copytree(bank.store, folder / "models")
    pq.write_table(bank.new.slice(0, 400), folder / "rows.parquet")
    known = pq.read_table(EXAMPLES / "bank-train.parquet")
    pq.write_table(known.take(list(range(5, known.num_rows, 10))), folder / "known.parquet")
    assert run(["score", str(folder / "rows.parquet"), "--store", str(folder / "models")]) == 0
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_the_last_line_says_what_came_of_it(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run([*command.split(), "--log-format", "json"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    last: dict[str, Any] = json.loads(err.splitlines()[-1])
    assert last["event"] == COMMANDS[command]
    assert last["time"]
    assert last["message"]
    assert len(last) > 3, "figures"


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        ("score --no-such-option --log-format json", None),
        ("score rows.parquet --config none.toml --log-format=json", None),
        ("scor --log-format json", None),
        ("score --no-such-option", "json"),
    ],
)
def test_so_does_an_error_before_a_command_begins(
    words: str, variable: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if variable is not None:
        monkeypatch.setenv("SCOREKIT_LOG_FORMAT", variable)
    assert run(words.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "error"
    assert run([*words.split(), "--log-format", "text"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_no_summary_is_for_people_only() -> None:
    for path in ROOT.rglob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "show":
                assert getattr(node.value, "id", "") != "terminal", f"{path}:{node.lineno}"
