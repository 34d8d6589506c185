"""Messages of a broker: `scorekit score-stream` against a loop that receives and sends, and scores nothing.

python -m benchmarks.brokers                  # all brokers
python -m benchmarks.brokers redis --quick    # one of them, one run
"""

from __future__ import annotations

import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import data, stream
from benchmarks.measure import HERE, PYTHON, SCOREKIT, head, machine, row
from benchmarks.queues import Place, chosen, numbered, opened

MESSAGES = 100_000
RUNS = 3
BEGUN = 0.1
"""Share of the answers after which the clock runs: starting is not what is compared."""
ASKED = 0.60
MODEL = "boosting"
WITHIN = 300.0
"""Seconds in which any run is over."""


def ours(place: Place) -> list[str]:
    """The stream, scoring."""
    model = ("-m", MODEL, "--store", str(data.STORE), "--quiet")
    return [*SCOREKIT, "score-stream", *model, "--source", place.source, "--sink", place.sink]


def plain(place: Place) -> list[str]:
    """The loop, which scores nothing."""
    return [PYTHON, str(HERE / "plain_broker.py"), *place.plain]


def rate(broker: str, command: object, lines: Sequence[bytes]) -> float:
    """Messages a second of one run, from the first answers to the last."""
    with opened(broker) as place:
        place.fill(lines)
        with subprocess.Popen(command(place)) as process:  # type: ignore[operator]
            try:
                return _timed(place, process, len(lines))
            finally:
                process.kill()


def _timed(place: Place, process: subprocess.Popen[bytes], count: int) -> float:
    until = time.monotonic() + WITHIN
    before, began = 0, 0.0
    while time.monotonic() < until and process.poll() is None:
        there, now = place.count(), time.monotonic()
        if there >= count:
            return (count - before) / (now - began)
        if not before and there >= BEGUN * count:
            before, began = there, now
        time.sleep(0.02)
    raise SystemExit(f"{place.name}: {place.count():,} of {count:,} answers")


def alone(lines: Sequence[bytes]) -> float:
    """Lines a second of the stream between files, its start left out: to score them costs that much."""
    rows = data.STORE.parent / "messages.jsonl"
    rows.write_bytes(b"\n".join([*lines, b""]))
    ends = ("--source", str(rows), "--sink", "/dev/null")
    command = [*SCOREKIT, "score-stream", "-m", MODEL, "--store", str(data.STORE), *ends]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = re.search(r"([\d,]+) rows/s", said)
    assert found is not None, said
    return float(found[1].replace(",", ""))


def main(*, quick: bool, brokers: Sequence[str] = ()) -> None:
    """Print the table."""
    data.model(MODEL)
    some = stream.lines(100_000).read_bytes().splitlines()
    lines = list(itertools.islice(numbered(some), MESSAGES))
    head(
        "broker", "scorekit messages/s", "loop messages/s", "share", "asked", "scoring alone", "share in turn"
    )
    for broker in chosen(brokers):
        found: dict[object, list[float]] = {ours: [], plain: [], alone: []}
        for _ in range(1 if quick else RUNS):
            for command in (ours, plain):
                found[command].append(rate(broker, command, lines))
            found[alone].append(alone(lines))
        mine, theirs, scoring = (statistics.median(rates) for rates in found.values())
        with opened(broker) as place:
            name = place.name
        in_turn = 1 / (1 / theirs + 1 / scoring)
        row(
            name,
            f"{mine:,.0f}",
            f"{theirs:,.0f}",
            f"**{mine / theirs:.0%}**",
            f"{ASKED:.0%}",
            f"{scoring:,.0f}",
            f"{mine / in_turn:.0%}",
        )


if __name__ == "__main__":
    print(machine(), end="\n\n")
    main(quick="--quick" in sys.argv, brokers=sys.argv[1:])
