"""How a version is named: ``bank``, ``bank:7``, ``bank@alias``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scorekit.errors import UsageError
from scorekit.store.aliases import CHAMPION
from scorekit.store.objects import VERSION_NUMBER

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""A model's name or an alias; never a path."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One version of one model; ``str`` gives ``bank:7``."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


def check_name(name: str) -> str:
    """A model name, if it is one.

    Raises
    ------
    UsageError
        If it is not: letters, digits, dots, dashes and underscores, first a letter or digit.
    """
    if NAME.fullmatch(name):
        return name
    bare = re.split("[:@]", name)[0]
    hint = "use letters, digits, '.', '-' and '_', beginning with a letter or digit"
    if NAME.fullmatch(bare):
        hint = f"the name alone is {bare}"
    raise UsageError(f"not a model name: {name!r}", hint=hint)


def check_alias(alias: str) -> str:
    """An alias, if it is one.

    Raises
    ------
    UsageError
        If it is not, or is a number, which would look like a version.
    """
    if not NAME.fullmatch(alias) or alias.isdigit():
        raise UsageError(f"not an alias: {alias!r}", hint="use letters, digits, '.', '-' and '_'")
    return alias


def parse(reference: str) -> tuple[str, int | None, str]:
    """A reference in its parts: name, number if it says one, alias if it does not.

    Raises
    ------
    UsageError
        If it is no reference.
    """
    name, colon, version = reference.partition(":")
    if colon:
        if not VERSION_NUMBER.fullmatch(version):
            raise UsageError(f"not a version: {reference}", hint="write it as name:7, name@alias or name")
        return check_name(name), int(version), ""
    name, at, alias = reference.partition("@")
    return check_name(name), None, check_alias(alias) if at else CHAMPION
