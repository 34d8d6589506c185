"""What goes on between requests ends for no failure."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from scorekit.server.logs import Log
from scorekit.server.served import TICK
from scorekit.server.service import Service
from scorekit.server.settings import ServeSettings
from tests.conftest import Bank


def test_a_failure_between_requests_is_told_once_and_ends_nothing(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "models"
    shutil.copytree(bank.store, store, ignore=shutil.ignore_patterns(".scorekit"))

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
