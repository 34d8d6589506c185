"""A process of its own that works on a store: one JSON request a line, one answer a line.

``worker.py URI`` answers requests, of the store at ``URI`` unless they name another below it.
``worker.py URI crash STEP`` publishes to ``URI/1``, ``URI/2``, … in children that are killed at the
first, second, … line of the store's code they run, or at every ``STEP``th. ``worker.py URI doomed``
does so where and at the line that each request says.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import scorekit.store.local
import scorekit.store.s3
from scorekit.errors import ScorekitError
from scorekit.store.versions import Ref, Store
from tests.store import example

STORE_CODE = str(Path(scorekit.store.local.__file__).parent)


def answer(store: Store, request: dict[str, Any]) -> Any:
    name, who = request["name"], f"process {os.getpid()}"
    if request["do"] == "publish":
        made = store.publish(
            example.manifest(name), example.files(request["mark"]), by=who, alias=request.get("alias")
        )
        return {"version": made.version, "digest": made.digest}
    if request["do"] == "promote":
        ref = Ref(name, request["version"])
        return store.promote(ref, request["alias"], by=who, why=request["why"]).version
    if request["do"] == "rollback":
        return store.rollback(name, request["alias"], by=who, why=request["why"]).version
    if request["do"] == "versions":
        return store.versions(name)
    if request["do"] == "verify":
        return store.verify(Ref(name, request["version"])).problems
    if request["do"] == "aliases":
        return {alias: record.version for alias, record in store.aliases(name).items()}
    if request["do"] == "history":
        moves = store.history(name, request["alias"])
        return [[move.from_version, move.to_version, move.why] for move in moves]
    return store.manifest(store.resolve(f"{name}@{request['alias']}")).version


def serve(uri: str) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = {"ok": answer(Store.open(f"{uri}{request.get('below', '')}"), request)}
        except ScorekitError as error:
            said = {"error": error.code, "message": error.message}
        print(json.dumps(said), flush=True)


def crash(uri: str, step: int) -> None:
    """Report how each child ended, and wait for a line before the next."""
    moment = 0
    while True:
        moment += 1
        finished = _published(f"{uri}/{moment}", 1 + (moment - 1) * step, "challenger")
        print("finished" if finished else "killed", flush=True)
        if finished or not sys.stdin.readline():
            return


def doom(uri: str) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        finished = _published(f"{uri}{request['below']}", request["moment"], request["alias"])
        print(json.dumps({"ok": finished}), flush=True)


def _published(uri: str, moment: int, alias: str | None) -> bool:
    """Publish in a child that is killed at a line, and say whether it came to the end before."""
    child = os.fork()
    if child == 0:
        _die_at_line(moment)
        Store.open(uri).publish(example.manifest(), example.files("doomed"), by="doomed", alias=alias)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _die_at_line(moment: int) -> None:
    seen = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(STORE_CODE):
            return None
        if event == "line":
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


if __name__ == "__main__":
    if sys.argv[2:3] == ["crash"]:
        crash(sys.argv[1], int(sys.argv[3]))
    elif sys.argv[2:3] == ["doomed"]:
        doom(sys.argv[1])
    else:
        serve(sys.argv[1])
