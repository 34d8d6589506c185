"""What is wrong with a value, in words of ours instead of pydantic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WANTED: Mapping[str, str] = {
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "finite_number": "has to be a finite number",
    "literal_error": "has to be {expected}",
    "enum": "has to be {expected}",
    "int_type": "takes a whole number",
    "int_parsing": "takes a whole number",
    "int_parsing_size": "takes a smaller number",
    "int_from_float": "takes a whole number",
    "float_type": "takes a number",
    "float_parsing": "takes a number",
    "bool_type": "takes true or false",
    "bool_parsing": "takes true or false",
    "string_type": "takes a text",
    "list_type": "takes a list",
    "tuple_type": "takes a list",
    "dict_type": "takes a table",
    "model_type": "takes a table",
    "model_attributes_type": "takes a table",
}
_WHOLE: Mapping[str, str] = {
    "missing": "is missing",
    "too_short": "has to hold something",
}
"""Where the value itself says nothing."""


def wrong_with(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, as one of the errors of a pydantic ``ValidationError`` has it.

    Examples
    --------
    >>> wrong_with({"type": "greater_than_equal", "ctx": {"ge": 0}, "input": -1, "msg": "Input should be …"})
    'has to be at least 0, not -1'
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in _WANTED:
        return _WANTED[kind].format(**context) + _value(error.get("input"))
    said: str = error["msg"].removeprefix("Value error, ")
    return _WHOLE.get(kind, said)


def _value(value: Any) -> str:
    """The value, if it is short enough to be seen at a glance."""
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, str):
        return f", not {value!r}"
    return f", not {value}" if isinstance(value, int | float) else ""
