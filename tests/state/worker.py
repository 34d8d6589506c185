"""A process of its own that works on a state: one JSON request a line, one answer a line.

``worker.py URL`` answers requests. ``worker.py URL hurry NUMBER`` waits for a line, then opens the
state, records ten windows as a run of its own and ends. ``worker.py URL quarrel NUMBER`` trips and
resets the switch fifty times. ``worker.py URL steady NUMBER`` records windows of one run, a line for
each, until there are so many or it is killed.
"""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

from scorekit.errors import ScorekitError
from scorekit.quality.switch import SwitchRules
from scorekit.state import migrate, place
from scorekit.state.ledger import Ledger
from tests.state.samples import record


def answer(ledger: Ledger, request: dict[str, Any]) -> Any:
    model, who = request["model"], request.get("who", "")
    if request["do"] == "trip":
        return ledger.trip(model, who, request["why"]).position
    if request["do"] == "reset":
        return ledger.reset(model, who, request["why"], half_open=request["half_open"]).position
    if request["do"] == "record":
        run = ledger.begin(model, 1, request["run_id"], "stream")
        poor, failed, rows = tuple(request["poor"]), request["failed"], request["rows"]
        made = record(
            ledger, run, request["number"], rows, poor, failed=failed, first_row=request["first_row"]
        )
        return [made.state.position, made.tripped, made.repeated]
    return ledger.switch(model).position


def serve(url: str) -> None:
    with Ledger.open(url=url) as ledger:
        for line in sys.stdin:
            try:
                said = {"ok": answer(ledger, json.loads(line))}
            except ScorekitError as error:
                said = {"error": error.code}
            print(json.dumps(said), flush=True)


def hurry(url: str, number: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    database = place.find(url=url)
    if not database.embedded:
        migrate.upgrade(database)
    with Ledger.open(url=url) as ledger:
        run = ledger.begin("bank", 1, f"run {number}", "batch")
        for window in range(10):
            record(ledger, run, window, 20, (3,))
        ledger.finish(run, "published", 200)


def quarrel(url: str, number: int) -> None:
    with Ledger.open(url=url) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        for time in range(50):
            if (time + number) % 2:
                ledger.trip("bank", f"worker {number}", str(time))
            else:
                ledger.reset("bank", f"worker {number}", str(time), half_open=time % 3 == 0)


def steady(url: str, number: int) -> None:
    with Ledger.open(url=url) as ledger:
        run = ledger.begin("bank", 1, "night", "stream")
        print("ready", flush=True)
        for window in range(number) if number else itertools.count():
            record(ledger, run, window, 20, (3,), rules=SwitchRules())
            print(window, flush=True)
        ledger.finish(run, "published", 20 * number)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    else:
        {"hurry": hurry, "quarrel": quarrel, "steady": steady}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))
