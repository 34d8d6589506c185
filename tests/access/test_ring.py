"""Verifying keys: what is asked of the database, when a key dies, and what a caller can find out."""

from __future__ import annotations

import hmac
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from scorekit.access import keys
from scorekit.access import ring as ring_module
from scorekit.access.ring import KeyRing
from scorekit.errors import NotAuthenticated, Unreachable
from scorekit.state import place
from scorekit.state.engine import transaction
from scorekit.state.keys import KeyTable
from tests.access.conftest import PEPPER

DAY = timedelta(days=1)


@pytest.fixture
def ring(state: str) -> Iterator[KeyRing]:
    with opened() as made:
        yield made


@contextmanager
def opened(pepper: str = PEPPER) -> Iterator[KeyRing]:
    made = KeyRing(place.find(), pepper.encode())
    try:
        yield made
    finally:
        made.close()


def say(url: str, *statements: str) -> None:
    with transaction(place.find(url=url), writes=True) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.02)
    return found


def refused(ring: KeyRing, key: str) -> NotAuthenticated | None:
    try:
        ring.identify(key)
    except NotAuthenticated as error:
        return error
    return None


def changed(key: str, place: int = -1) -> str:
    letters = list(key)
    letters[place] = "a" if letters[place] != "a" else "b"
    return "".join(letters)


def test_a_key_says_who_calls(ring: KeyRing, key: str) -> None:
    caller = ring.identify(key)
    assert (caller.id, caller.name) == (f"key:{keys.id_of(key)}", "desk")
    assert (caller.may("score"), caller.may("train"), caller.may("admin")) == (True, False, False)
    assert ring.known(key) == caller


def test_admin_may_do_what_all_others_may(ring: KeyRing) -> None:
    caller = ring.identify(keys.create("boss", ["admin"], DAY, "Ada").key)
    assert (caller.may("score"), caller.may("train"), caller.may("admin")) == (True, True, True)


@pytest.mark.parametrize("place_of_change", [-1, -20, -43])
def test_a_key_with_another_letter_is_not_good(ring: KeyRing, key: str, place_of_change: int) -> None:
    ring.identify(key)
    assert refused(ring, changed(key, place_of_change)) is not None


def test_the_secret_of_one_key_is_not_good_for_another(ring: KeyRing, key: str) -> None:
    other = keys.create("boss", ["admin"], DAY, "Ada").key
    mixed = f"{other.rpartition('_')[0]}_{key.rpartition('_')[2]}"
    assert ring.identify(other).may("admin")
    assert refused(ring, mixed) is not None


@pytest.mark.parametrize(
    "given", ["", "sk_", "sk_a_b", "sk_0123456789ab_", "\0", "sk_0123456789ab_" + 43 * "é", 100_000 * "x"]
)
def test_what_is_no_key_is_not_good(ring: KeyRing, given: str) -> None:
    assert refused(ring, given) is not None


def test_nothing_of_a_key_is_said_again(ring: KeyRing, key: str) -> None:
    wrong = changed(key)
    error = refused(ring, wrong)
    assert error is not None
    assert (error.code, error.http_status) == ("bad_credentials", 401)
    assert wrong.rpartition("_")[2] not in f"{error} {error.hint} {error.__cause__}"


def test_another_pepper_makes_every_key_worthless(key: str) -> None:
    with opened("another pepper of more than 32 characters") as ring:
        assert refused(ring, key) is not None


def test_who_writes_to_the_database_makes_no_key_that_is_taken(ring: KeyRing, key: str, state: str) -> None:
    import hashlib

    ring.identify(key)
    forged = "sk_aaaaaaaaaaaa_" + 43 * "x"
    digests = {
        "aaaaaaaaaaaa": hashlib.sha256(forged.encode()).hexdigest(),
        "bbbbbbbbbbbb": "",
        "cccccccccccc": "no digest",
    }
    for key_id, digest in digests.items():
        say(
            state,
            "INSERT INTO scorekit_keys (id, name, digest, scopes, created, created_by) "
            f"VALUES ('{key_id}', 'eve', '{digest}', 'admin', '2026-01-01 00:00:00+00:00', 'eve')",
        )
    time.sleep(ring_module.AGAIN)
    for key_id in digests:
        assert refused(ring, forged.replace("aaaaaaaaaaaa", key_id)) is not None
    assert ring.identify(key).may("score")


# How long a key lives ----------------------------------------------------------------


def test_an_answer_is_gone_by_for_five_seconds_at_most() -> None:
    assert ring_module.FRESH <= 5
    assert ring_module.AGAIN < 1


def test_a_revoked_key_dies(ring: KeyRing, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "FRESH", 0.5)
    ring.identify(key)
    keys.revoke(key, "Ada")
    time.sleep(0.5)
    assert refused(ring, key) is not None
    time.sleep(0.5)
    assert refused(ring, key) is not None


def test_what_was_known_is_not_gone_by_any_more_after_its_time(
    ring: KeyRing, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.identify(key)
    assert ring.known(key) is not None
    monkeypatch.setattr(ring_module, "FRESH", 0.0)
    assert ring.known(key) is None


def test_a_key_expires_to_the_moment_without_a_look_into_the_database(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorekit.state import moments

    key = keys.create("desk", ["score"], timedelta(hours=1), "Ada").key
    ring.identify(key)
    monkeypatch.setattr(ring_module, "now", lambda: moments.now() + timedelta(minutes=59))
    assert ring.known(key) is not None
    monkeypatch.setattr(ring_module, "now", lambda: moments.now() + timedelta(minutes=61))
    with pytest.raises(NotAuthenticated):
        ring.identify(key)


def test_a_key_that_was_just_made_is_good(ring: KeyRing, key: str) -> None:
    ring.identify(key)
    made = keys.create("late", ["train"], DAY, "Ada").key
    wait_for(lambda: refused(ring, made) is None)


# Who has shown a key before ------------------------------------------------------------


def test_a_key_that_was_shown_is_known_by_its_id_as_long_as_it_lives(
    ring: KeyRing, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_module, "FRESH", 0.5)
    caller = ring.identify(key)
    key_id = str(keys.id_of(key))
    assert ring.holder(key_id) == caller
    keys.revoke(key, "Ada")
    time.sleep(0.5)
    with pytest.raises(NotAuthenticated):
        ring.holder(key_id)


def test_an_id_of_no_key_or_of_one_that_has_expired_is_nobodys(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorekit.state import moments

    key_id = str(keys.id_of(keys.create("desk", ["score"], timedelta(hours=1), "Ada").key))
    assert ring.holder(key_id).name == "desk"
    monkeypatch.setattr(ring_module, "now", lambda: moments.now() + timedelta(minutes=61))
    for other in (key_id, "aaaaaaaaaaaa", ""):
        with pytest.raises(NotAuthenticated):
            ring.holder(other)


# What it costs the database ----------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the database was read."""
    found: list[float] = []
    live = KeyTable.live

    def counted(table: KeyTable) -> Any:
        found.append(time.monotonic())
        return live(table)

    monkeypatch.setattr(KeyTable, "live", counted)
    return found


def test_a_key_that_is_known_costs_no_read(ring: KeyRing, key: str, reads: list[float]) -> None:
    began = time.monotonic()
    ring.identify(key)
    for _ in range(1000):
        assert ring.known(key) is not None or ring.identify(key)
    assert len(reads) <= 1 + (time.monotonic() - began) / ring_module.ROUND


def test_keys_that_were_made_up_cost_a_few_reads_however_many_they_are(
    ring: KeyRing, key: str, reads: list[float]
) -> None:
    began = time.monotonic()
    for number in range(2000):
        assert refused(ring, f"sk_{number:012}_{43 * 'x'}") is not None
    assert len(reads) <= 2 + (time.monotonic() - began) / ring_module.AGAIN


def test_many_who_ask_at_once_share_one_read(ring: KeyRing, key: str, reads: list[float]) -> None:
    with ThreadPoolExecutor(16) as pool:
        callers = list(pool.map(lambda _: ring.identify(key), range(64)))
    assert len(set(callers)) == 1
    assert len(reads) == 1


def test_an_unknown_key_is_compared_as_a_wrong_one_is(
    ring: KeyRing, key: str, reads: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    compare = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return compare(one, other)

    monkeypatch.setattr(ring_module.hmac, "compare_digest", counted)
    steps = []
    for given in (changed(key), "sk_aaaaaaaaaaaa_" + 43 * "x"):
        ring.identify(key)
        time.sleep(ring_module.AGAIN)
        compared.clear()
        reads.clear()
        assert refused(ring, given) is not None
        steps.append((list(compared), len(reads)))
    assert steps[0] == steps[1] == ([32, 32], 1)


def test_what_was_found_wrong_just_now_is_told_without_asking(ring: KeyRing, key: str) -> None:
    ring.identify(key)
    assert refused(ring, changed(key)) is not None
    with pytest.raises(NotAuthenticated):
        ring.known(changed(key))


# When the database is away -----------------------------------------------------------


def test_nobody_is_let_in_while_the_database_is_away(
    ring: KeyRing, key: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_module, "FRESH", 1.0)
    ring.identify(key)
    say(state, "ALTER TABLE scorekit_keys RENAME TO taken_away")

    def closed() -> Unreachable | None:
        try:
            ring.identify(key)
        except Unreachable as error:
            return error
        return None

    error = wait_for(closed)
    assert error.http_status == 503
    assert ring.known(key) is None
    with pytest.raises(Unreachable):
        ring.identify(changed(key))
    say(state, "ALTER TABLE taken_away RENAME TO scorekit_keys")
    assert ring.identify(key).name == "desk"


def test_those_who_waited_for_a_database_that_is_away_are_told_at_once(
    ring: KeyRing, key: str, reads: list[float], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = KeyTable.live

    def slow(table: KeyTable) -> Any:
        time.sleep(0.5)
        return away(table)

    monkeypatch.setattr(KeyTable, "live", slow)
    say(state, "ALTER TABLE scorekit_keys RENAME TO taken_away")

    def told(_: int) -> bool:
        with pytest.raises(Unreachable):
            ring.identify(key)
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(told, range(16)))
    assert len(reads) < 8  # each would have been one, had they not shared what was found


def test_a_database_that_is_taken_away_between_two_reads_is_not_read_again(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    monkeypatch.setenv("SCOREKIT_DATABASE_URL", sqlite)
    monkeypatch.setenv("SCOREKIT_KEY_PEPPER", PEPPER)
    monkeypatch.setattr(ring_module, "FRESH", 0.1)
    key = keys.create("desk", ["score"], DAY, "Ada").key
    with opened() as ring:
        ring.identify(key)
        Path(sqlite.removeprefix("sqlite:///")).unlink()
        time.sleep(0.2)
        with pytest.raises(Unreachable) as error:
            ring.identify(key)
    assert error.value.code == "state_replaced"


# When it was used --------------------------------------------------------------------


def last_used() -> object:
    return keys.listed().keys[0].last_used


def test_when_a_key_was_used_is_noted_and_not_again_within_a_minute(ring: KeyRing, key: str) -> None:
    assert ring_module.USED_EVERY >= 60
    ring.identify(key)
    first = wait_for(last_used)
    for _ in range(3):
        ring.identify(key)
        time.sleep(ring_module.ROUND)
    assert last_used() == first


def test_a_key_that_was_refused_was_not_used(ring: KeyRing, key: str) -> None:
    other = keys.create("other", ["score"], DAY, "Ada").key
    ring.identify(other)
    assert refused(ring, changed(key)) is not None
    wait_for(lambda: keys.listed().keys[1].last_used)
    assert last_used() is None


def test_what_was_used_is_noted_at_the_end(key: str) -> None:
    with opened() as ring:
        ring.identify(key)
    assert last_used() is not None


def test_no_request_waits_for_a_note(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", sqlite)
    monkeypatch.setenv("SCOREKIT_KEY_PEPPER", PEPPER)
    key = keys.create("desk", ["score"], DAY, "Ada").key
    with opened() as ring:
        with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            end = time.monotonic() + 3 * ring_module.ROUND
            while time.monotonic() < end:
                # one that waited for the lock would wait for ten seconds and then fail: it is ours
                assert (ring.known(key) or ring.identify(key)).name == "desk"
                time.sleep(0.01)
            assert last_used() is None
            writer.execute("ROLLBACK")
        wait_for(last_used)
