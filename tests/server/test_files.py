"""Files that are sent leave nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from scorekit.server.files import FileAnswer

SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "headers": []}


async def nothing(*_: Any) -> Any:
    """Waits for what does not come."""
    await asyncio.sleep(60)


async def failure(*_: Any) -> Any:
    """Cannot send."""
    raise TimeoutError


@pytest.mark.parametrize("send", [nothing, failure])
def test_a_file_is_removed_whose_sending_is_broken_off(tmp_path: Path, send: Any) -> None:
    folder = tmp_path / "answer"
    folder.mkdir()
    (folder / "scores.csv").write_text("score\n0.5\n")

    async def answered() -> None:
        async with asyncio.timeout(0.1):
            await FileAnswer(folder, folder / "scores.csv")(SCOPE, nothing, send)

    with pytest.raises(TimeoutError):
        asyncio.run(answered())
    assert not folder.exists()
