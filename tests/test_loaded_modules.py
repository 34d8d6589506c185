"""Scoring with a compiled model imports nothing that costs more than the scoring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch.test_batch import write
from tests.conftest import Bank

BANNED = {
    "pandas",
    "sklearn",
    "scipy",
    "joblib",
    "fastapi",
    "sqlalchemy",
    "boto3",
    "botocore",
    "cryptography",
    "pyarrow.dataset",
}
NOT_FOR_PLAIN_SCORES = BANNED | {
    "pyarrow.compute",
    "numpy.ma",
    "rich.console",
    "tomllib",
}
"""Nor, for Parquet without columns to carry along, what costs as much as scoring a small file."""

PROGRAM = """
import sys
from scorekit.cli import run
code = run(sys.argv[1:])
print("\\n".join(["LOADED", *sys.modules]), file=sys.stderr)
sys.exit(code)
"""


def loaded(*args: object, code: int = 0, **environment: str) -> set[str]:
    """Modules in memory when a command has run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stderr
    return set(done.stderr.partition("LOADED\n")[2].splitlines())


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "arrow"])
def test_a_compiled_score_loads_neither_pandas_nor_scikit_learn(
    ending: str, bank: Bank, tmp_path: Path
) -> None:
    data = write(bank.new.slice(0, 100), tmp_path / f"rows.{ending}")
    modules = loaded("score", data, "--passthrough", "job", SCOREKIT_STORE=str(bank.store))
    assert (tmp_path / f"rows.scores.{ending}").exists()
    assert "pyarrow" in modules
    assert modules & BANNED == set()


def test_the_usual_score_loads_nothing_that_costs_more_than_it(bank: Bank, tmp_path: Path) -> None:
    data = write(bank.new.slice(0, 100), tmp_path / "rows.parquet")
    options = ("--threads", 1, "--run-id", "night", "--on-quality-fail", "warn")
    modules = loaded("score", data, *options, SCOREKIT_STORE=str(bank.store))
    assert modules & (NOT_FOR_PLAIN_SCORES | {"pydantic"}) == set()


def test_settings_are_checked_without_the_commands_they_are_for(bank: Bank, tmp_path: Path) -> None:
    data = write(bank.new.slice(0, 100), tmp_path / "rows.parquet")
    (tmp_path / "scorekit.toml").write_text('model = "bank"\n[train]\ncv = 3\n[models]\nwhy = "so"\n')
    modules = loaded("score", data, "--config", tmp_path / "scorekit.toml", SCOREKIT_STORE=str(bank.store))
    ours = {name for name in modules if name.startswith("scorekit.commands.")}
    assert ours == {"scorekit.commands.options", "scorekit.commands.score_batch"}
    assert modules & BANNED == set()


def test_rejects_and_flags_load_nothing_more(bank: Bank, tmp_path: Path) -> None:
    rows = bank.new.slice(0, 50).to_pylist()
    rows[3]["age"], rows[4]["job"] = "x", "astronaut"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    modules = loaded("score", tmp_path / "rows.jsonl", SCOREKIT_STORE=str(bank.store))
    assert (tmp_path / "rows.scores.errors.jsonl").exists()
    assert modules & BANNED == set()


def test_a_stream_loads_nothing_that_costs_more_than_it(bank: Bank, tmp_path: Path) -> None:
    """With a window that failed, lines that are odd, ids, and enough lines for a table."""
    rows = [*bank.new.slice(8000, 300).to_pylist(), {"age": "x"}, {}]
    source, sink = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n")
    args = ("--source", source, "--sink", sink, "--passthrough", "all", "--metrics-file", tmp_path / "m.prom")
    modules = loaded("score-stream", *args, SCOREKIT_STORE=str(bank.store))
    assert sink.read_text().count("\n") == 303
    assert modules & NOT_FOR_PLAIN_SCORES == set()


def test_one_row_in_python_loads_neither_pandas_nor_scikit_learn(bank: Bank) -> None:
    program = (
        "import sys, scorekit; m = scorekit.load('bank');"
        f"m.score_row({bank.new.slice(0, 1).to_pylist()[0]!r}); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "SCOREKIT_STORE": str(bank.store)},
        check=True,
    )
    assert not set(done.stdout.split()) & BANNED


def test_help_loads_neither_numpy_nor_pyarrow() -> None:
    modules = loaded("--help")
    assert not modules & (BANNED | {"numpy", "pyarrow", "pydantic"})


def test_the_list_would_notice() -> None:
    program = "import sys, pyarrow.dataset; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & BANNED


SERVICE = """
import asyncio, sys
from scorekit.server.app import make_app
from scorekit.server.logs import Log
from scorekit.server.service import Service
from scorekit.server.settings import ServeSettings


async def start():
    service = Service(settings, Log())
    await service.start()
    await service.stop()


settings = ServeSettings(store=sys.argv[1])
make_app(settings)
asyncio.run(start())
print("\\n".join(sys.modules))
"""


def test_a_service_is_ready_before_it_loads_what_only_some_requests_need(bank: Bank) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, bank.store], capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.splitlines())
    assert "scorekit.server.app" in modules
    assert not modules & ((BANNED - {"fastapi"}) | {"rich.console", "alembic", "jinja2", "opentelemetry.sdk"})
