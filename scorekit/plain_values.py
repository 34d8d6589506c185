"""Values of options that are plain: no value, a text, one of a few words, a whole number.

Typer asks pydantic for every value, and loading pydantic takes as long as scoring a small
file does otherwise. So what is plain is taken as it stands; all the rest goes to Typer, and
with it every value that is refused, whose words stay Typer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, get_args, get_origin

Reader = Callable[[Any], Any]

_NOT_PLAIN: Final = object()
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")


def read_plainly(options: list[Any]) -> list[Any]:
    """Let options of a command take plain values without pydantic.

    Parameters
    ----------
    options : list of typer.core.TyperOption and typer.core.TyperArgument

    Returns
    -------
    list
        The same.
    """
    for option in options:
        if "get_runtime_param" not in vars(option):  # or it does so already
            option.get_runtime_param = partial(_Values, option.get_runtime_param, _reader(option))
    return options


class _Values:
    """Stands where Typer has what makes values of an option."""

    def __init__(self, typers: Callable[[], Any], read: Reader) -> None:
        self._typers = typers
        self._read = read

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        found = self._read(value)
        return self._typers().coerce(value, param=param, ctx=ctx) if found is _NOT_PLAIN else found


def _reader(option: Any) -> Reader:
    """What makes a value of what was given, or says that it is not plain."""
    annotation, info = option.type_descriptor.annotation, option.type_descriptor.parameter_info
    if annotation is str:
        return _text
    if annotation == list[str]:
        return _texts
    if annotation is int:
        return partial(_whole, info.min, info.max)
    if get_origin(annotation) is Literal:
        return partial(_word, get_args(annotation))
    return lambda _: _NOT_PLAIN


def _text(given: Any) -> Any:
    return given if isinstance(given, str) else _NOT_PLAIN


def _texts(given: Any) -> Any:
    plain = isinstance(given, list | tuple) and all(isinstance(each, str) for each in given)
    return list(given) if plain else _NOT_PLAIN


def _word(known: tuple[str, ...], given: Any) -> Any:
    return given if given in known else _NOT_PLAIN


def _whole(least: float | None, most: float | None, given: Any) -> Any:
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        given = int(given)
    if type(given) is not int or (least is not None and given < least):
        return _NOT_PLAIN
    return given if most is None or given <= most else _NOT_PLAIN
