"""The table formats, by name and by the ending of a file's name."""

from __future__ import annotations

from dataclasses import dataclass

from scorekit.errors import UsageError

DEFAULT_NA_VALUES = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""Strings that mean "missing" in training data of any format, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a table down.

    Attributes
    ----------
    name : str
        As ``--format`` takes it.
    title : str
        As messages say it.
    endings : tuple of str
        Endings of file names; the first is what new files get.
    text : bool
        Whether the format is lines of text, which may be compressed with gzip.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    text: bool = False


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("parquet", "Parquet", (".parquet", ".pq")),
        Format("csv", "CSV", (".csv",), text=True),
        Format("tsv", "TSV", (".tsv",), text=True),
        Format("jsonl", "JSON lines", (".jsonl", ".ndjson", ".json"), text=True),
        Format("arrow", "Arrow", (".arrow", ".feather", ".ipc", ".arrows")),
    )
}
"""Every format, by name."""


def format_of(name: str) -> Format | None:
    """The format a file's name ends in, or None.

    Examples
    --------
    >>> format_of("rows.csv.gz").name
    'csv'
    >>> format_of("README.md") is None
    True
    """
    name = name.lower()
    compressed = name.endswith(".gz")
    stem = name.removesuffix(".gz")
    for entry in FORMATS.values():
        if stem.endswith(entry.endings) and (entry.text or not compressed):
            return entry
    return None


def format_named(name: str) -> Format:
    """The format called ``name``: a name of ``FORMATS`` or an ending such as ``ndjson``.

    Raises
    ------
    UsageError
        If there is no such format.
    """
    found = FORMATS.get(name.lower()) or format_of("." + name.lower().lstrip("."))
    if found is None:
        raise UsageError(
            f"no table format is called {name!r}",
            hint=f"formats are {', '.join(FORMATS)}",
            code="no_such_format",
        )
    return found


def require_format(target: str, name: str | None) -> Format:
    """The format by ``name`` if given, else by the ending of ``target``.

    Raises
    ------
    UsageError
        If neither says.
    """
    found = format_named(name) if name else format_of(target)
    if found is None:
        endings = ", ".join(ending for entry in FORMATS.values() for ending in entry.endings)
        raise UsageError(
            f"{target}: the ending says no table format",
            hint=f"name the format with --format, or use one of {endings} (text also with .gz)",
            code="unknown_format",
        )
    return found


_BINARY = {
    "parquet": b"PAR1",
    "arrow": b"ARROW1\0\0",
    "arrow stream": b"\xff\xff\xff\xff",
    "zip": b"PK\x03\x04",
}
_TEXT_BYTES = frozenset((*range(32, 127), *range(128, 256), *b"\t\n\r"))


def binary_format(start: bytes) -> str | None:
    r"""What a file is by its first eight bytes, if it is no text.

    Text may begin with the same letters: ``PAR1,PAR2`` are the columns of a golf course.

    Returns
    -------
    str or None
        ``parquet``, ``arrow``, ``arrow stream`` or ``zip``.

    Examples
    --------
    >>> binary_format(b"PAR1\x15\x04\x15\x10")
    'parquet'
    >>> binary_format(b"PAR1,PAR2") is None
    True
    """
    for name, magic in _BINARY.items():
        if start.startswith(magic) and not (len(start) > len(magic) and _TEXT_BYTES.issuperset(start)):
            return name
    return None
