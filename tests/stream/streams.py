"""Streams to test: a process at both ends of which a test sits, and one in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorekit.stream import Places, StreamOptions, StreamResult, score_stream
from tests.conftest import Bank


def lines_of(table: pa.Table) -> list[bytes]:
    """Rows as lines, without their ends."""
    return [json.dumps(row).encode() for row in table.to_pylist()]


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def answers(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def piped(bank: Bank, data: bytes, *args: object, code: int | None = 0) -> subprocess.CompletedProcess[bytes]:
    """A stream over some bytes, in a process of its own."""
    done: Any = bank.run("score-stream", *args, text=False, input=data, timeout=120)
    assert code is None or done.returncode == code, done
    found: subprocess.CompletedProcess[bytes] = done
    return found


@contextmanager
def running(
    store: Path, *args: object, stdin: Any = subprocess.PIPE, stdout: Any = subprocess.PIPE, **kwargs: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A stream at work."""
    command = [sys.executable, "-m", "scorekit", "score-stream", *map(str, args)]
    environment = {**os.environ, "SCOREKIT_STORE": str(store)}
    with subprocess.Popen(
        command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment, **kwargs
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
    """Send a line and wait for its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def streamed(
    store: Path, lines: Sequence[bytes], folder: Path, options: StreamOptions | None = None, **kwargs: Any
) -> tuple[list[dict[str, Any]], StreamResult]:
    """A stream from file to file in this process: its answers, and what became of it."""
    source, sink = folder / "in.jsonl", folder / "out.jsonl"
    source.write_bytes(joined(lines))
    sink.unlink(missing_ok=True)
    places = Places(str(source), str(sink), **kwargs.pop("places", {}))
    try:
        result = score_stream(places, store=str(store), options=options, **kwargs)
    finally:
        found = answers(sink.read_bytes()) if sink.exists() else []
    return found, result
