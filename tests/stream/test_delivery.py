"""A stream of messages, killed again and again; ``benchmarks/delivery.py`` does so with every broker."""

from __future__ import annotations

from benchmarks.delivery import survive
from benchmarks.queues import RedisPlace, numbered
from tests.conftest import Bank
from tests.feeds.servers import redis_server
from tests.stream.streams import lines_of


def test_no_message_is_lost_by_kills_and_few_are_answered_twice(bank: Bank) -> None:
    lines = numbered(lines_of(bank.new.slice(0, 2000)))
    with redis_server() as server:
        place = RedisPlace(*server)
        try:
            found = survive(place, lines, 8000, 4, model="bank", store=bank.store, still=5)
        finally:
            place.clean()
    assert found.held, found
    assert found.known, found
