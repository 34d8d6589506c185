"""What is taken without pydantic is what Typer would have made of it, and what is refused stays refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.core import TyperCommand

from scorekit.plain_values import read_plainly


def options(
    text: Annotated[str | None, typer.Option("--text")] = None,
    texts: Annotated[list[str] | None, typer.Option("--texts")] = None,
    whole: Annotated[int, typer.Option("--whole", min=-5, max=1000)] = 7,
    free: Annotated[int | None, typer.Option("--free")] = None,
    word: Annotated[Literal["warn", "fail"] | None, typer.Option("--word")] = None,
    number: Annotated[float | None, typer.Option("--number")] = None,
) -> None:
    """Take one of each kind."""


def command() -> TyperCommand:
    app = typer.Typer(add_completion=False)
    app.command()(options)
    made = typer.main.get_command(app)
    assert isinstance(made, TyperCommand)
    return made


TYPERS, OURS = command(), command()
read_plainly(OURS.params)
NAMES = ("text", "texts", "whole", "free", "word", "number")


def outcome(of: TyperCommand, name: str, value: Any) -> tuple[str, Any]:
    option = next(each for each in of.params if each.name == name)
    ctx = typer.Context(of)
    try:
        found = option.process_value(ctx, value)
    except typer.BadParameter as error:
        return "refused", error.format_message()
    return type(found).__name__, found


words = st.sampled_from(
    ["warn", "fail", "Warn", "", " 7", "7", "+7", "07", "1_0", "1.0", "-5", "-6", "1001", "x"]
)
values = st.one_of(
    words,
    st.text(max_size=5),
    st.integers(-2000, 2000),
    st.integers(-2000, 2000).map(str),
    st.booleans(),
    st.floats(allow_nan=False),
    st.none(),
)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)  # the first loads pydantic
@given(values)
def test_a_value_is_what_typer_makes_of_it(name: str, value: Any) -> None:
    given_as = [] if value is None else [str(value)]
    assert outcome(OURS, name, given_as if name == "texts" else value) == outcome(
        TYPERS, name, given_as if name == "texts" else value
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_value_is_what_typer_makes_of_it(name: str) -> None:
    assert outcome(OURS, name, None) == outcome(TYPERS, name, None)
