"""A night's run under a policy: its own store and state, calm rows, and rows that drift."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.cli import run
from scorekit.state.ledger import Ledger
from tests.batch.test_batch import read, write
from tests.conftest import Bank

DRIFTED = 2000
CALM = 1300
FALLBACK = '[quality]\non_fail = "fallback"\n[fallback]\nladder = [{ mean = true }]\n'


@dataclass
class Run:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


class Night:
    """A folder to score in, with a store of its own."""

    def __init__(self, folder: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.store = store
        self._capsys = capsys

    @property
    def target(self) -> Path:
        return self.folder / "out.parquet"

    def policy(self, text: str) -> None:
        (self.folder / "scorekit.toml").write_text(text)

    def score(self, *args: object, data: object = "drifted.parquet", output: object = "out.parquet") -> Run:
        return self.command("score", data, "-o", output, *args)

    def command(self, *args: object) -> Run:
        self._capsys.readouterr()
        code = run([*map(str, args)])
        return Run(code, *self._capsys.readouterr())

    def process(self, *args: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """The same in a process of its own, for standard streams."""
        return subprocess.run(
            [sys.executable, "-m", "scorekit", *map(str, args)],
            capture_output=True,
            cwd=self.folder,
            env=os.environ,
            timeout=120,
            **more,
        )

    def made(self) -> set[str]:
        """Names of what lies in the folder, but for what was there from the start."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()} - {
            "scorekit.toml",
            "drifted.parquet",
            "calm.parquet",
        }

    def ledger(self) -> Ledger:
        return Ledger.open(str(self.store))

    def counted(self) -> tuple[int, int]:
        """Rows and poor rows that the switch has counted."""
        with self.ledger() as ledger:
            state = ledger.switch("bank")
        return state.seen, state.total_poor

    def position(self) -> str:
        with self.ledger() as ledger:
            return ledger.switch("bank").position

    def trip(self) -> None:
        with self.ledger() as ledger:
            ledger.trip("bank", "ann", "the feed is broken")

    def reset(self, *, half_open: bool = False) -> None:
        with self.ledger() as ledger:
            ledger.reset("bank", "ann", "mended", half_open=half_open)


def make_night(
    bank: Bank, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Night:
    store = folder / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    work = folder / "tonight"
    work.mkdir()
    numbered(bank.new.slice(8000, DRIFTED), work / "drifted.parquet")
    trained = pq.read_table(bank.store.parent / "bank.parquet").drop_columns(["y"])
    # from all of the time that the model was trained on
    numbered(trained.take(list(range(0, 2 * CALM, 2))), work / "calm.parquet")
    monkeypatch.chdir(work)
    monkeypatch.setenv("SCOREKIT_STORE", str(store))
    return Night(work, store, capsys)


def numbered(rows: pa.Table, path: Path) -> Path:
    return write(rows.append_column("client", pa.array(range(rows.num_rows))), path)


def sources(path: Path | str) -> set[str]:
    """Where the scores of an output come from."""
    return {row["score_source"] for row in read(path)}
