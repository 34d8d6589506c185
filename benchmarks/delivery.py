"""Delivery: `scorekit score-stream` is killed again and again, and no message may be lost.

python -m benchmarks.delivery                  # all brokers, a quarter of an hour
python -m benchmarks.delivery redis --quick    # one of them, a few kills
"""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.measure import SCOREKIT, head, row
from benchmarks.queues import Place, chosen, numbered, opened

MESSAGES, KILLS = 200_000, 50
QUICK = 10_000, 5
BATCH = 500
"""Messages of a batch, so that most kills fall into one."""
AHEAD = 4
"""Shares of a life, at the mean, that wait at its beginning."""
PAUSE = 0.05
"""Seconds between an answer and a kill, at most."""
STILL = 10.0
"""Seconds without a further answer, after which none will come; longer than any broker holds a message."""
STUCK = 120.0
"""Seconds without an answer that is due, after which something is wrong."""
MODEL = "boosting"


@dataclass(frozen=True)
class Figures:
    """What came of it.

    Attributes
    ----------
    messages, kills, batch : int
    lost : int
        Messages without an answer.
    duplicates : int
        Answers beyond the first to a message.
    ids : int
        Distinct ids of answers; as many as messages, where each has the same one every time.
    differing : int
        Answers unlike the first one to their message.
    """

    messages: int
    kills: int
    batch: int
    lost: int
    duplicates: int
    ids: int
    differing: int

    @property
    def allowed(self) -> int:
        """Duplicates that may be."""
        return self.kills * self.batch

    @property
    def held(self) -> bool:
        """Whether all is as promised."""
        return not self.lost and not self.differing and self.duplicates <= self.allowed

    @property
    def known(self) -> bool:
        """Whether whoever reads the answers can tell every duplicate by its id."""
        return self.ids == self.messages


def survive(
    place: Place,
    lines: Iterator[bytes],
    messages: int,
    kills: int,
    *,
    model: str,
    store: object,
    still: float = STILL,
) -> Figures:
    """Put lines there, kill what answers them at moments drawn at random, and see what came of it.

    Parameters
    ----------
    place : Place
    lines : iterator of bytes
        JSON objects without end, each with an ``id`` of its own: a number from 0 on.
    messages, kills : int
        At least so many messages, and exactly so many kills.
    model : str
    store : str or Path
    still : float
        Seconds without a further answer, after which none will come.
    """
    chance = random.Random(messages)
    command = [*SCOREKIT, "score-stream", "-m", model, "--store", str(store), "--id-column", "id", "--quiet"]
    command += ["--source", place.source, "--sink", place.sink, "--batch-size", str(BATCH)]
    share, put = messages // kills, 0
    for _ in range(kills):
        there = place.count()
        # never so few that a kill falls into idleness
        while put < there + AHEAD * share:
            place.fill(list(itertools.islice(lines, share)))
            put += share
        with _Life(command) as life:
            life.await_answers(place, there + chance.randint(1, share))
            # so that it falls anywhere between two answers
            time.sleep(chance.uniform(0, PAUSE))
    there, last = place.count(), max(share, messages - put)
    place.fill(list(itertools.islice(lines, last)))
    with _Life(command) as life:
        life.await_answers(place, there + 1)
        life.await_rest(place, still)
    return _figures(place, put + last, kills, BATCH)


class _Life:
    """A process, from its start until it is killed."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=self._said)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._said.close()

    def await_answers(self, place: Place, count: int) -> None:
        """Wait until so many answers are there."""
        until = time.monotonic() + STUCK
        while place.count() < count:
            self._check(until)
            time.sleep(0.005)

    def await_rest(self, place: Place, still: float) -> None:
        """Wait until no further answers come, and end in good order."""
        until, there, since = time.monotonic() + STUCK, place.count(), time.monotonic()
        while time.monotonic() - since < still:
            self._check(until)
            time.sleep(0.2)
            if (now := place.count()) != there:
                until, there, since = time.monotonic() + STUCK, now, time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(STUCK) != 128 + signal.SIGTERM:
            self._fail("it did not end in good order")

    def _check(self, until: float) -> None:
        if self._process.poll() is not None:
            self._fail(f"it ended by itself: {self._process.returncode}")
        if time.monotonic() > until:
            self._fail("no answer comes")

    def _fail(self, why: str) -> None:
        self._said.seek(0)
        raise SystemExit(f"{why}\n{self._said.read().decode()}")


def _figures(place: Place, messages: int, kills: int, batch: int) -> Figures:
    first: dict[int, bytes] = {}
    ids: set[str] = set()
    count = differing = 0
    for value, known_by in place.answers():
        count += 1
        ids.add(known_by)
        answer: dict[str, Any] = json.loads(value)
        differing += first.setdefault(answer["id"], value) != value
    return Figures(
        messages=messages,
        kills=kills,
        batch=batch,
        lost=len(set(range(messages)) - first.keys()),
        duplicates=count - len(first),
        ids=len(ids),
        differing=differing,
    )


def main(*, quick: bool, brokers: Sequence[str] = ()) -> None:
    """Print the table; ends with an error where a promise was not kept."""
    from benchmarks import data, stream

    data.model(MODEL)
    count, kills = QUICK if quick else (MESSAGES, KILLS)
    path: Path = stream.lines(100_000)
    some = path.read_bytes().splitlines()
    head("broker", "messages", "kill -9", "batch", "lost", "answered twice", "allowed", "ids")
    broken = []
    for broker in chosen(brokers):
        with opened(broker) as place:
            found = survive(place, numbered(some), count, kills, model=MODEL, store=data.STORE)
        row(
            place.name,
            f"{found.messages:,}",
            found.kills,
            found.batch,
            f"**{found.lost}**",
            f"**{found.duplicates:,}**",
            f"{found.allowed:,}",
            f"{found.ids:,}",
        )
        if not (found.held and found.known):
            broken.append(f"{place.name}: {found}")
    if broken:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv, brokers=sys.argv[1:])
