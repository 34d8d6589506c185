"""Scoring streams: lines in, answers out, in order, judged window by window."""

from __future__ import annotations

from scorekit.stream.options import StreamOptions, StreamResult, Tally
from scorekit.stream.running import Places, score_stream
from scorekit.stream.windows import Extent

__all__ = ["Extent", "Places", "StreamOptions", "StreamResult", "Tally", "score_stream"]
