"""The words of an expression, and errors that point at one of them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from scorekit.errors import UsageError

LONGEST = 2000
"""Characters of an expression."""

TokenKind = Literal["number", "text", "name", "quoted", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |   (?P<text>'(?:[^']|'')*')
    |   (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    |   (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    |   (?P<sign>==|!=|<=|>=|[-+*/<>(),])""",
    re.VERBOSE,
)
_BARE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_AROUND = 60
"""Characters shown on either side of the place of an error."""

OTHER_SIGNS = {
    "=": "write == to compare",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != to compare",
    "^": "there are no powers; multiply, or use exp and log",
    "'": "a text ends with the same mark: 'success'",
    '"': 'a column name ends with the same mark: "pay day"',
    "`": "a column name ends with the same mark: `pay day`",
}
"""What to write for signs of other languages."""


class Token(NamedTuple):
    """One word.

    Attributes
    ----------
    kind : {"number", "text", "name", "quoted", "sign", "end"}
    value : str
        As meant: without quotes.
    at : int
        Where it begins.
    """

    kind: TokenKind
    value: str
    at: int


def tokens(text: str) -> list[Token]:
    """The words of an expression, and an end.

    Raises
    ------
    UsageError
        If it is too long, or has a sign that no expression has.
    """
    if len(text) > LONGEST:
        raise UsageError(
            f"an expression has at most {LONGEST} characters, this one has {len(text)}", code="expression"
        )
    found: list[Token] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return [*found, Token("end", "", at)]
        match = _TOKEN.match(text, at)
        if match is None:
            raise error_at(
                text, at, f"an expression has no {text[at]!r} here", hint=OTHER_SIGNS.get(text[at])
            )
        found.append(_token(match))
        at = match.end()


def _token(match: re.Match[str]) -> Token:
    kind: TokenKind = match.lastgroup  # type: ignore[assignment]  # one of the names in the pattern
    value = match.group()
    if kind in ("text", "quoted"):
        mark = value[0]
        value = value[1:-1].replace(mark * 2, mark)
    return Token(kind, value, match.start())


def quoted(name: str) -> str:
    """A column's name as an expression writes it."""
    return name if _BARE.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def error_at(text: str, at: int, message: str, *, hint: str | None = None) -> UsageError:
    """An error with the line that it is about, and a caret below the place."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    first, last = max(start, at - _AROUND), min(len(text) if end < 0 else end, at + _AROUND)
    shown = "".join(sign if sign.isprintable() else " " for sign in text[first:last])
    lead = "…" if first > start else ""
    tail = "…" if last < (len(text) if end < 0 else end) else ""
    caret = " " * (len(lead) + at - first) + "^"
    return UsageError(
        f"expression, character {at + 1}: {message}\n  {lead}{shown}{tail}\n  {caret}",
        hint=hint,
        code="expression",
    )
