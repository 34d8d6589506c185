"""Answers: one line of JSON for each row.

::

    {"customer": 4711, "score": 0.81, "score_source": "model", "model_version": 3}
    {"line": 7, "error": {"code": "not_a_number", "column": "age", "message": "not a number"},
     "customer": 4712, "score": null, "score_source": "rejected", "quality_flags": "not_a_number:age", …}
    {"line": 8, "error": {"code": "invalid_json", "message": "not JSON at character 17"}}

The first is what most are, the second is a record that has no score, the third is a line
that is no record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from scorekit.engine.flaws import FLAWS
from scorekit.feeds import Message
from scorekit.scoring import SOURCES, ScoredBatch
from scorekit.store.manifest import Manifest
from scorekit.stream.lines import EMPTY, Lines, Wrong


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message has no score.

    Attributes
    ----------
    row : int
        Among the messages of its batch that are not empty.
    message : Message
    code, said : str
    column : str
        Empty where no single one is to blame.
    """

    row: int
    message: Message
    code: str
    said: str
    column: str = ""

    def to_json(self) -> bytes:
        """``"line":7,"error":{…}``."""
        column = {"column": self.column} if self.column else {}
        error = {"code": self.code, **column, "message": self.said}
        return b'"line":%d,"error":%b' % (self.message.line, msgspec.json.encode(error))


class AnswerWriter:
    """Writes answers of one version.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        names = manifest.scoring.columns
        self._labels = [msgspec.json.encode(str(label)) for label in manifest.classes]
        self._several = len(names) > 1
        shown = [*names, "prediction"] if self._several else names
        keys = (msgspec.json.encode(name).replace(b"%", b"%%") for name in shown)
        self._template = b"{%b" + b",".join(key + b":%b" for key in keys) + b"%b"
        self._version = b',"model_version":%d}' % manifest.version
        self._tails: dict[tuple[int, str], bytes] = {}

    def write(self, lines: Lines, scored: ScoredBatch, failures: Sequence[Failure]) -> list[bytes]:
        """An answer for each row."""
        columns: list[Sequence[bytes]] = [_encoded(column) for column in scored.values.T]
        if self._several:
            columns.append(self._predictions(scored))
        template = self._template
        answers = [template % row for row in zip(lines.carried, *columns, self._ends(scored), strict=True)]
        for failure in failures:
            wrong, row = failure.to_json(), failure.row
            no_record = row in lines.wrong
            answers[row] = b"{%b}" % wrong if no_record else b"{%b,%b" % (wrong, answers[row][1:])
        return answers

    def _predictions(self, scored: ScoredBatch) -> list[bytes]:
        """The likeliest class of each row."""
        return [
            self._labels[values.index(max(values))] if has else b"null"
            for values, has in zip(scored.values.tolist(), scored.has_score.tolist(), strict=True)
        ]

    def _ends(self, scored: ScoredBatch) -> Sequence[bytes]:
        """What follows the score of each row: where it comes from, flags, version."""
        if not scored.flaws and not scored.sources.any():
            return [self._tail(0, "")] * len(scored)
        texts, numbers = scored.flags()
        return [
            self._tail(source, texts[number])
            for source, number in zip(scored.sources.tolist(), numbers.tolist(), strict=True)
        ]

    def _tail(self, source: int, flags: str) -> bytes:
        known = self._tails.get((source, flags))
        if known is not None:
            return known
        said = b',"quality_flags":' + msgspec.json.encode(flags) if flags else b""
        tail = b',"score_source":"%b"%b%b' % (SOURCES[source].encode(), said, self._version)
        if len(self._tails) < _KNOWN:
            self._tails[source, flags] = tail
        return tail


_KNOWN = 4096
"""Kinds of ends that are kept."""


def _encoded(column: Any) -> list[bytes]:
    """Numbers as JSON, each as short as it can be to mean the same; NaN is ``null``."""
    return msgspec.json.encode(column.tolist())[1:-1].split(b",") if len(column) else []


def failures_of(lines: Lines, scored: ScoredBatch) -> Iterator[Failure]:
    """Why rows have no score, in their order."""
    for row, code, said, column in reasons(scored, lines.wrong):
        yield Failure(row, lines.messages[row], code, said, column)


def reasons(scored: ScoredBatch, wrong: Mapping[int, Wrong]) -> Iterator[tuple[int, str, str, str]]:
    """Rows without a score, in their order: each with a code, what is said, and the column to blame or none.

    Parameters
    ----------
    scored : ScoredBatch
    wrong : mapping of int to Wrong
        What is wrong with rows that could not be read.
    """
    first: dict[int, tuple[str, str]] = {}
    for flaw in scored.flaws:
        if flaw.rejects:
            for row in flaw.rows.tolist():
                first.setdefault(row, (flaw.code, flaw.column))
    for row in scored.rejected.tolist():
        if row in wrong:
            yield row, *wrong[row], ""
        else:
            code, column = first[row]
            yield row, code, FLAWS[code].message, column


def empty_answer(message: Message) -> bytes:
    """The answer to a line that holds nothing."""
    return b"{%b}" % Failure(-1, message, *Wrong(EMPTY, "an empty line")).to_json()
