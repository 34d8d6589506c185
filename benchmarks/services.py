"""Services that score the same model, each as its own documentation has it, with one worker.

MLServer and BentoML come into environments of their own in the ignored data folder. One that cannot be
installed is named and left out.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.measure import DATA, HERE, PYTHON, SCOREKIT

MODEL = "boosting"
WITHIN = 120.0
"""Seconds in which each of them is ready."""
MAX_BODY = 2**26

Record = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A way to serve the model.

    Attributes
    ----------
    name : str
    command : callable
        What starts it, for a port.
    path, ready : str
        Where it scores, and where it says that it can.
    asked : tuple of (int, float)
        How many times faster scorekit should be, by rows of a request.
    body : callable
        What is sent for records.
    scores : callable
        Those in an answer.
    environment : mapping
    """

    name: str
    command: Callable[[int], list[str]]
    path: str
    ready: str
    asked: Mapping[int, float] = field(default_factory=dict)
    body: Callable[[list[Record]], Any] = lambda records: {"features": records}
    scores: Callable[[Any], list[float]] = lambda answer: answer["scores"]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Its name in the names of files."""
        return re.sub(r"\W+", "-", self.name.lower())


@dataclass(frozen=True)
class Started:
    """A service that answers.

    Attributes
    ----------
    service : Service
    port : int
    pid : int
    seconds : float
        Until it was ready.
    """

    service: Service
    port: int
    pid: int
    seconds: float

    @property
    def url(self) -> str:
        """Where it scores."""
        return f"http://127.0.0.1:{self.port}{self.service.path}"

    def ask(self, records: list[Record]) -> list[float]:
        """The scores of records."""
        sent = json.dumps(self.service.body(records)).encode()
        request = urllib.request.Request(self.url, sent, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:
            return self.service.scores(json.loads(answer.read()))

    def mib(self) -> float:
        """Memory of the process and of those that it has begun, resident."""
        return sum(resident(pid) for pid in family(self.pid))


@contextmanager
def started(service: Service) -> Iterator[Started]:
    """Start a service and wait until it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    DATA.mkdir(exist_ok=True)
    environment = {**os.environ, "ESTIMATOR": str(estimator()), **service.environment}
    begun = time.monotonic()
    with (DATA / f"{service.short}.log").open("wb") as log:
        process = subprocess.Popen(
            service.command(port), cwd=HERE, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        _wait(service, port, process)
        yield Started(service, port, process.pid, time.monotonic() - begun)
    finally:
        process.terminate()
        process.wait()


def _wait(service: Service, port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{service.ready}", timeout=5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{service.name} does not become ready; see its log in {DATA}")


def resident(pid: int) -> float:
    """MiB of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found is not None else 0.0


def family(pid: int) -> list[int]:
    """A process and all that it and they have begun."""
    begun = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in begun for one in family(int(child)))]


def estimator() -> Path:
    """The fitted pipeline, for those that need it."""
    return data.model(MODEL) / "estimator.joblib"


# The services ----------------------------------------------------------------------------


def ours() -> Service:
    """`scorekit serve`, with state and quality as users have them."""
    options = ("-m", MODEL, "--store", str(data.STORE), "--max-body", str(MAX_BODY))
    return Service(
        "scorekit serve",
        lambda port: [*SCOREKIT, "serve", *options, "--port", str(port)],
        "/v1/score/batch",
        "/readyz",
        scores=lambda answer: [one["score"] for one in answer["scores"]],
    )


def plain() -> Service:
    """FastAPI, pandas and scikit-learn."""
    return Service(
        "FastAPI, pandas, scikit-learn", _uvicorn("plain_service"), "/score", "/ready", {1: 25, 100: 8}
    )


def plain_single() -> Service:
    """The same where scikit-learn may use one thread: for a single row others have nothing to do but wait."""
    one = {"OMP_NUM_THREADS": "1"}
    return replace(plain(), name="the same, one thread", asked={}, environment=one)


def empty() -> Service:
    """A route that reads the body, and no more."""
    return Service("an empty route", _uvicorn("empty_service"), "/", "/", scores=lambda _: [])


def _uvicorn(module: str) -> Callable[[int], list[str]]:
    fast = ("--loop", "uvloop", "--http", "httptools", "--log-level", "warning")
    return lambda port: [PYTHON, "-m", "uvicorn", f"{module}:app", "--port", str(port), *fast]


def mlserver() -> Service | None:
    """MLServer with its runtime for scikit-learn."""
    programs = _installed("mlserver", "mlserver-sklearn")
    if programs is None:
        return None
    return Service(
        "MLServer",
        lambda port: [str(programs / "mlserver"), "start", str(_mlserver_folder(port))],
        f"/v2/models/{MODEL}/infer",
        f"/v2/models/{MODEL}/ready",
        {1: 20},
        body=_columns,
        scores=lambda answer: answer["outputs"][0]["data"][1::2],
    )


def _mlserver_folder(port: int) -> Path:
    folder = DATA / "mlserver-model"
    folder.mkdir(exist_ok=True)
    # in the process that answers, which spares it the way to another; its pool fails with today's uvloop
    settings = {"parallel_workers": 0, "debug": False}
    settings |= {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    model = {
        "name": MODEL,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(estimator())},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return folder


def _columns(records: list[Record]) -> Any:
    """Records as the Open Inference Protocol has a data frame."""
    inputs = [_column(name, [record[name] for record in records]) for name in records[0]]
    wanted = [{"name": "predict_proba"}]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": wanted}


def _column(name: str, values: list[Any]) -> Any:
    text = isinstance(values[0], str)
    kind = {"datatype": "BYTES", "parameters": {"content_type": "str"}} if text else {"datatype": "INT64"}
    return {"name": name, "shape": [len(values), 1], "data": values, **kind}


def bentoml() -> Service | None:
    """BentoML; with more threads of OpenMP than one it answers two requests a second."""
    programs = _installed("bentoml", "pandas")
    if programs is None:
        return None
    return Service(
        "BentoML",
        lambda port: [str(programs / "bentoml"), "serve", "bento_service:Scoring", "--port", str(port)],
        "/score",
        "/readyz",
        {1: 20},
        scores=lambda answer: answer,
        environment={
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(DATA / "bentoml-home"),
            "OMP_NUM_THREADS": "1",
        },
    )


def _installed(name: str, *besides: str) -> Path | None:
    """The programs of an environment with a package and the scikit-learn of the pipeline."""
    folder = DATA / f"{name}-environment"
    done = folder / "installed"
    if not done.exists():
        print(f"installing {name} ...", file=sys.stderr)
        same = [f"{package}=={version(package)}" for package in ("scikit-learn", "joblib")]
        subprocess.run([PYTHON, "-m", "venv", folder], check=True)
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", name, *besides, *same]
        if subprocess.run(pip, check=False).returncode:
            print(f"{name} cannot be installed here, and is left out.\n")
            return None
        done.touch()
    return folder / "bin"
