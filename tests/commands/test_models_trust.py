"""``models verify`` and ``models sign``: what does not hold is named, and what nobody trusts is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.stores import Models, flip
from tests.conftest import scorekit

FILES = [
    "manifest.json",
    "compiled/program.json",
    "compiled/arrays.npz",
    "estimator.joblib",
    "card.md",
    "baseline.json",
]


def test_every_version_is_verified_when_none_is_named(store: Path, models: Models) -> None:
    said = models("verify")
    assert (said.code, said.err) == (0, "")
    assert said.out == "holds   bank:1: 5 files, not signed\nholds   bank:2: 3 files, not signed\n"
    one = models("verify", "bank", "--json").json
    assert (one["ok"], [version["model"] for version in one["versions"]]) == (True, ["bank:1"])
    assert {file["path"] for file in one["versions"][0]["files"]} == set(FILES) - {"manifest.json"}


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_byte_is_found_and_its_file_named(store: Path, models: Models, path: str) -> None:
    flip(store / "bank/1" / path)
    said = models("verify")
    assert said.code == 4
    assert f"{store}/bank/1/{path} " in said.out
    assert f"{store}/bank/1/{path} " in said.err.partition("hint:")[0]
    assert "holds   bank:2" in said.out
    checked = models("verify", "--json")
    assert (checked.code, checked.json["ok"]) == (4, False)
    first, second = checked.json["versions"]
    assert path in first["problems"][0]
    assert second["ok"]
    assert models("verify", "bank:2").code == 0


def test_what_holds_is_not_said_when_quiet(store: Path) -> None:
    assert scorekit("models", "verify", "--quiet", store=store).stdout == ""
    flip(store / "bank/1/card.md")
    said = scorekit("models", "verify", "--quiet", store=store)
    (line,) = said.stdout.splitlines()
    assert line.startswith("broken  bank:1: ")


def test_a_check_that_failed_leaves_by_4_with_its_findings_on_stdout(store: Path) -> None:
    flip(store / "bank/1/estimator.joblib")
    flip(store / "bank/2/card.md")
    (store / "bank/2/extra").write_bytes(b"")
    said = scorekit("models", "verify", "--quiet", store=store)
    assert said.returncode == 4
    assert [line.split()[:2] for line in said.stdout.splitlines()] == [
        ["broken", "bank:1:"],
        ["broken", "bank:2:"],
        ["broken", "bank:2:"],
    ]
    assert said.stderr.startswith("error: 2 of 2 versions do not hold: ")
    assert "restore it" in said.stderr


# Signatures --------------------------------------------------------------------------


def test_only_what_a_trusted_key_signed_is_used(
    store: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "release.pem"
    made = models("keygen", key, "--json").json
    assert (made["private"], made["public"]) == (str(key), f"{key}.pub")
    assert models("keygen", key).code == 2, "a key is never written over"
    signed = models("sign", "bank:2", "--key", key)
    assert (signed.code, signed.out) == (0, "")
    assert signed.err == f"signed bank:2 with the key {made['key']}\n"
    assert "SCOREKIT_TRUSTED_KEYS is not set" in models("verify", "bank:2").out
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", f"{key}.pub")
    assert models("promote", "bank:2").code == 0
    assert "signed by a key that is trusted here" in models("verify", "bank:2").out
    refused = models("promote", "bank:1")
    assert refused.code == 4
    assert f"{store}/bank/1/manifest.json is not signed" in refused.err
    checked = models("verify")
    assert checked.code == 4
    assert "hint: sign it" in checked.err
    second, first = models("list", "--json").json["models"][0]["versions"]
    assert second["signing"] == {"standing": "valid", "keys": [made["key"]]}
    assert first["signing"]["standing"] == "unsigned"
    assert models("list").out.splitlines()[1].split()[-1] == "signed"


def test_what_is_not_signed_can_be_read_before_it_is_signed(
    store: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "theirs"):
        models("keygen", tmp_path / name)
    models("sign", "bank:2", "--key", tmp_path / "theirs")
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", str(tmp_path / "ours.pub"))
    assert "signature  not signed" in models("show", "bank:1").out
    assert "no key that is trusted here" in models("show", "bank:2").out
    assert models("diff", "bank:1", "bank:2").code == 0
    assert models("show", "bank:1", "--card").code == 0
    models("sign", "bank:1", "--key", tmp_path / "ours")
    forged = store / "bank/1/manifest.json"
    forged.write_text(forged.read_text() + " ")
    said = models("show", "bank:1")
    assert (said.code, said.out) == (4, "")
    assert "the signature does not hold" in said.err


def test_nobody_signs_what_does_not_hold(store: Path, models: Models, tmp_path: Path) -> None:
    models("keygen", tmp_path / "key")
    flip(store / "bank/1/card.md")
    said = models("sign", "bank:1", "--key", tmp_path / "key")
    assert said.code == 4
    assert "bank/1/card.md was changed after it was published: not signed" in said.err
    assert models("sign", "bank:2", "--key", tmp_path / "nothing").code == 2


def test_training_promotes_nothing_that_promote_would_refuse(
    store: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models("keygen", tmp_path / "key")
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", f"{tmp_path / 'key'}.pub")
    data = tmp_path / "rows.csv"
    data.write_text("age,tall\n" + "5,no\n30,yes\n" * 9)
    train = ["train", data, "--target", "tall", "--name", "bank", "--estimator", "logistic", "--cv", "0"]
    refused = scorekit(*train, "--promote", "--verbose")
    assert refused.returncode == 4
    assert "error: a new version is not signed, and only signed versions are trusted" in refused.stderr
    assert "hint: train without --promote, then `scorekit models sign`" in refused.stderr
    assert "read" not in refused.stderr.splitlines(), "it can be known before"
    assert not (store / "bank/3").exists()
    made = scorekit(*train)
    assert made.returncode == 0
    assert made.stderr.endswith("next: scorekit models sign bank:3 --key KEY\n")
    assert models("promote", "bank:3").code == 4
    models("sign", "bank:3", "--key", tmp_path / "key")
    assert models("promote", "bank:3").code == 0
