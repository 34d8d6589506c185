"""A broker of each kind for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.feeds.brokers import Place
from tests.feeds.places import KINDS, Server, own_place, place_at, server_of


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with server_of(request.param) as found:
        yield found


@pytest.fixture
def broker(server: Server) -> Iterator[Place]:
    with place_at(server) as made:
        yield made


@pytest.fixture
def own_broker(server: Server) -> Iterator[Place]:
    with own_place(server) as made:
        yield made
