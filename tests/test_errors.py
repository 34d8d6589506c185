"""Every code an error can have is in the table that the documents are made from."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import scorekit
from scorekit import errors
from scorekit.errors import CODES, ScorekitError
from scorekit.store import signatures
from scorekit.training import fitting

ROOT = Path(scorekit.__file__).parent


class Given(NamedTuple):
    """A code in the source, and what is called with it."""

    code: str
    called: str
    place: str


def given() -> Iterator[Given]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                values = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            elif isinstance(node, ast.FunctionDef):
                called, values = "", defaults(node.args)
            elif isinstance(node, ast.Constant) and re.fullmatch("state_[a-z_]+", str(node.value)):
                called, values = "", [node]  # of the state database, chosen from tables and handed on
            else:
                continue
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield Given(value.value, called, place)


def defaults(arguments: ast.arguments) -> list[ast.expr]:
    """What ``code`` is when it is not given."""
    ends = zip(reversed(arguments.args), reversed(arguments.defaults), strict=False)
    pairs = [*ends, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return [value for argument, value in pairs if argument.arg == "code" and value is not None]


def kinds(base: type[ScorekitError] = ScorekitError) -> list[type[ScorekitError]]:
    children = [child for child in base.__subclasses__() if child.__module__.startswith("scorekit.")]
    return [base, *(found for child in children for found in kinds(child))]


@pytest.mark.parametrize("one", list(given()), ids=lambda one: one.place)
def test_a_code_in_the_source_is_in_the_table_with_its_exit_code(one: Given) -> None:
    assert one.code in CODES, f"{one.place} gives a code that errors.CODES lacks"
    kind = getattr(errors, one.called, None)
    assert kind is None or issubclass(kind, CODES[one.code].kind)


def test_the_code_of_every_class_is_in_the_table() -> None:
    for module in pkgutil.walk_packages(scorekit.__path__, "scorekit."):
        if "__main__" not in module.name:
            import_module(module.name)
    for kind in kinds():
        assert issubclass(kind, CODES[kind.code].kind)


def test_codes_that_are_chosen_from_a_table_are_in_it_too() -> None:
    chosen = {code for _, code in signatures._REFUSALS.values()} | {code for *_, code in fitting._TOO_LARGE}
    assert chosen <= CODES.keys()


def test_there_is_something_to_read() -> None:
    assert len({one.code for one in given()}) > 20


@pytest.mark.parametrize(
    ("folder", "said", "shown"),
    [
        ("/srv/in", "/srv/in/rows.csv: no rows", "rows.csv: no rows"),
        ("/srv/in", "look into /srv/in.", "look into it."),
        ("/srv/in", "'/srv/in/' and file:///srv/in/a.csv", "'it' and file://a.csv"),
        ("/srv/in", "/srv/in-2026/rows.csv", "/srv/in-2026/rows.csv"),
        ("/srv/in", "/srv/in.csv", "/srv/in.csv"),
        ("/data", "s3://bucket/data/x.csv", "s3://bucket/data/x.csv"),
        ("s3://models/prod", "no model bank in s3://models/prod", "no model bank in it"),
        (
            "models",
            "models/bank/1 is damaged, other-models/bank/1 is not",
            "bank/1 is damaged, other-models/bank/1 is not",
        ),
        ("/", "/rows.csv", "/rows.csv"),
    ],
)
def test_a_folder_is_hidden_and_no_part_of_another(folder: str, said: str, shown: str) -> None:
    error = ScorekitError(said, hint=said)
    error.hide(folder, "it")
    assert (error.message, error.hint) == (shown, shown)
