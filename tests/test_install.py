"""A wheel, in an environment that has nothing else, works; also where there is no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parent.parent
NEEDED = ["scorekit", "models", "pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt"]


def without_compiler() -> dict[str, str]:
    """The environment of a machine on which no C compiler can be found."""
    return {**os.environ, "CC": "/nonexistent/cc", "PATH": str(Path(sys.executable).parent)}


def build(folder: Path, environment: dict[str, str]) -> Path:
    """Build a wheel from a clean copy of the sources."""
    source = folder / "source"
    source.mkdir()
    for name in NEEDED:
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c", "[0-9]*")
            shutil.copytree(path, source / name, ignore=ignored)
        else:
            shutil.copy(path, source / name)
    command = [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((folder / "dist").glob("*.tar.gz"))
    return next((folder / "dist").glob("*.whl"))


def _packed(path: Path) -> bool:
    """Whether a file is none that is made here."""
    return path.is_file() and path.suffix not in (".pyc", ".so", ".c")


@pytest.mark.parametrize("compiler", [True, False], ids=["compiler", "no-compiler"])
def test_a_wheel_trains_and_scores_in_an_empty_environment(compiler: bool, tmp_path: Path) -> None:
    wheel = build(tmp_path, dict(os.environ) if compiler else without_compiler())
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "scorekit").rglob("*.*") if _packed(path)} <= held
    venv.create(tmp_path / "env", with_pip=True)
    pip = [str(tmp_path / "env/bin/python"), "-m", "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True)
    subprocess.run([*pip, "check"], check=True)

    def scorekit(*args: object) -> str:
        done = subprocess.run(
            [tmp_path / "env/bin/scorekit", *map(str, args)], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "score-batch" in scorekit("--help")
    report = scorekit("doctor")
    assert ("tree kernel ok" in " ".join(report.split())) == compiler
    rows = pq.read_table(ROOT / "examples/bank-train.parquet").slice(0, 2000)
    pq.write_table(rows, tmp_path / "rows.parquet")
    scorekit("train", "rows.parquet", "--target", "y", "--name", "bank", "--cv", "2")
    scorekit("score", "rows.parquet", "-m", "bank")
    scores = pq.read_table(tmp_path / "rows.scores.parquet")
    assert scores.num_rows == rows.num_rows
    assert scores["score"].null_count == 0
    assert "at revision" in scorekit("db", "upgrade")
    shown = scorekit("models", "show", "bank", "--json")
    assert f'"engine": "{"compiled" if compiler else "reference"}"' in shown.replace('":"', '": "')
