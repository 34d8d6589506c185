"""Every event of the log is known by its name: log tools define their alerts on it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import scorekit
from scorekit.server.logs import EVENTS, LIBRARIES

ROOT = Path(scorekit.__file__).parent
WRITERS = {"event", "warn", "fail"}


def writes(node: ast.expr) -> bool:
    """Whether it is a method of a log that writes."""
    if not isinstance(node, ast.Attribute) or node.attr not in WRITERS:
        return False
    of = node.value
    name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
    return name.lstrip("_") == "log"


def names(tree: ast.AST) -> Iterator[ast.expr]:
    """What is given as the name of an event: ``log.event(name, …)`` and ``partial(log.warn, name)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if writes(node.func):
                yield node.args[0]
            elif node.args and writes(node.args[0]):
                yield node.args[1]


def written() -> dict[str, list[ast.expr]]:
    """What each file gives as names of events."""
    found = {
        str(path.relative_to(ROOT)): list(names(ast.parse(path.read_text()))) for path in ROOT.rglob("*.py")
    }
    return {path: given for path, given in found.items() if given}


def test_every_event_is_known_and_every_known_event_is_written() -> None:
    found = written()
    assert {"server/app.py", "server/served.py", "server/service.py"} <= found.keys()
    literal = [one.value for given in found.values() for one in given if isinstance(one, ast.Constant)]
    assert {*literal, *LIBRARIES.values()} == EVENTS.keys()


def test_no_event_has_a_name_that_is_made_up_as_it_is_written() -> None:
    others = {
        path for path, given in written().items() if not all(isinstance(one, ast.Constant) for one in given)
    }
    assert others <= {"server/logs.py"}  # events of libraries, by the table there
