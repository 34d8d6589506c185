"""Lines through pipes and files: what was written is what is read, however it was cut on the way."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorekit.errors import FormatError, Unreachable, UsageError
from scorekit.feeds import Message
from scorekit.feeds.pipe import LineGrave, LineSink, LineSource, open_sink, open_source
from tests.faults import full_disk

LIMIT = 12


def pipe() -> tuple[int, int]:
    return os.pipe()


def all_of(source: LineSource, most: int = 100) -> list[Message]:
    found: list[Message] = []
    while (messages := source.receive(most, 1.0, 0.01)) is not None:
        assert len(messages) <= most
        found += messages
    return found


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return (data[start:stop] for start, stop in pairwise(places))


def fed(parts: Iterator[bytes], *, limit: int, most: int) -> tuple[list[Message], bytes]:
    """What a source makes of pieces that come one after the other, and what it lets go by."""
    read, write = pipe()
    gone: list[bytes] = []
    source = LineSource(read, "pipe", limit=limit)
    source.overflow = gone.append
    found: list[Message] = []
    for part in parts:
        os.write(write, part)
        # what is there is taken at once, so that each piece is read by itself
        while messages := source.receive(most, 0.0, 0.0):
            found += messages
    os.close(write)
    found += all_of(source, most)
    source.close()
    return found, b"".join(gone)


_TEXT = st.text("ab\n\r\u00e9", max_size=60).map(str.encode)


@settings(max_examples=300, deadline=None)
@given(_TEXT, st.lists(st.integers(0, 90), max_size=12), st.integers(1, 5))
def test_lines_are_the_lines_however_they_are_cut(data: bytes, cuts: list[int], most: int) -> None:
    found, gone = fed(pieces(data, cuts), limit=LIMIT, most=most)
    lines = data.split(b"\n")
    expected = lines if lines[-1] else lines[:-1]
    assert [message.line for message in found] == list(range(1, len(expected) + 1))
    assert [message.too_long for message in found] == [len(line) > LIMIT for line in expected]
    for message, line in zip(found, expected, strict=True):
        assert message.value == line or (message.too_long and not message.value)
    # every byte of a line that was not held was heard, in its order
    unheld = [line for message, line in zip(found, expected, strict=True) if not message.value and line]
    assert gone == b"".join(line + b"\n" for line in unheld)


def test_half_a_line_waits_for_its_end() -> None:
    read, write = pipe()
    source = LineSource(read, "pipe")
    os.write(write, b'{"a":')
    assert source.receive(10, 0.5, 0.0) == []
    os.write(write, b"1}\n{")
    assert source.receive(10, 0.5, 0.0) == [Message(b'{"a":1}', 1)]
    os.write(write, b"}")
    os.close(write)
    assert all_of(source) == [Message(b"{}", 2)]
    source.close()


def test_nothing_that_is_there_waits_for_what_is_not() -> None:
    read, write = pipe()
    source = LineSource(read, "pipe")
    os.write(write, b"{}\n")
    started = time.perf_counter()
    assert len(source.receive(1000, 10.0, 10.0) or ()) == 1
    assert time.perf_counter() - started < 1.0
    os.close(write)
    source.close()


@pytest.mark.parametrize(("gather", "least", "most"), [(0.0, 1 << 20, 1 << 20), (60.0, 4 << 20, 5 << 20)])
def test_of_a_flood_no_more_is_taken_than_time_and_memory_allow(
    gather: float, least: int, most: int, tmp_path: Path
) -> None:
    place = tmp_path / "flood"
    place.write_bytes(b"x" * 63 + b"\n" + (b"x" * 63 + b"\n") * 200_000)
    source = open_source(str(place))
    found = source.receive(10**9, 10.0, gather) or []
    source.close()
    assert least - 64 <= sum(len(message.value) + 1 for message in found) <= most + 64


def test_the_reading_stops_while_nobody_takes_the_lines() -> None:
    read, write = pipe()
    source = LineSource(read, "pipe")
    fcntl.fcntl(write, fcntl.F_SETFL, os.O_NONBLOCK)
    line = b'{"a":"' + b"x" * 1000 + b'"}\n'

    def fill() -> int:
        written = 0
        while True:
            try:
                written += os.write(write, line * 64)
            except BlockingIOError:
                return written

    first = fill()
    assert source.receive(3, 1.0, 5.0) is not None
    more = [fill() for _ in range(5)]
    # one read made room for as much as it took; after that nothing more goes in
    assert first + sum(more) < 8 << 20
    assert more[-1] == 0
    os.close(write)
    source.close()


def test_waiting_ends_when_it_is_woken() -> None:
    read, write = pipe()
    wake, woken = pipe()
    source = LineSource(read, "pipe")
    source.wake_by(wake)
    threading.Timer(0.1, os.write, (woken, b"\0")).start()
    started = time.perf_counter()
    assert source.receive(1, 20.0, 0.0) == []
    assert time.perf_counter() - started < 5.0
    for descriptor in (write, wake, woken):
        os.close(descriptor)
    source.close()


def test_what_was_read_is_given_after_stopping_and_nothing_else() -> None:
    read, write = pipe()
    source = LineSource(read, "pipe")
    os.write(write, b"1\n2\n3\n4")
    assert [message.value for message in source.receive(1, 1.0, 0.0) or ()] == [b"1"]
    os.write(write, b"\n5\n")
    source.stop()
    assert [message.value for message in all_of(source)] == [b"2", b"3"]
    os.close(write)
    source.close()


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_a_byte_order_mark_is_none_of_the_first_line(cut: int) -> None:
    data = b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n"
    read, write = pipe()
    source = LineSource(read, "pipe")
    os.write(write, data[:cut])
    threading.Timer(0.05, lambda: (os.write(write, data[cut:]), os.close(write))).start()
    assert [message.value for message in all_of(source)] == [b"{}", b"\xef\xbb\xbf{}"]
    source.close()


def test_a_byte_order_mark_alone_is_nothing() -> None:
    assert fed(iter([b"\xef\xbb\xbf"]), limit=LIMIT, most=5)[0] == []


@pytest.mark.parametrize(
    ("start", "what"),
    [(b"\x1f\x8b\x08", "gzip"), (b"\xff\xfe{\0", "UTF-16"), (b"\xfe\xff\0{", "UTF-16"), (b"PAR1", "Parquet")],
)
def test_what_is_no_text_is_refused_by_its_first_bytes(start: bytes, what: str) -> None:
    with pytest.raises(FormatError, match=what):
        fed(iter([start]), limit=LIMIT, most=5)


def test_a_source_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for place in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UsageError, match=str(place)):
            open_source(str(place))


# Out -----------------------------------------------------------------------------------


def test_all_is_written_however_slow_the_reader_is() -> None:
    read, write = pipe()
    values = [b"x" * 1000] * 5000
    got: list[bytes] = []

    def read_slowly() -> None:
        while part := os.read(read, 100_000):
            got.append(part)
            time.sleep(0.001)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    fcntl.fcntl(write, fcntl.F_SETFL, os.O_NONBLOCK)
    LineSink(write, "pipe").send(values, ())
    os.close(write)
    reader.join()
    os.close(read)
    assert b"".join(got) == b"".join(value + b"\n" for value in values)


def test_a_reader_that_has_gone_is_heard_of() -> None:
    read, write = pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        LineSink(write, "pipe").send([b"x"], ())
    os.close(write)


def test_a_file_is_written_on_and_half_a_line_ended(tmp_path: Path) -> None:
    place = tmp_path / "out.jsonl"
    for text in (b"one", b"two"):
        sink = open_sink(str(place))
        sink.send([text], ())
        sink.close()
    assert place.read_bytes() == b"one\ntwo\n"
    place.write_bytes(b"one\nha")
    sink = open_sink(str(place))
    sink.send([b"three"], ())
    sink.close()
    assert place.read_bytes() == b"one\nha\nthree\n"


def test_a_named_pipe_says_when_its_reader_has_gone(tmp_path: Path) -> None:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_sink(str(place))
    sink.send([b"x"], ())
    assert os.read(reader, 10) == b"x\n"
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        sink.send([b"x"], ())
    sink.close()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    program = (
        "from scorekit.feeds.pipe import open_sink\n"
        "from scorekit.errors import Unreachable\n"
        f"sink = open_sink({str(tmp_path / 'out')!r})\n"
        "try:\n    sink.send([b'x' * 5000], ())\n"
        "except Unreachable as error:\n    print(error.code, error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=full_disk(1000)
    )
    assert done.stdout.startswith("no_space"), done
    assert "no space left" in done.stdout


def test_a_device_that_takes_nothing_is_said() -> None:
    with pytest.raises(Unreachable, match="no space left"):
        open_sink("/dev/full").send([b"x"], ())


def test_dead_letters_are_kept_byte_by_byte(tmp_path: Path) -> None:
    grave = LineGrave(open_sink(str(tmp_path / "dead")))
    grave.bury(Message(b"\xff\r", 1), "not_utf8", "")
    grave.overflow(b"lo")
    grave.overflow(b"ng\n")
    grave.bury(Message(b"", 2, too_long=True), "too_long", "")
    grave.bury(Message(b"longish", 3, too_long=True), "too_long", "")
    grave.close()
    assert (tmp_path / "dead").read_bytes() == b"\xff\r\nlong\nlongish\n"
