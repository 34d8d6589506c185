"""What an answer holds, as a deployment's own package shapes it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Bank
from tests.server.conftest import Running

DIRECT = "async def shaping(request: Request):"
SOLVED = "def shaping(request: Request, team: Annotated[str, Header()]):"

PACKAGE = """
from typing import Annotated
from fastapi import Header, Request

{signature}
    asked_by = request.headers["team"]

    def shape(answer):
        return {{**answer, "team": asked_by, "scores": len(answer["scores"])}}

    return shape
"""


@pytest.mark.parametrize("signature", [DIRECT, SOLVED])
def test_an_installed_package_shapes_the_answers(
    signature: str, bank: Bank, serve: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "ours.py").write_text(PACKAGE.format(signature=signature))
    metadata = tmp_path / "ours-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[scorekit.responses]\nours = ours:shaping\n")
    service = serve(env={"PYTHONPATH": str(tmp_path)})
    for path in ("/v1/score/stream", "/v1/score/batch"):
        body = json.dumps({"features": bank.new.slice(0, 1).to_pylist()}).encode()
        headers = {"Content-Type": "application/json", "Team": "risk"}
        with urllib.request.urlopen(urllib.request.Request(f"{service.url}{path}", body, headers)) as answer:
            assert json.load(answer) == {"model": "bank", "version": 1, "scores": 1, "team": "risk"}
