"""``scorekit keys``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from scorekit.access.keys import digest_of, id_of
from scorekit.cli import run
from tests.access.conftest import PEPPER
from tests.commands.stores import Said

Command = Callable[..., Said]


@pytest.fixture
def command(state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "160")

    def call(*args: str) -> Said:
        capsys.readouterr()
        code = run([*args])
        return Said(code, *capsys.readouterr())

    return call


def test_a_key_stands_alone_on_stdout(command: Command) -> None:
    said = command("keys", "create", "desk", "--scope", "score", "--scope", "train", "--by", "Ada")
    (key,) = said.out.splitlines()
    key_id = str(id_of(key))
    assert said.code == 0
    assert f"desk: key {key_id} for score, train, until 20" in said.err
    assert "cannot be shown again" in said.err
    assert key.rpartition("_")[2] not in said.err


def test_a_key_is_shown_once(command: Command) -> None:
    made = command("keys", "create", "desk", "--scope", "score", "--by", "Ada", "--json").json
    secret = made["key"].rpartition("_")[2]
    digest = digest_of(made["key"], PEPPER.encode()).hex()
    shown = [
        command("keys", "list"),
        command("keys", "list", "--json"),
        command("keys", "revoke", made["id"], "--by", "Ada"),
        command("keys", "create", "desk", "--scope", "score", "--by", "Ada", "--log-format", "json"),
    ]
    assert not any(hidden in said.out + said.err for said in shown for hidden in (secret, digest))
    created = json.loads(shown[-1].err)
    assert created["event"] == "key_created"
    assert shown[-1].out.strip().rpartition("_")[2] not in shown[-1].err


def test_the_list_says_how_each_stands(command: Command) -> None:
    assert command("keys", "list").out == "no key was made yet\n"
    first = command("keys", "create", "desk", "--scope", "score", "--by", "Ada", "--json").json["id"]
    command("keys", "create", "boss", "--scope", "admin", "--expires", "never", "--by", "Bob")
    assert command("keys", "revoke", first, "--by", "Eve").err.startswith(
        f"desk: key {first} was revoked by Eve"
    )
    desk, boss = command("keys", "list", "--json").json["keys"]
    assert (desk["state"], desk["revoked_by"], desk["created_by"]) == ("revoked", "Eve", "Ada")
    assert (boss["state"], boss["expires"], boss["scopes"]) == ("live", None, ["admin"])
    lines = command("keys", "list").out.splitlines()
    assert len(lines) == 3
    assert "revoked" in lines[1]
    assert "never" in lines[2]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("create", "desk", "--by", "Ada"), "--scope"),
        (("create", "desk", "--scope", "score"), "--by"),
        (("create", "desk", "--scope", "fly", "--by", "Ada"), "no scope 'fly'"),
        (
            ("create", "desk", "--scope", "score", "--by", "Ada", "--expires", "soon"),
            "--expires takes an age",
        ),
        (("create", "desk", "--scope", "score", "--by", "Ada", "--expires", "0d"), "good for some time"),
        (("revoke", "nobody", "--by", "Ada"), "no key with the id nobody"),
        (("revoke", "nobody"), "--by"),
    ],
)
def test_what_cannot_be_done_is_said(command: Command, args: tuple[str, ...], said: str) -> None:
    found = command("keys", *args)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
