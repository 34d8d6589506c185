"""Driving ``worker.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]


class Worker:
    """Another process that works on the same state."""

    def __init__(self, url: str, *mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.state.worker", url, *mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ask(self, do: str, **request: Any) -> Any:
        self.say(json.dumps({"do": do, **request}))
        return json.loads(self.line())["ok"]


def at_once(url: str, mode: str, count: int) -> None:
    """Let workers do the same at the same moment; all have to succeed."""
    workers = [Worker(url, mode, str(number)) for number in range(count)]
    assert [worker.line() for worker in workers] == ["ready"] * count
    for worker in workers:
        worker.say("go")
    said = [worker.process.communicate(timeout=120)[1] for worker in workers]
    assert [(worker.process.returncode, text) for worker, text in zip(workers, said, strict=True)] == [
        (0, "")
    ] * count
