"""What numbers of a policy may be: strict kinds, and ranges that hold however settings are made.

pydantic reads a policy where one is declared. It is not loaded for that which holds where none is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

FORBID = {"extra": "forbid"}
"""How pydantic reads settings: a misspelt key is an error."""


class _Strict:
    """Says that a text is no number, and true is not 1."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return {**handler(source), "strict": True}


Flag = Annotated[bool, _Strict()]
Number = Annotated[float, _Strict()]
Whole = Annotated[int, _Strict()]
Moment = Annotated[date, _Strict()] | Annotated[datetime, _Strict()]


def require_share(name: str, value: float, of: str = "a share of the rows") -> None:
    """Refuse what is not from 0 to 1.

    Raises
    ------
    ValueError
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {of}, from 0 to 1, not {value:g}")


def require_distance(name: str, value: float) -> None:
    """Refuse what is no finite PSI, or one that every column reaches.

    Raises
    ------
    ValueError
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is a PSI of more than 0, not {value:g}")
