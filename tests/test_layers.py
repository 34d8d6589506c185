"""Imports point down only: the architecture, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import scorekit

ROOT = Path(scorekit.__file__).parent

LAYERS: dict[str, float] = {
    "errors": 0,
    "schema": 0,
    "config": 0,
    "known_options": 0,
    "command_table": 0,
    "nearest": 0,
    "wording": 0,
    "progress": 0,
    "plain_values": 0,
    "s3": 0,
    "web": 0,
    "formats": 0,
    "engine": 1,
    "quality": 1,
    "store": 1,
    "tables": 1,
    "feeds": 1,
    "alerts": 1.25,
    "state": 1.5,
    "scoring": 2,
    "model": 2,
    "policy": 2,
    "gate": 2,
    "recording": 2,
    "fallbacks": 2,
    "answering": 2,
    "batch": 3,
    "stream": 3,
    "jobs": 3,
    "access": 3,
    "versions": 3,
    "comparison": 3,
    "switches": 3,
    "monitoring": 3,
    "training": 3,
    "doctor": 3,
    "policy_template": 3,
    "baselines": 3,
    "reporting": 3,
    "server": 4,
    "terminal": 4,
    "commands": 5,
    "cli": 6,
    "__main__": 7,
}
"""Package or module to its layer; ``render_*`` belong to layer 4."""

ONLY = {"rich": {"terminal", "render"}, "typer": {"cli", "commands"}, "fastapi": {"server"}}
"""Libraries that only some places know."""


def layer_of(name: str) -> float:
    return 4 if name.startswith("render") else LAYERS[name]


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py" or path.parent != ROOT)


def place(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names a module imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    own = place(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "scorekit" or parts[1] in (own, "__version__"):
            continue
        assert parts[1] in LAYERS or parts[1].startswith("render"), f"{name} is in no layer"
        below = layer_of(parts[1]) < layer_of(own)
        beside = layer_of(parts[1]) == layer_of(own) and layer_of(own) in (0, 2, 3, 4)
        assert below or beside, f"{own} (layer {layer_of(own)}) imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_is_known_in_its_place_only(path: Path) -> None:
    own = "render" if place(path).startswith("render") else place(path)
    for name in imported(path):
        known = ONLY.get(name.split(".")[0])
        assert known is None or own in known, f"{own} imports {name}"


def test_there_is_something_to_read() -> None:
    assert len(modules()) > 20
    assert "scorekit.errors.UsageError" in imported(ROOT / "config.py")
