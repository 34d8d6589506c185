"""Where tables come from: files, folders, patterns, standard input, objects of a store."""

from __future__ import annotations

import datetime as dt
import fnmatch
import functools
import glob
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from scorekit.errors import FormatError, UsageError
from scorekit.tables import remote
from scorekit.tables.formats import (
    FORMATS,
    Format,
    binary_format,
    format_named,
    format_of,
    require_format,
)

STDIN = "-"
_WILD = frozenset("*?[")


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise UsageError("<stdin>: closed, so nothing can be read from it", code="no_such_input")
    return sys.stdin.buffer


@dataclass(frozen=True, slots=True)
class Source:
    """One table to read.

    Attributes
    ----------
    name : str
        What messages call it: the path or URI as given, or ``<stdin>``.
    uri : str
        Path, ``s3://`` URI, or ``-`` for what can be read only once: standard input, a named pipe.
    format : str
        A name of ``FORMATS``.
    relative : str
        Path below the folder that was given, else the file's name: what a folder of
        outputs calls it.
    size : int or None
        Bytes, if known.
    modified : datetime or None
        When it was last written, in UTC, if known.
    entry : mapping or None
        What the store said of an object, for one.
    stream : callable
        Gives what is behind ``-``, the same file each time.
    """

    name: str
    uri: str
    format: str
    relative: str
    size: int | None = None
    modified: dt.datetime | None = None
    open_store: remote.OpenStore = field(default=remote.open_store, repr=False, compare=False)
    entry: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    stream: Callable[[], BinaryIO] = field(default=_stdin, repr=False, compare=False)

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine."""
        return self.uri != STDIN and not remote.is_remote(self.uri)

    def open(self) -> BinaryIO:
        """Open for reading from the start; standard input can be opened once.

        Raises
        ------
        UsageError
            If there is no such file, or it may not be read.
        Unreachable
            If the store does not answer.
        DataError
            While reading, if an object is not the one that was found.
        """
        if self.uri == STDIN:
            return self.stream()
        if remote.is_remote(self.uri):
            raw = remote.ObjectFile(self.uri, self.open_store(remote.split(self.uri)[0]), self.entry)
            return io.BufferedReader(raw, remote.READ_AHEAD)
        try:
            return Path(self.uri).open("rb", buffering=0)
        except OSError as error:
            raise unreadable(self.name, error) from None

    def error(self, message: str, *, line: int | None = None, hint: str | None = None) -> FormatError:
        """A ``FormatError`` that begins with this file and the line."""
        where = f"{self.name}:{line}" if line is not None else self.name
        return FormatError(f"{where}: {message}", hint=hint)


def unreadable(name: str, error: OSError) -> UsageError:
    """What the operating system says of an input, as ours."""
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{name}: no such file", code="no_such_input")
    if isinstance(error, PermissionError):
        return UsageError(f"{name}: may not be read", hint="check the file's permissions", code="no_access")
    return UsageError(
        f"{name}: cannot be opened: {error.strerror or type(error).__name__}", code="no_such_input"
    )


def find(
    inputs: Sequence[str], *, format: str | None = None, open_store: remote.OpenStore = remote.open_store
) -> list[Source]:
    """Tables that ``inputs`` name, in the order given; folders and patterns in the order of names.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (every table below them, less names that begin with ``.`` or
        ``_``), patterns (``part-*.csv``, ``**`` for folders), ``s3://`` URIs, and ``-``
        for standard input.
    format : str, optional
        Name of the format of all of them; else each ending says it, and standard input
        is told by its first bytes.
    open_store : callable
        Makes the store of a bucket.

    Raises
    ------
    UsageError
        If an input is missing, a folder or pattern holds no table, an ending says no
        format, or a table stands twice.
    """
    wanted = format_named(format) if format else None
    found: list[Source] = []
    for given in inputs:
        found += _find_one(given, wanted, open_store)
    refuse_twice(found)
    return found


def refuse_twice(sources: Sequence[Source]) -> None:
    """Refuse tables of which one stands twice.

    Raises
    ------
    UsageError
    """
    seen: set[str] = set()
    for source in sources:
        key = os.path.realpath(source.uri) if source.local else source.name
        if key in seen:
            raise UsageError(f"{source.name}: stands twice among the inputs", code="input_twice")
        seen.add(key)


def _find_one(given: str, wanted: Format | None, open_store: remote.OpenStore) -> list[Source]:
    if given == STDIN:
        return [Source("<stdin>", STDIN, (wanted or _sniff()).name, "stdin")]
    if remote.is_remote(given):
        return _find_remote(given, wanted, open_store)
    path = Path(given)
    try:
        if path.is_dir():
            return _in_folder(path, wanted)
        if path.exists():
            return [_local(path, path.name, wanted)]
        if _WILD & set(given):
            return _by_pattern(given, wanted)
    except OSError as error:
        raise unreadable(given, error) from None
    hint = _nearest(path) or "check the name, and the folder that this runs in"
    raise UsageError(f"{given}: no such file", hint=hint, code="no_such_input")


def _local(path: Path, relative: str, wanted: Format | None) -> Source:
    found = wanted or require_format(str(path), None)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        opened = functools.cache(functools.partial(_open_pipe, path))
        return Source(str(path), STDIN, found.name, relative, stream=opened)
    modified = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
    return Source(str(path), str(path), found.name, relative, status.st_size, modified)


def _open_pipe(path: Path) -> BinaryIO:
    """Open what has no end to seek from; whoever opened it twice would read each half of it."""
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(str(path), error) from None


def _in_folder(folder: Path, wanted: Format | None) -> list[Source]:
    files = [
        path
        for path in sorted(_below(folder))
        if path.is_file() and _visible(path.relative_to(folder).parts) and (wanted or format_of(path.name))
    ]
    if not files:
        raise _no_tables(str(folder))
    return [_local(path, path.relative_to(folder).as_posix(), wanted) for path in files]


def _below(folder: Path) -> Iterator[Path]:
    """Every file below a folder; one that may not be listed is no empty one."""

    def refuse(error: OSError) -> NoReturn:
        raise unreadable(str(error.filename), error)

    for top, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(top, name) for name in names)


def _by_pattern(pattern: str, wanted: Format | None) -> list[Source]:
    paths = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  # keeps the path as given
    files = [path for path in paths if path.is_file()]
    if not files:
        raise UsageError(f"{pattern}: no file matches", code="no_such_input")
    return [_local(path, path.name, wanted) for path in files]


def _visible(parts: Sequence[str]) -> bool:
    return not any(part.startswith((".", "_")) for part in parts)


def _no_tables(folder: str) -> UsageError:
    endings = ", ".join(entry.endings[0] for entry in FORMATS.values())
    return UsageError(
        f"{folder}: no tables in this folder",
        hint=f"tables end in {endings}; name other endings' format with --format",
        code="no_such_input",
    )


def _nearest(path: Path) -> str | None:
    import difflib

    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which is not there"
    try:
        siblings = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {path.parent}"
    near = difflib.get_close_matches(path.name, siblings, n=1)
    return f"there is {path.parent / near[0]}" if near else None


def _find_remote(uri: str, wanted: Format | None, open_store: remote.OpenStore) -> list[Source]:
    store = open_store(remote.split(uri)[0])
    wild = min((uri.find(sign) for sign in _WILD if sign in uri), default=-1)
    if wild < 0 and not uri.endswith("/"):
        entry = remote.head(uri, store)
        if entry is not None:
            found = wanted or require_format(uri, None)
            return [_remote(uri, uri.rsplit("/", 1)[-1], entry, found, open_store)]
    folder = uri.rstrip("/") if wild < 0 else uri[:wild].rpartition("/")[0]
    sources = []
    for name, entry in sorted(remote.listing(folder, store), key=lambda pair: pair[0]):
        below = name[len(folder) :].strip("/")
        known = wanted or format_of(name)
        fits = fnmatch.fnmatchcase(name, uri) if wild >= 0 else _visible(below.split("/"))
        if fits and known:
            sources.append(_remote(name, below, entry, known, open_store))
    if not sources:
        raise UsageError(f"{uri}: no such object, and no tables below it", code="no_such_input")
    return sources


def _remote(uri: str, relative: str, entry: Any, known: Format, open_store: remote.OpenStore) -> Source:
    return Source(uri, uri, known.name, relative, entry["size"], entry["last_modified"], open_store, entry)


_BINARY = {"parquet": "parquet", "arrow": "arrow", "arrow stream": "arrow"}


def _sniff() -> Format:
    """The format on standard input, by its first bytes, which stay there to be read."""
    start: bytes = _stdin().peek(4096)  # type: ignore[attr-defined]  # it is a BufferedReader
    if name := _BINARY.get(binary_format(start[:8]) or ""):
        return FORMATS[name]
    if start[:2] == b"\x1f\x8b":
        raise UsageError(
            "<stdin>: compressed, so its format cannot be told",
            hint="--format csv or jsonl",
            code="unknown_format",
        )
    return FORMATS["jsonl" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "csv"]
