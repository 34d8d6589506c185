"""What is served, where, and that no failure between requests ends it."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from scorekit.alerts.settings import AlertSettings, WebhookSettings
from scorekit.errors import ModelError, ModelNotFound, Unreachable
from scorekit.gate import Decision, Gate
from scorekit.policy import Policy
from scorekit.server.fleet import Fleet
from scorekit.server.logs import Log
from scorekit.server.served import TICK
from scorekit.server.service import Service
from scorekit.server.settings import ServeSettings, Tls
from scorekit.server.switches import BELIEVED
from scorekit.stream.telling import Telling
from scorekit.stream.windows import Cut, Extent
from tests.conftest import Bank
from tests.server.conftest import PATIENCE


@pytest.fixture
def store(bank: Bank, tmp_path: Path) -> Path:
    """The bank's store, with a state of its own."""
    folder = tmp_path / "models"
    shutil.copytree(bank.store, folder, ignore=shutil.ignore_patterns(".scorekit"))
    return folder


def test_a_failure_between_requests_is_told_once_and_ends_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    async def run() -> int:
        service = Service(ServeSettings(store=str(store)), Log())
        await service.start()
        served = await service.fleet.of("bank")
        looks = 0

        async def look() -> None:
            nonlocal looks
            looks += 1
            raise LookupError("a fault that nobody thought of")

        monkeypatch.setattr(served.watch, "look", look)
        await asyncio.sleep(10 * TICK)
        await service.stop()
        return looks

    assert asyncio.run(run()) > 2
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    said = [line["message"] for line in lines if line["event"] == "failed"]
    assert said == ["LookupError was raised between requests"]


def test_what_cannot_begin_leaves_nothing_at_work(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    began = Fleet.start
    monkeypatch.setattr("scorekit.server.service.AGAIN", 0.01)
    faults = [
        Unreachable("the store is away"),
        Unreachable("and still"),
        ModelError("another broke it"),
        LookupError("a fault that nobody thought of"),
    ]
    following: list[int] = []

    async def start(fleet: Fleet) -> None:
        await began(fleet)
        following.append(sum(thread.name == "follow" for thread in threading.enumerate()))
        if faults:
            raise faults.pop(0)

    async def run() -> None:
        service = Service(ServeSettings(store=str(store)), Log())
        await service.start()
        async with asyncio.timeout(PATIENCE):
            while not service.ready:
                await asyncio.sleep(0.01)
        await service.stop()

    monkeypatch.setattr(Fleet, "start", start)
    asyncio.run(run())
    assert following == [1, 1, 1, 1, 1]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    said = [line["message"] for line in lines if line["event"] == "failed"]
    assert said == [
        "the store is away",
        "another broke it",
        "LookupError was raised before anything was served",
    ]


def test_the_switch_is_known_while_all_that_is_slow_waits_for_threads(store: Path) -> None:

    async def run() -> None:
        service = Service(ServeSettings(store=str(store)), Log(quiet=True))
        await service.start()
        served = await service.fleet.of("bank")
        let_go = threading.Event()
        slow = [asyncio.ensure_future(asyncio.to_thread(let_go.wait, PATIENCE)) for _ in range(100)]
        try:
            await asyncio.sleep(2 * BELIEVED)
            await served.check()
        finally:
            let_go.set()
            await asyncio.gather(*slow)
            await service.stop()

    asyncio.run(run())


def test_nobody_waits_for_the_alerts_of_a_model_that_is_let_go(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Telling.close
    nowhere = AlertSettings(channels=(WebhookSettings(kind="webhook", url="http://127.0.0.1:9"),))
    closing: list[threading.Thread] = []

    def seen(telling: Telling) -> None:
        closing.append(threading.current_thread())
        close(telling)

    async def run() -> None:
        service = Service(ServeSettings(store=str(store), policy=Policy(alerts=nowhere)), Log(quiet=True))
        await service.start()
        await service.fleet.of("bank")
        await service.stop()

    monkeypatch.setattr(Telling, "close", seen)
    asyncio.run(run())
    assert len(closing) == 1
    assert closing[0] is not threading.main_thread()


def test_where_an_alias_is_served_the_version_it_stands_at_is_served_by_its_number(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    async def run() -> None:
        service = Service(ServeSettings(store=str(store), models=("bank",)), Log())
        await service.start()
        assert str((await service.fleet.of("bank:1")).lane.ref) == "bank:1"
        for other in ("bank:2", "bank@other", "shop"):
            with pytest.raises(ModelNotFound, match="is not served here"):
                await service.fleet.of(other)
        await service.stop()

    asyncio.run(run())
    (ready,) = [
        line for line in map(json.loads, capsys.readouterr().err.splitlines()) if line["event"] == "ready"
    ]
    assert (ready["url"], ready["models"]) == ("http://127.0.0.1:8080", ["bank:1"])


def test_a_model_that_makes_way_answers_what_it_has_and_holds_up_no_other(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.server.fleet.MOST", 1)

    async def run() -> None:
        service = Service(ServeSettings(store=str(store)), Log(quiet=True))
        await service.start()
        before = await service.fleet.of("bank")
        with before.lane.at_work():
            async with asyncio.timeout(PATIENCE):
                assert await service.fleet.of("bank:1") is not before
            await asyncio.sleep(2 * BELIEVED)
            await before.check()  # the switch is still looked at for it
        await service.stop()

    asyncio.run(run())


def test_of_windows_that_fill_up_while_one_is_judged_the_oldest_make_room_and_none_is_judged_twice(
    bank: Bank, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorekit.server.lane._WAITING", 2)
    began, free, judged = threading.Event(), threading.Event(), list[int]()
    decide = Cut.decide

    def slowly(cut: Cut, gate: Gate) -> Decision:
        began.set()
        assert free.wait(PATIENCE)
        judged.append(cut.number)
        return decide(cut, gate)

    monkeypatch.setattr(Cut, "decide", slowly)
    rows = bank.new.slice(0, 10).to_pylist()

    async def run() -> None:
        service = Service(ServeSettings(store=str(store), extent=Extent(rows=10)), Log(quiet=True))
        await service.start()
        lane = (await service.fleet.of("bank")).lane
        await lane.score(rows, ())
        first = asyncio.create_task(lane.judge())
        assert await asyncio.to_thread(began.wait, PATIENCE)
        others = []
        for _ in range(3):
            await lane.score(rows, ())
            others.append(asyncio.create_task(lane.judge()))
            await asyncio.sleep(0)
        free.set()
        await asyncio.gather(first, *others)
        assert not lane.finished
        await service.stop()

    asyncio.run(run())
    assert judged == [0, 2, 3]


def test_where_it_answers() -> None:
    assert ServeSettings(store="", host="::1", port=9).url == "http://[::1]:9"
    assert ServeSettings(store="", tls=Tls(certfile="", keyfile="")).url == "https://127.0.0.1:8080"
