"""`scorekit serve` against services that score the same pipeline, by one load generator (wrk), in turn.

python -m benchmarks.serve            # all, half an hour
python -m benchmarks.serve --quick    # once over
python -m benchmarks.serve --hour     # an hour of load, for the memory alone
"""

from __future__ import annotations

import http.client
import json
import math
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from benchmarks import data
from benchmarks.batch import commands
from benchmarks.measure import DATA, HERE, head, machine, once, row
from benchmarks.services import (
    MODEL,
    Record,
    Service,
    Started,
    bentoml,
    empty,
    mlserver,
    ours,
    plain,
    plain_single,
    resident,
    started,
)

CONNECTIONS = 8
SAME = 50
"""Rows that all of them have to give the same scores."""
ROWS = (1, 100)
LATENCY = 10.0
BESIDE = 50.0
"""Milliseconds for 99 % of single rows, as asked: alone, and beside a large request."""
LARGE = 100_000
FILE = 1_000_000
FILE_ASKED = 1.5
MEMORY = 200.0
READY = 3.0


class Load(NamedTuple):
    """What came of a load: requests a second, milliseconds of half and of 99 % of them."""

    rate: float
    half: float
    most: float


def records(count: int, *, gaps: bool = False) -> list[Record]:
    """Adult rows; by default without gaps, which not every protocol can say."""
    table = pq.read_table(data.rows(100_000))
    found: list[Record] = (table if gaps else table.drop_null()).slice(0, count).to_pylist()
    return found


def bodies(service: Service, size: int) -> Path:
    """A file of bodies, a line each, with rows that follow each other."""
    path = DATA / f"bodies-{service.short}-{size}.jsonl"
    if not path.exists():
        rows = records(20_000)
        groups = [rows[start : start + size] for start in range(0, len(rows), size)]
        lines = [json.dumps(service.body(group), separators=(",", ":")) for group in groups]
        path.write_text("\n".join(lines))
    return path


def load(service: Started, size: int, seconds: float) -> Load:
    """Ask by wrk; every request has to be answered by 200."""
    printed, _ = _wrk(service, size, seconds).communicate()
    found = json.loads(printed.splitlines()[-1])
    if found["failed"]:
        raise SystemExit(f"{service.service.name}: {found['failed']} requests were not answered\n{printed}")
    return Load(found["requests"] / found["seconds"], found["half"], found["most"])


def _wrk(service: Started, size: int, seconds: float) -> subprocess.Popen[str]:
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "60s", "-s", HERE / "post.lua"]
    command = [*map(str, wrk), service.url, "--", str(bodies(service.service, size))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def same(services: Sequence[Started]) -> None:
    """Refuse to time what does not give the same answer."""
    rows = records(SAME)
    expected = services[0].ask(rows)
    for service in services[1:]:
        np.testing.assert_allclose(service.ask(rows), expected, rtol=1e-12, err_msg=service.service.name)


def side_by_side(rounds: int, seconds: float) -> None:
    """Print requests a second of all of them, in turn, and what share of the limit is had."""
    rivals = (plain(), plain_single(), mlserver(), bentoml())
    others = [service for service in rivals if service is not None]
    with ExitStack() as stack:
        contenders = [stack.enter_context(started(service)) for service in (ours(), *others)]
        limit = stack.enter_context(started(empty()))
        same(contenders)
        found: dict[tuple[str, int], list[Load]] = {}
        for turn in range(rounds + 1):
            for size in ROWS:
                for service in (*contenders, limit):
                    taken = load(service, size, seconds if turn else 2)
                    if turn:
                        found.setdefault((service.service.name, size), []).append(taken)
        for size in ROWS:
            _table(size, [*contenders, limit], found)


def _table(size: int, services: Sequence[Started], found: dict[tuple[str, int], list[Load]]) -> None:
    head(
        f"{size} rows a request" if size > 1 else "one row a request",
        "requests/s",
        "min–max",
        "50 % ms",
        "99 % ms",
        "asked",
        "scorekit is times faster",
        "min–max",
        "asked",
        "MiB",
    )
    mine = found[services[0].service.name, size]
    for place, service in enumerate(services):
        loads = found[service.service.name, size]
        rates = [one.rate for one in loads]
        times = [our.rate / one.rate if one.rate else math.inf for our, one in zip(mine, loads, strict=True)]
        asked = service.service.asked.get(size)
        row(
            service.service.name,
            f"{statistics.median(rates):,.0f}",
            _span(rates, ",.0f"),
            f"{statistics.median(one.half for one in loads):.2f}",
            f"{statistics.median(one.most for one in loads):.2f}",
            f"{LATENCY:.0f}" if place == 0 and size == 1 else "",
            _times(times) if place else "",
            _span(times, ".3g") if place else "",
            "" if asked is None else f"{asked:.0f}",
            f"{service.mib():.0f}",
        )
    print()


def _times(times: Sequence[float]) -> str:
    found = statistics.median(times)
    return f"**{found:.3g}**" if found > 1 else f"{found:.0%} of it"


def _span(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}}–{max(values):{form}}"


# A file, and a large request beside small ones -------------------------------------------


def file_as_body(rounds: int, count: int) -> None:
    """Print seconds of a Parquet body against those of `score-batch` on the file."""
    rows = data.rows(count)
    found: list[tuple[float, float]] = []
    with started(ours()) as service:
        for turn in range(rounds + 1):
            sent = _post(service, rows.read_bytes(), "application/vnd.apache.parquet")
            taken, _ = once(commands(MODEL, count)["scorekit"])
            if turn:
                found.append((sent, taken))
    head("rows of a Parquet body", "as a request s", "score-batch s", "ratio", "min–max", "asked")
    ratios = [body / file for body, file in found]
    row(
        f"{count:,}",
        f"{statistics.median(body for body, _ in found):.2f}",
        f"{statistics.median(file for _, file in found):.2f}",
        f"**{statistics.median(ratios):.2f}**",
        _span(ratios, ".2f"),
        FILE_ASKED,
    )
    print()


def _post(service: Started, body: bytes, kind: str) -> float:
    """Seconds until the whole answer is there."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    connection.request("POST", service.service.path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{service.service.name} answered {answer.status} to {kind}")
    return time.perf_counter() - begun


def beside_large(rounds: int, seconds: float) -> None:
    """Print milliseconds of single rows, alone and while one large request after the other is scored."""
    body = json.dumps({"features": records(LARGE, gaps=True)}, separators=(",", ":")).encode()
    alone, beside, slow = [], [], []
    with started(ours()) as service:
        for turn in range(rounds + 1):
            before = load(service, 1, seconds)
            with _repeated(service, body) as taken:
                meanwhile = load(service, 1, seconds)
            if turn:
                alone.append(before)
                beside.append(meanwhile)
                slow += taken
    head("single rows", "requests/s", "50 % ms", "99 % ms", "min–max", "asked")
    name = f"beside requests of {LARGE:,} rows, {statistics.median(slow):.1f} s each"
    for told, loads, asked in (("alone", alone, LATENCY), (name, beside, BESIDE)):
        most = [one.most for one in loads]
        rate, half = (statistics.median(getattr(one, of) for one in loads) for of in ("rate", "half"))
        row(
            told,
            f"{rate:,.0f}",
            f"{half:.2f}",
            f"**{statistics.median(most):.2f}**",
            _span(most, ".2f"),
            f"{asked:.0f}",
        )
    print()


@contextmanager
def _repeated(service: Started, body: bytes) -> Iterator[list[float]]:
    """Send a large body again and again, one at a time; gives the seconds that each took."""
    taken: list[float] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            taken.append(_post(service, body, "application/json"))

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield taken
    finally:
        ended.set()
        sending.join()


# Memory, and the start -------------------------------------------------------------------


def starting(rounds: int) -> None:
    """Print seconds until the port answers and the model is verified and warmed."""
    taken = []
    for turn in range(rounds + 1):
        with started(ours()) as service:
            if turn:
                taken.append(service.seconds)
    head("ready after s", "min–max", "asked")
    row(f"**{statistics.median(taken):.2f}**", _span(taken, ".2f"), f"{READY:.0f}")
    print()


def memory(seconds: float) -> None:
    """Print what a worker holds while it is asked for single rows, hundreds, and now and then for many."""
    large = json.dumps({"features": records(20_000)}).encode()
    found: list[tuple[float, float]] = []
    with started(ours()) as service, ExitStack() as stack:
        loads = [_wrk(service, size, seconds) for size in ROWS]
        for process in loads:
            stack.callback(process.kill)
        begun = time.monotonic()
        while loads[0].poll() is None:
            _post(service, large, "application/json")
            time.sleep(min(5.0, seconds / 40))
            found.append((time.monotonic() - begun, resident(service.pid)))
    half = [(at, mib) for at, mib in found if at > seconds / 2]
    slope, _ = statistics.linear_regression(*zip(*half, strict=True))
    head("minutes of load", "MiB at a tenth", "at the half", "at the end", "most", "asked", "MiB an hour")
    marks = [next(mib for at, mib in found if at >= share * seconds * 0.95) for share in (0.1, 0.5, 1.0)]
    most = max(mib for _, mib in found)
    marks_told = (f"{mark:.0f}" for mark in marks)
    grows = f"{3600 * slope:+.0f}" if seconds > 120 else "–"  # before that the allocator fills up
    row(f"{seconds / 60:.1f}", *marks_told, f"**{most:.0f}**", f"{MEMORY:.0f}", grows)
    print()


def main(*, quick: bool) -> None:
    """Print all tables."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt install wrk")
    data.model(MODEL)
    rounds, seconds = (1, 3) if quick else (5, 20)
    side_by_side(rounds, seconds)
    file_as_body(rounds, 100_000 if quick else FILE)
    beside_large(rounds, 10 if quick else 30)
    starting(rounds)
    memory(30 if quick else 300)


if __name__ == "__main__":
    print(machine(), end="\n\n")
    if "--hour" in sys.argv:
        data.model(MODEL)
        memory(3600)
    else:
        main(quick="--quick" in sys.argv)
