"""An alias remembers who moved it, when and why, and forgets nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorekit.errors import ModelError, ModelNotFound, TamperedError, UsageError, VersionMismatch
from scorekit.store import aliases
from scorekit.store.aliases import AliasRecord
from scorekit.store.versions import Ref, Store
from tests.store.processes import Worker
from tests.store.test_versions import publish


def test_every_move_is_in_the_history(store: Store) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    for _ in range(2):
        publish(store)
    store.promote(Ref("bank", 2), by="ann", why="better on holdout")
    store.rollback("bank", by="bob", why="complaints")
    moves = store.history("bank")
    assert [(move.from_version, move.to_version, move.by, move.why) for move in moves] == [
        (None, 1, "tester", "first version"),
        (1, 2, "ann", "better on holdout"),
        (2, 1, "bob", "complaints"),
    ]
    times = [datetime.fromisoformat(move.at) for move in moves]
    assert before <= times[0] <= times[1] <= times[2] <= datetime.now(UTC)
    assert store.resolve("bank") == Ref("bank", 1)


def test_rollback_twice_is_there_and_back(store: Store) -> None:
    for _ in range(3):
        publish(store, alias="champion")
    assert [store.rollback("bank", by="ann").version for _ in range(3)] == [2, 3, 2]


def test_there_is_nothing_to_roll_back_to(store: Store) -> None:
    publish(store)
    store.promote(Ref("bank", 1), by="ann")
    with pytest.raises(ModelError, match="nothing to roll back to") as caught:
        store.rollback("bank", by="ann")
    assert caught.value.code == "no_previous_version"
    assert len(store.history("bank")) == 2


def test_all_aliases(store: Store) -> None:
    publish(store)
    publish(store, alias="challenger")
    assert {name: record.version for name, record in store.aliases("bank").items()} == {
        "challenger": 2,
        "champion": 1,
    }


def test_only_what_is_there_is_promoted(store: Store) -> None:
    publish(store)
    with pytest.raises(ModelNotFound, match="no version 2"):
        store.promote(Ref("bank", 2), by="ann")
    with pytest.raises(ModelNotFound, match="no alias prod"):
        store.rollback("bank", "prod", by="ann")
    with pytest.raises(UsageError, match="not an alias"):
        store.promote(Ref("bank", 1), "7", by="ann")
    assert len(store.history("bank")) == 1


def test_two_processes_promoting_at_once_both_are_in_the_history(store: Store, uri: str) -> None:
    publish(store)
    publish(store)
    rounds = 15
    with Worker(uri) as one, Worker(uri) as two:
        for number in range(rounds):
            for worker, version in ((one, 1), (two, 2)):
                worker.send("promote", version=version, alias="champion", why=f"{version} in round {number}")
            assert {"ok", "error"} & {*one.receive(), *two.receive()} == {"ok"}
    moves = store.history("bank")
    assert len(moves) == 1 + 2 * rounds
    assert len({move.why for move in moves}) == 1 + 2 * rounds
    assert all(later.from_version == earlier.to_version for earlier, later in pairwise(moves))


def test_what_is_no_alias_file() -> None:
    for data in (b"", b"{}", b"[]", b'{"format_version": 1, "version": "x"}', b"[" * 100_000):
        with pytest.raises(TamperedError, match=r"champion\.json is not an alias"):
            AliasRecord.from_bytes(data, "champion.json")
    with pytest.raises(VersionMismatch):
        AliasRecord.from_bytes(b'{"format_version": 99}', "champion.json")


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_the_previous_version_is_the_last_other_one(versions: list[int]) -> None:
    first, *rest = versions
    record = aliases.new(aliases.entry(first, by="x", why=""))
    for version in rest:
        record = record.moved(aliases.entry(version, by="x", why=""))
    others = [version for version in versions if version != versions[-1]]
    assert record.version == versions[-1]
    assert record.previous() == (others[-1] if others else None)
    assert AliasRecord.from_bytes(record.to_bytes(), "x") == record


def test_a_move_made_again_is_one_move() -> None:
    record = aliases.new(aliases.entry(1, by="x", why=""))
    move = aliases.entry(2, by="x", why="")
    assert record.moved(move).moved(move) == record.moved(move)
