"""A service with models and windows to look at, keys to it, and a job that goes on elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorekit.jobs import TrainRequest, open_jobs
from tests.conftest import Bank, scorekit, train
from tests.server.conftest import Running, running
from tests.server.test_security import make, state_in
from tests.server.visitor import Visitor

ODD = "<script>window.bad=1</script>"
PAGES = ("/", "/models/bank", "/models/odd", "/jobs")


class Desk(NamedTuple):
    """The service.

    Attributes
    ----------
    service : Running
    keys : dict
        By scope.
    environment : dict
        Where its state is.
    store : Path
        Of ``bank``, and of ``odd``, which has a feature of an odd name.
    """

    service: Running
    keys: dict[str, str]
    environment: dict[str, str]
    store: Path

    def signed_in(self, scope: str) -> Visitor:
        """Somebody with a key of a scope."""
        visitor = Visitor(self.service)
        assert visitor.sign_in(self.keys[scope]).status == 303
        return visitor

    def position(self, model: str = "bank") -> str:
        """Of a switch."""
        asked = Visitor(self.service).ask(f"/v1/switch/{model}", X_API_Key=self.keys["score"])
        return str(json.loads(asked.text)["position"])

    def job(self) -> str:
        """A new job, on which a worker elsewhere is at work; its id."""
        with pytest.MonkeyPatch.context() as patch:
            _set(patch, self.environment)
            jobs = open_jobs(str(self.store))
            try:
                asked = TrainRequest(data=("rows.parquet",), target="y", name="later")
                job, _ = jobs.submit(asked, "key:ada")
                claimed = jobs.claim("elsewhere", timedelta(hours=1))
                assert claimed is not None
                assert claimed.id == job.id
                told = {"stage": "proof", "done": 1300, "total": 4521, "unit": "rows"}
                assert jobs.beat(claimed, timedelta(hours=1), told) == "held"
                return job.id
            finally:
                jobs.close()


@contextmanager
def opened(bank: Bank, folder: Path) -> Iterator[Desk]:
    """The service, while it is looked at."""
    store, environment = folder / "models", state_in(folder)
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))
    rows = pq.read_table(bank.store.parent / "bank.parquet")
    pq.write_table(pa.table({ODD: rows["age"], "job": rows["job"], "y": rows["y"]}), folder / "odd.parquet")
    options = ("--target", "y", "--name", "odd", "--estimator", "logistic", "--cv", 2)
    train([folder / "odd.parquet"], store, *options)
    with pytest.MonkeyPatch.context() as patch:
        _set(patch, environment)
        for number in range(2):
            pq.write_table(bank.new.slice(number * 400, 400), folder / f"{number}.parquet")
            _score(folder / f"{number}.parquet", "bank", store)
        _score(folder / "odd.parquet", "odd", store)
        made = make(environment, "score", "train", "admin")
    with running(folder, "--auth", "keys", env=environment, store=store) as service:
        found = Desk(service, made, environment, store)
        found.job()
        yield found


def _score(rows: Path, model: str, store: Path) -> None:
    scored = scorekit("score", rows, "-m", model, store=store)
    assert scored.returncode == 0, scored.stderr


def _set(patch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        patch.setenv(name, value)
