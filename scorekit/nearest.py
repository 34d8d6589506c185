"""What somebody may have meant by a name there is not."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like another one, capitals or not; None if none is like it.

    Examples
    --------
    >>> nearest("INCOME", ["age", "income"]), nearest("incme", ["age", "income"])
    ('income', 'income')
    >>> nearest("colour", ["age", "income"])
    """
    import difflib

    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None
