"""A night's run, for each test a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.nights import Night, make_night
from tests.conftest import Bank


@pytest.fixture
def night(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Night:
    return make_night(bank, tmp_path, monkeypatch, capsys)
