"""Killed at any moment, stopped, two at once: a version is there whole, or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scorekit.store.versions import Ref, Store
from tests.training.samples import bank

KILLS = 10


@pytest.fixture
def data(tmp_path: Path) -> Path:
    pq.write_table(bank(300), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def start(data: Path, store: str, *args: str) -> subprocess.Popen[str]:
    options = ["--target", "y", "--name", "bank", "--estimator", "tree", "--cv", "0", "--store", store]
    command = [sys.executable, "-m", "scorekit", "train", str(data), *options, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for a training that succeeds, and give what it said."""
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 0, error
    return error


def assert_whole(store: Store) -> list[int]:
    """Every version there is holds."""
    versions = store.versions("bank")
    for version in versions:
        assert store.verify(Ref("bank", version)).problems == ()
    return versions


def staged(root: Path) -> list[Path]:
    """Versions that are being written."""
    return list((root / "bank").glob(".staging-*/version"))


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition() and process.poll() is None:
        time.sleep(0.001)


def test_killed_at_any_moment_training_leaves_whole_versions_only(data: Path, tmp_path: Path) -> None:
    """Half of the kills come at any time, the other half while a version is written."""
    root = tmp_path / "models"
    store = Store.open(str(root))
    started = time.monotonic()
    ended(start(data, str(root)))
    takes = time.monotonic() - started
    chance = random.Random(11)
    killed = 0
    for number in range(KILLS):
        process = start(data, str(root))
        if number % 2:
            wait_until(lambda: staged(root), process)
            time.sleep(chance.uniform(0, 0.03))
        else:
            time.sleep(takes * chance.uniform(0.2, 1))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        before = assert_whole(store)
    assert killed > KILLS / 2, "most of them were too late"
    ended(start(data, str(root)))
    assert assert_whole(store) == [*before, before[-1] + 1]
    assert staged(root) == [], "what the dead had begun was not swept up"
    assert not list(root.rglob(".staging-*"))
    assert store.resolve("bank") == Ref("bank", 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal_it_leaves_by_its_code_and_leaves_nothing(
    number: int, data: Path, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    process = start(data, str(root), "--verbose", "--log-format", "json")
    assert process.stderr is not None
    for line in process.stderr:
        if '"stage"' in line and '"proof' in line:
            break
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[number], error
    assert not root.exists()


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_two_trainers_at_once_get_a_version_each(
    kind: str, data: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = str(tmp_path / "models")
    if kind == "s3":
        place = f"s3://{request.getfixturevalue('bucket')}/models"
    trainers = [start(data, place, "--seed", str(seed)) for seed in (1, 2)]
    said = [ended(trainer) for trainer in trainers]
    assert sorted(text.split("trained bank:")[1][0] for text in said) == ["1", "2"]
    store = Store.open(place)
    assert assert_whole(store) == [1, 2]
    seeds = [store.manifest(Ref("bank", version)).recipe["seed"] for version in (1, 2)]
    assert sorted(seeds) == [1, 2]
    assert sum("(champion)" in text for text in said) == 1


def test_one_that_publishes_while_another_is_in_the_middle_of_it(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    first = start(data, str(root))
    wait_until(lambda: staged(root), first)
    os.kill(first.pid, signal.SIGSTOP)
    second = ended(start(data, str(root)))
    whole = assert_whole(Store.open(str(root)))
    os.kill(first.pid, signal.SIGCONT)
    ended(first)
    assert whole in ([1], [1, 2])
    assert f"trained bank:{whole[-1]}" in second
    assert assert_whole(Store.open(str(root))) == [1, 2]
    assert not list(root.rglob(".staging-*"))
