"""One version on the road from lines to answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from scorekit.feeds import Message
from scorekit.gate import Gate
from scorekit.model import Model
from scorekit.policy import Policy
from scorekit.quality.settings import RowBand
from scorekit.stream.answers import AnswerWriter
from scorekit.stream.carrying import Carrier
from scorekit.stream.lines import LineReader, Lines
from scorekit.stream.options import StreamOptions

MakeGate = Callable[[Model, Policy], Gate]


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """What reads, scores and answers by one version.

    Attributes
    ----------
    gate : Gate
    reader : LineReader
    writer : AnswerWriter
    """

    gate: Gate
    reader: LineReader
    writer: AnswerWriter

    @classmethod
    def make(cls, model: Model, policy: Policy, options: StreamOptions, make_gate: MakeGate) -> Self:
        """Make one ready.

        Raises
        ------
        UsageError
            If the policy, or a field to carry, does not go with the model.
        """
        # a window has as many rows as it is asked to have; a band is meant for files
        judged = replace(policy, quality=replace(policy.quality, rows=RowBand()))
        manifest = model.manifest
        carrier = Carrier(options.ids, options.passthrough, manifest)
        reader, writer = LineReader(manifest.inputs, carrier), AnswerWriter(manifest)
        return cls(make_gate(model, judged), reader, writer)

    @property
    def version(self) -> str:
        """``name:version``."""
        return f"{self.gate.model.manifest.name}:{self.gate.model.manifest.version}"

    def read(self, messages: Sequence[Message]) -> Lines:
        """Messages as rows."""
        return self.reader.read(messages)

    def warm(self) -> None:
        """Score what nobody sees, so that the first line is not the slowest."""
        empty = dict.fromkeys(self.gate.model.manifest.inputs.names)
        self.gate.scorer.score([empty])
