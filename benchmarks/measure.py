"""Whole processes, timed: wall seconds and peak memory, in turn, so that drift hits all alike."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / "data"
PYTHON = sys.executable
SCOREKIT = (PYTHON, "-m", "scorekit")


@dataclass(frozen=True)
class Figure:
    """Medians of a command over several runs."""

    seconds: float
    peak_mib: float
    runs: int


def once(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Seconds and peak MiB of one run of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**_as_installed(), **(environment or {})},
    )
    assert process.stderr is not None
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{error.decode()}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def _as_installed() -> dict[str, str]:
    """The environment, less what keeps Python from compiling modules once, as an installation has them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def compare(
    commands: Mapping[str, Sequence[str]], runs: int, before: Callable[[], None] = lambda: None
) -> dict[str, Figure]:
    """Run commands in turn, after one uncounted round; medians of each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            before()
            figures = once(command)
            if turn:
                taken[name].append(figures)
    return {
        name: Figure(
            statistics.median(seconds for seconds, _ in all_runs),
            statistics.median(peak for _, peak in all_runs),
            runs,
        )
        for name, all_runs in taken.items()
    }


def machine() -> str:
    """What the figures were taken on, in a line."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "pandas", "pyarrow", "numpy"))
    return f"{model}, {cores} cores; Python {platform.python_version()}, {packages}"


def row(*cells: object) -> None:
    """A row of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells: str) -> None:
    """The head of a Markdown table."""
    row(*cells)
    row(*("---" for _ in cells))
