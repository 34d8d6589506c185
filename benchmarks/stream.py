"""scorekit score-stream against a plain pandas and joblib script over the same JSON lines.

python -m benchmarks.stream            # all, some minutes
python -m benchmarks.stream --quick    # one run each, no million lines, no ten million
"""

from __future__ import annotations

import fcntl
import json
import re
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import data
from benchmarks.measure import DATA, HERE, PYTHON, SCOREKIT, compare, head, machine, row

MODEL = "boosting"
CASES = ((100_000, 0.30), (1_000_000, 0.22))
"""Lines, and the share of the plain script's time that was asked for."""
CHUNK = 10_000
BLOCK = 100_000
"""Lines that are written again and again to measure memory."""
SINGLE = 300
"""Lines that the script which takes them one by one is timed with."""
ASKED = (0.5, 2.0, 200.0, 1000.0)
"""Median and 99 % of the milliseconds of a line, MiB at most, and times the rows a second."""


def lines(count: int) -> Path:
    """Adult rows as JSON lines."""
    path = DATA / f"adult-{count}.jsonl"
    if not path.exists():
        rows = pq.read_table(data.rows(min(count, 1_000_000)))
        with path.open("w") as file:
            for _ in range(max(1, count // 1_000_000)):
                for batch in rows.to_batches(max_chunksize=50_000):
                    file.write("".join(f"{json.dumps(record)}\n" for record in batch.to_pylist()))
    return path


def ours(count: int, out: Path) -> tuple[str, ...]:
    """The stream, as a pipe from a file to a file."""
    command = " ".join(map(str, (*SCOREKIT, "score-stream", "-m", MODEL, "--store", data.STORE)))
    return ("sh", "-c", f"exec {command} < {lines(count)} > {out}")


def plain(count: int, chunk: int, out: Path) -> tuple[str, ...]:
    """The script, the same way."""
    folder = data.model(MODEL)
    script = f"{PYTHON} {HERE / 'plain_stream.py'} {folder / 'estimator.joblib'} {chunk}"
    return ("sh", "-c", f"exec {script} < {lines(count)} > {out}")


def difference(one: Path, other: Path) -> float:
    """Largest difference of two outputs: a time counts only for the same answer."""
    with one.open() as ours, other.open() as theirs:
        pairs = zip(ours, theirs, strict=True)
        found: float = max(
            abs(json.loads(mine)["score"] - json.loads(yours)["score"]) for mine, yours in pairs
        )
        return found


def throughput(runs: int, cases: tuple[tuple[int, float], ...]) -> float:
    """Print whole processes against whole processes; lines a second of ours, at the most."""
    best = 0.0
    head("lines", "scorekit s", "pandas s", "ratio", "asked", "lines/s", "MiB", "pandas MiB", "difference")
    for count, asked in cases:
        mine, theirs = DATA / "ours.jsonl", DATA / "plain.jsonl"
        figures = compare({"ours": ours(count, mine), "plain": plain(count, CHUNK, theirs)}, runs)
        found, other = figures["ours"], figures["plain"]
        best = max(best, count / found.seconds)
        row(
            f"{count:,}",
            f"{found.seconds:.2f}",
            f"{other.seconds:.2f}",
            f"**{found.seconds / other.seconds:.3f}**",
            asked,
            f"{count / found.seconds:,.0f}",
            f"{found.peak_mib:.0f}",
            f"{other.peak_mib:.0f}",
            f"{difference(mine, theirs):.0e}",
        )
    return best


def single(best: float) -> None:
    """Print how many lines a second a script answers that takes them one by one, its start left out."""
    few = DATA / "few.jsonl"
    few.write_text("".join(lines(CASES[0][0]).open().readline() for _ in range(SINGLE)))
    script = [PYTHON, str(HERE / "plain_stream.py"), str(data.model(MODEL) / "estimator.joblib"), "1"]
    taken = _answers(script, few.read_bytes().splitlines(keepends=True))
    rate = 1000 / statistics.mean(taken[1:])
    head("lines/s", "one by one with pandas", "times", "asked")
    row(f"{best:,.0f}", f"{rate:,.1f}", f"**{best / rate:,.0f}**", f"{ASKED[3]:,.0f}")


def latency() -> None:
    """Print milliseconds from a line to its answer, each waiting for the one before."""
    some = [line for line, _ in zip(lines(CASES[0][0]).open("rb"), range(5001), strict=False)]
    command = [*SCOREKIT, "score-stream", "-m", MODEL, "--store", str(data.STORE), "--quiet"]
    taken = sorted(_answers(command, some)[1:])
    head("one line at a time", "ms", "asked")
    for share, asked in ((0.5, ASKED[0]), (0.99, ASKED[1])):
        row(f"{share:.0%}", f"{taken[int(share * len(taken))]:.2f}", asked)


def _answers(command: list[str], some: list[bytes]) -> list[float]:
    """Milliseconds of each answer."""
    taken = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in some:
            started = time.perf_counter()
            process.stdin.write(line)
            process.stdin.flush()
            process.stdout.readline()
            taken.append(1000 * (time.perf_counter() - started))
        process.stdin.close()
    return taken


def memory(counts: tuple[int, ...]) -> None:
    """Print that memory does not grow with the number of lines, which are written while they are read."""
    head("lines", "peak MiB", "asked")
    for count in counts:
        row(f"{count:,}", f"**{peak(count):.0f}**", f"{ASKED[2]:.0f}")


def peak(count: int) -> float:
    """Most MiB that a stream of so many lines takes, by the system's own record of its process."""
    block = lines(BLOCK)
    with subprocess.Popen(
        [*SCOREKIT, "score-stream", "-m", MODEL, "--store", str(data.STORE), "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        writer = f"for _ in $(seq {count // BLOCK}); do cat {block}; done"
        subprocess.run(["sh", "-c", writer], stdout=process.stdin, check=True)
        _await_empty(process.stdin.fileno())
        status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) / 1024


def _await_empty(pipe: int) -> None:
    """Wait until all that was written has been read, and answered."""
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]:
        time.sleep(0.05)
    time.sleep(1)


def main(*, quick: bool) -> None:
    """Print all tables."""
    data.model(MODEL)
    memory((100_000,) if quick else (1_000_000, 10_000_000))
    print()
    best = throughput(1 if quick else 5, CASES[:1] if quick else CASES)
    print()
    single(best)
    print()
    latency()


if __name__ == "__main__":
    print(machine(), end="\n\n")
    main(quick="--quick" in sys.argv)
