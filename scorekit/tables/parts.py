"""Tables written in parts, and what an output says of itself."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from scorekit.tables import remote
from scorekit.tables.formats import FORMATS
from scorekit.tables.output import Metadata, open_output
from scorekit.tables.sources import Source
from scorekit.tables.targets import STDOUT, explained, open_target, sync_folder, synced

_BLOCK = 1 << 20


def content_hash(source: Source) -> str:
    """What tells one input's content from another's: the ETag of an object, SHA-256 of anything else.

    Standard input has none but its name: it cannot be read twice.
    """
    if remote.is_remote(source.uri):
        entry = source.entry or remote.head(source.uri, source.open_store(remote.split(source.uri)[0]))
        # not every store has tags
        if entry and entry["e_tag"]:
            return f"{source.uri} {entry['e_tag']}"
    elif not source.local:
        return source.uri
    with source.open() as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto


def join_parts(
    parts: Sequence[Path],
    target: str,
    *,
    format: str,
    metadata: Metadata,
    ready: Callable[[], None] = lambda: None,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Publish parts as one table.

    One part becomes the output by a rename. Text is copied byte by byte (only the first
    part has a header), Parquet and Arrow batch by batch.

    Parameters
    ----------
    parts : sequence of Path
    target, format : str
    metadata : callable
    ready : callable
        Asked when everything is done but the last step, that makes it public; it may raise.
    step : callable
        Asked before each block of a stream, where what is written is public at once; it may raise.

    Raises
    ------
    Unreachable
        If there is no space left, or the store does not answer; nothing is published.
    """
    # on standard output Arrow has a format of its own, for what cannot seek
    if len(parts) == 1 and not (target == STDOUT and format == "arrow"):
        publish_file(parts[0], target, ready, step)
    elif FORMATS[format].text:
        _join_bytes(parts, target, ready, step)
    else:
        _join_batches(parts, target, format, metadata, ready, step)


def _join_bytes(
    parts: Sequence[Path], target: str, ready: Callable[[], None], step: Callable[[], None]
) -> None:
    place = open_target(target)
    try:
        with explained(target):
            for part in parts:
                with part.open("rb") as file:
                    while block := file.read(_BLOCK):
                        step()
                        place.file.write(block)
            synced(place.file)
            place.prepare()
            ready()
            place.commit()
    except BaseException:
        place.abort()
        raise


def _join_batches(
    parts: Sequence[Path],
    target: str,
    format: str,
    metadata: Metadata,
    ready: Callable[[], None],
    step: Callable[[], None],
) -> None:
    schema, _ = _batches(parts[0], format)
    with open_output(target, format=format, schema=schema, metadata=metadata) as writer:
        for part in parts:
            for batch in _batches(part, format)[1]:
                step()
                writer.write(batch)
        writer.commit(ready)


def _batches(part: Path, format: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if format == "parquet":
        import pyarrow.parquet as pq

        # small buffers: a part that is mapped or read as a whole counts as memory
        file = pq.ParquetFile(pa.OSFile(str(part)), buffer_size=_BLOCK, pre_buffer=False)
        return file.schema_arrow.remove_metadata(), file.iter_batches(65_536)
    reader = pa.ipc.open_file(pa.OSFile(str(part)))
    return reader.schema.remove_metadata(), (
        reader.get_batch(number) for number in range(reader.num_record_batches)
    )


def publish_file(
    made: Path,
    target: str,
    ready: Callable[[], None] = lambda: None,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Put a finished file in its target's place: a rename, or a copy where none is possible."""
    if target != STDOUT and not remote.is_remote(target):
        path = Path(os.path.realpath(target))
        if (not path.exists() or path.is_file()) and _renamed(made, path, target, ready):
            return
    _join_bytes([made], target, ready, step)


def _renamed(made: Path, path: Path, target: str, ready: Callable[[], None]) -> bool:
    """Rename a file; False where its new place, behind a link, is on another disk."""
    with explained(target):
        ready()
        try:
            made.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        sync_folder(path.parent)
    return True


def publish_bytes(target: str, content: bytes) -> None:
    """Publish a small file."""
    place = open_target(target)
    try:
        with explained(target):
            place.file.write(content)
            place.commit()
    except BaseException:
        place.abort()
        raise


def exists(target: str) -> bool:
    """Whether there is such a file or object."""
    if remote.is_remote(target):
        return remote.head(target, remote.open_store(remote.split(target)[0])) is not None
    return Path(target).exists()


def identity(target: str) -> str:
    """What tells a file or object from the one that replaces it; empty where there is none."""
    if remote.is_remote(target):
        entry = remote.head(target, remote.open_store(remote.split(target)[0]))
        return f"{entry['e_tag']} {entry['last_modified']}" if entry else ""
    try:
        status = Path(target).stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"


def remove(target: str) -> None:
    """Remove a file or object, if there is one."""
    if remote.is_remote(target):
        remote.delete(target, remote.open_store(remote.split(target)[0]))
    else:
        Path(target).unlink(missing_ok=True)


def output_metadata(target: str) -> dict[str, str]:
    """The key-value metadata of a Parquet file or object; empty for anything else."""
    if not remote.is_remote(target) and not Path(target).is_file():
        return {}
    with Source(target, target, "parquet", "").open() as file:
        if file.read(4) != b"PAR1":
            return {}
        import pyarrow.parquet as pq

        try:
            found = pq.read_metadata(file).metadata or {}
        except (pa.ArrowException, OSError):
            return {}
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}
