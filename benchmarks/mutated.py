"""Mutated lines: whatever a line is made of, it has its answer, in its place.

python -m benchmarks.mutated                # a million lines
python -m benchmarks.mutated --quick 7      # 20,000, drawn by another seed
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from benchmarks.measure import SCOREKIT, head, row

LINES, QUICK = 1_000_000, 20_000
STRETCH = 5000
"""Lines of which as many are mutated, at the mean: none, few or most."""
SHARES = (0.0, 0.0005, 0.02, 0.6)

VALUES = (
    *(b"NaN", b"Infinity", b"-Infinity", b"-NaN", b"Inf", b"1e400", b"-1e400", b"1" * 400, b"9" * 5000),
    *(b"9007199254740993", b"-0", b"01", b"+1", b".5", b"1.", b"1e", b"0x10", b"true", b"null", b"None"),
    *(b'""', b'" 41 "', b'"\\ud800"', b'"\\u0000"', b'"\xff"', b'"a\tb"', b"'x'", b'"', b"[]", b"{}"),
    *(b"[" * 50 + b"]" * 50, b"[" * 5000, b'{"a":' * 300 + b"1" + b"}" * 300, b"\xef\xbb\xbf", b"\x00"),
)
"""What is put in place of a value."""
WHOLE = (
    *(b"", b" ", b"\t \r", b"\r", b"{}", b"[]", b"null", b"7", b'"text"', b"{", b"}", b"{}{}", b"[{}]"),
    *(b"\xef\xbb\xbf{}", b"\xff\xfe", b"\x1f\x8b", b"PAR1", b"\x00" * 40, b"[" * 100_000, b"age=7"),
)
"""What is put in place of a line."""


class Line(NamedTuple):
    """A line, and which of the original ones it is; None where it was mutated."""

    value: bytes
    original: int | None


def mutated(originals: Sequence[bytes], count: int, seed: int) -> Iterator[Line]:
    """So many lines: originals, and what mutations made of them; the first one is an original."""
    chance = random.Random(seed)
    share = 0.0
    for number in range(count):
        if number % STRETCH == 0:
            share = chance.choice(SHARES) if number else SHARES[-1]
        place = chance.randrange(len(originals))
        line = originals[place]
        if not number or chance.random() >= share:
            yield Line(line, place)
            continue
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            line = chance.choice(MUTATIONS)(line, chance)
        line = line.replace(b"\n", b" ")
        yield Line(line, place if line == originals[place] else None)


def _at(line: bytes, chance: random.Random) -> int:
    return chance.randrange(len(line) + 1)


def _cut(line: bytes, chance: random.Random) -> bytes:
    return line[: _at(line, chance)]


def _behead(line: bytes, chance: random.Random) -> bytes:
    return line[_at(line, chance) :]


def _flip(line: bytes, chance: random.Random) -> bytes:
    if not line:
        return line
    changed = bytearray(line)
    changed[chance.randrange(len(line))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _insert(line: bytes, chance: random.Random) -> bytes:
    at = _at(line, chance)
    return line[:at] + chance.randbytes(chance.randint(1, 4)) + line[at:]


def _remove(line: bytes, chance: random.Random) -> bytes:
    at = _at(line, chance)
    return line[:at] + line[at + chance.randint(1, 4) :]


def _repeat(line: bytes, chance: random.Random) -> bytes:
    first, second = sorted((_at(line, chance), _at(line, chance)))
    return line[:second] + line[first:]


def _return(line: bytes, _chance: random.Random) -> bytes:
    return line + b"\r"


def _whole(_line: bytes, chance: random.Random) -> bytes:
    return chance.choice(WHOLE)


def _pairs(line: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and values as JSON; none where it is no object any more."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return [(json.dumps(key).encode(), json.dumps(value).encode()) for key, value in found.items()]


def _structure(line: bytes, chance: random.Random) -> bytes:
    """Another value, a key twice, a key less, another order, another key."""
    pairs = _pairs(line)
    if not pairs:
        return line
    at = chance.randrange(len(pairs))
    key, value = pairs[at]
    kind = chance.randrange(6)
    if kind < 2:
        pairs[at] = key, chance.choice(VALUES)
    elif kind == 2:
        pairs.insert(_index(pairs, chance), (key, chance.choice((value, chance.choice(VALUES)))))
    elif kind == 3:
        del pairs[at]
    elif kind == 4:
        chance.shuffle(pairs)
    else:
        pairs.insert(_index(pairs, chance), (b'"%d"' % at, chance.choice(VALUES)))
    return b"{%b}" % b", ".join(b"%b: %b" % pair for pair in pairs)


def _index(pairs: Sequence[object], chance: random.Random) -> int:
    return chance.randrange(len(pairs) + 1)


MUTATIONS = (
    *(_cut, _behead, _flip, _insert, _remove, _repeat, _return, _whole),
    *(_structure, _structure, _structure, _structure),
)


def check(command: Sequence[str], lines: Sequence[Line], scores: Sequence[float]) -> Counter[str]:
    """Stream lines, and hold the answers to what is promised; how many had which code.

    Parameters
    ----------
    command : sequence of str
        The stream.
    lines : sequence of Line
    scores : sequence of float
        Of the originals, as a file of them is scored.

    Raises
    ------
    AssertionError
        If a promise is not kept.
    """
    data = b"".join(line.value + b"\n" for line in lines)
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    answers = done.stdout.split(b"\n")
    assert answers.pop() == b""
    assert len(answers) == len(lines), f"{len(lines)} lines, {len(answers)} answers"
    codes: Counter[str] = Counter()
    for number, (line, text) in enumerate(zip(lines, answers, strict=True), 1):
        answer = json.loads(text, parse_constant=_refuse)
        codes[_code(answer, number)] += 1
        if line.original is not None:
            # equal floats have the same bits, zero apart, and no score is NaN
            assert answer["score"] == scores[line.original], f"line {number} has another score than its file"
    return codes


def _refuse(literal: str) -> Any:
    raise AssertionError(f"{literal} is not JSON")


def _code(answer: dict[str, Any], number: int) -> str:
    """Of the error of an answer; empty of one with a score."""
    error = answer.get("error")
    if error is None:
        assert isinstance(answer["score"], float), f"line {number} has neither score nor error"
        assert "line" not in answer
        return ""
    assert answer["line"] == number, f"line {number} is called {answer['line']}"
    assert answer.get("score") is None
    assert error["message"]
    return str(error["code"])


def scores_of(originals: Sequence[bytes], options: Sequence[str]) -> list[float]:
    """Scores of lines, as a file of them is scored."""
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder) / "rows.jsonl", Path(folder) / "scores.parquet"
        rows.write_bytes(b"".join(line + b"\n" for line in originals))
        subprocess.run([*SCOREKIT, "score", str(rows), *options, "-o", str(out), "--quiet"], check=True)
        found: list[float] = pq.read_table(out, columns=["score"])["score"].to_pylist()
        return found


def stream_command(options: Sequence[str]) -> list[str]:
    """The stream, which goes on whatever its windows are like."""
    return [*SCOREKIT, "score-stream", *options, "--on-quality-fail", "warn", "--quiet"]


def main(*, quick: bool, seed: int = 0) -> None:
    """Print what became of the lines."""
    from benchmarks import data, stream

    data.model(stream.MODEL)
    options = ("-m", stream.MODEL, "--store", str(data.STORE))
    originals = stream.lines(100_000).read_bytes().splitlines()[:5000]
    lines = list(mutated(originals, QUICK if quick else LINES, seed))
    codes = check(stream_command(options), lines, scores_of(originals, options))
    head("lines", "mutated", "answers", "with a score", "errors", "kinds of them")
    row(
        f"{len(lines):,}",
        f"{sum(line.original is None for line in lines):,}",
        f"**{codes.total():,}**",
        f"{codes['']:,}",
        f"{codes.total() - codes['']:,}",
        len(codes) - 1,
    )


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    main(quick="--quick" in sys.argv, seed=numbers[0] if numbers else 0)
