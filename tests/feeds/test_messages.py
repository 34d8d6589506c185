"""A message, and where it stands."""

from __future__ import annotations

import pytest

from scorekit.feeds import Message
from scorekit.feeds.letters import ERRORS, headers_of


@pytest.mark.parametrize(
    ("position", "partition", "offset"),
    [
        ("3/17", 3, "17"),
        ("0/0", 0, "0"),
        ("1716-5", None, "1716-5"),
        ("ids/may/have/slashes", None, "ids/may/have/slashes"),
        ("", None, ""),
    ],
)
def test_the_offset_is_where_it_stands_in_its_partition_if_there_are_any(
    position: str, partition: int | None, offset: str
) -> None:
    message = Message(b"{", 1, position=position, partition=partition, topic="rows")
    assert message.offset == offset
    headers = dict(headers_of(message, "code", "said"))
    assert headers[f"{ERRORS}offset"] == offset.encode()
    assert headers[f"{ERRORS}partition"] == str(partition or 0).encode()
