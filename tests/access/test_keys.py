"""API keys: how they are made, what is kept of them, and how they end."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from scorekit.access import keys
from scorekit.errors import UsageError
from scorekit.state import place
from scorekit.state.engine import transaction
from tests.access.conftest import PEPPER

DAY = timedelta(days=1)


def rows(url: str) -> list[dict[str, object]]:
    with transaction(place.find(url=url)) as connection:
        return [dict(row) for row in connection.exec_driver_sql("SELECT * FROM scorekit_keys").mappings()]


def states() -> list[str]:
    found = keys.listed()
    return [key.state(found.at) for key in found.keys]


def test_a_key_is_random_and_no_two_are_alike(state: str) -> None:
    made = [keys.create(f"desk {number}", ["score"], DAY, "Ada").key for number in range(20)]
    assert len({key.split("_")[1] for key in made}) == len({key.split("_")[2] for key in made}) == 20
    assert all(62 ** len(key.split("_")[2]) > 2**256 for key in made)
    letters = set("".join(key.split("_")[2] for key in made))
    assert len(letters) == 62


def test_what_is_kept_is_no_key_and_makes_none(state: str) -> None:
    made = keys.create("desk", ["score"], DAY, "Ada")
    (row,) = rows(state)
    secret = made.key.rpartition("_")[2]
    assert secret not in str(row)
    assert secret not in repr(made)
    # neither is it a digest that somebody without the pepper could make
    assert row["digest"] != hashlib.sha256(made.key.encode()).hexdigest()
    assert row["digest"] == keys.digest_of(made.key, PEPPER.encode()).hex()
    assert row["digest"] != keys.digest_of(made.key, b"another pepper of more than 32 characters").hex()


def test_a_key_remembers_who_made_it_what_for_and_until_when(state: str) -> None:
    keys.create("desk", ["train", "score", "train"], DAY, "Ada")
    (key,) = keys.listed().keys
    assert (key.name, key.scopes, key.created_by) == ("desk", ("score", "train"), "Ada")
    assert key.expires is not None
    assert key.expires - key.created == DAY
    assert (key.revoked, key.revoked_by, key.last_used) == (None, None, None)


def test_a_second_key_takes_the_place_of_the_first_and_a_third_is_refused(state: str) -> None:
    first = keys.create("desk", ["score"], DAY, "Ada").record.id
    second = keys.create("desk", ["score"], DAY, "Ada").record.id
    keys.create("another", ["score"], DAY, "Ada")
    with pytest.raises(UsageError, match="2 keys of the name desk") as refused:
        keys.create("desk", ["score"], DAY, "Ada")
    assert refused.value.code == "too_many_keys"
    assert first in refused.value.message
    assert second in refused.value.message
    assert f"keys revoke {first}" in str(refused.value.hint)
    keys.revoke(first, "Bob")
    keys.create("desk", ["score"], DAY, "Ada")
    assert states() == ["revoked", "live", "live", "live"]


def test_a_key_that_has_expired_stands_in_the_way_of_none(state: str) -> None:
    for _ in range(3):
        keys.create("desk", ["score"], timedelta(microseconds=1), "Ada")
    assert states() == ["expired"] * 3


def test_of_many_who_make_keys_of_one_name_at_once_two_succeed(state: str) -> None:
    def make(number: int) -> int:
        try:
            keys.create("desk", ["score"], DAY, f"person {number}")
        except UsageError as error:
            return 0 if error.code == "too_many_keys" else 100
        return 1

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(make, range(12))) == 2
    assert states() == ["live"] * 2


def test_a_revoked_key_stays_as_it_was_revoked(state: str) -> None:
    made = keys.create("desk", ["score"], DAY, "Ada")
    first = keys.revoke(made.record.id, "Bob")
    again = keys.revoke(made.key, "Eve")
    assert first == again
    assert (again.revoked_by, again.revoked is not None) == ("Bob", True)


@pytest.mark.parametrize("given", ["no such id", "sk_" + 60 * "x", "'; DROP TABLE scorekit_keys; --", ""])
def test_a_key_that_there_is_not_cannot_be_revoked(state: str, given: str) -> None:
    keys.create("desk", ["score"], DAY, "Ada")
    with pytest.raises(UsageError, match="no key with the id") as refused:
        keys.revoke(given, "Ada")
    assert refused.value.code == "no_such_key"
    assert 20 * "x" not in refused.value.message
    assert states() == ["live"]


def test_a_pepper_is_needed(state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCOREKIT_KEY_PEPPER")
    with pytest.raises(UsageError, match="SCOREKIT_KEY_PEPPER") as refused:
        keys.create("desk", ["score"], DAY, "Ada")
    assert refused.value.code == "no_pepper"
    assert "openssl rand -hex 32" in str(refused.value.hint)
    assert keys.listed().keys == ()
    file = tmp_path / "pepper"
    monkeypatch.setenv("SCOREKIT_KEY_PEPPER_FILE", str(file))
    for content in ("", "\n", "too short\n"):
        file.write_text(content)
        with pytest.raises(UsageError) as refused:
            keys.read_pepper()
        assert refused.value.code == "no_pepper"
        assert "too short\n" not in refused.value.message
    file.write_text(PEPPER + "\n")
    assert keys.read_pepper() == PEPPER.encode()


@pytest.mark.parametrize(
    ("name", "scopes", "expires", "who", "said"),
    [
        ("", ["score"], DAY, "Ada", "needs a name"),
        ("a\nb", ["score"], DAY, "Ada", "needs a name"),
        (101 * "x", ["score"], DAY, "Ada", "needs a name"),
        ("desk", [], DAY, "Ada", "needs a scope"),
        ("desk", ["score", "fly"], DAY, "Ada", "no scope 'fly'"),
        ("desk", ["score"], timedelta(0), "Ada", "some time"),
        ("desk", ["score"], DAY, " ", "--by"),
    ],
)
def test_what_is_no_key_is_not_made(
    state: str, name: str, scopes: list[str], expires: timedelta, who: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        keys.create(name, scopes, expires, who)
    assert keys.listed().keys == ()
