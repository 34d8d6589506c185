"""``doctor``: what is wrong is found, and where each setting came from is true."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

import scorekit as package
from scorekit import config
from scorekit.cli import run
from scorekit.doctor import EXTRAS
from scorekit.store.signatures import generate_key
from tests.conftest import Bank, scorekit

Findings = dict[str, tuple[str, str, str | None]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(report: str) -> Findings:
    """Health, value and advice of each finding, by its name."""
    findings: list[dict[str, Any]] = json.loads(report)["findings"]
    return {one["name"]: (one["health"], one["value"], one["advice"]) for one in findings}


def examined(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, Findings]:
    code = run(["doctor", "--json", *args])
    return code, found(capsys.readouterr().out)


def test_trusted_keys_are_tried(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, findings = examined(capsys)
    assert (code, findings["trusted keys"][:2]) == (0, ("off", "none: every version is used"))
    for name in ("a", "b"):
        generate_key(here / name)
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", f"{here / 'a.pub'}{os.pathsep}{here / 'b.pub'}")
    code, findings = examined(capsys)
    assert (code, findings["trusted keys"][:2]) == (0, ("ok", "2 keys: only what they signed is used"))
    for named, said in (
        (here / "a", "is not an Ed25519 public key"),
        (here / "none.pub", "cannot read the key"),
    ):
        monkeypatch.setenv("SCOREKIT_TRUSTED_KEYS", str(named))
        code, findings = examined(capsys)
        assert (code, findings["trusted keys"][0]) == (7, "bad")
        assert said in findings["trusted keys"][1]


def without_power_over_files() -> None:
    """Have root, too, be held to the permissions of files, from the next program on."""
    drop_from_bounding_set, override_permissions = 24, 1
    ctypes.CDLL(None, use_errno=True).prctl(drop_from_bounding_set, override_permissions, 0, 0, 0)


@pytest.mark.parametrize("locked", ["models", "models/bank"])
def test_a_store_that_cannot_be_written_to_is_noticed(bank: Bank, here: Path, locked: str) -> None:
    shutil.copytree(bank.store, here / "models")
    (here / locked).chmod(0o555)
    said = scorekit("doctor", "--json", "--store", "models", preexec_fn=without_power_over_files)
    health, value, advice = found(said.stdout)["models"]
    assert (health, value) == ("off", "1 model, and it cannot be written to")
    assert "to train and to promote" in (advice or "")
    assert said.returncode == 0, "it can be scored with all the same"
    (here / locked).chmod(0o755)
    said = scorekit("doctor", "--json", "--store", "models", preexec_fn=without_power_over_files)
    assert found(said.stdout)["models"] == ("ok", "1 model", None)


def test_a_variable_that_nothing_reads_is_found(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCOREKIT_TRUSTED_KEY", "release.pem.pub")
    monkeypatch.setenv("SCOREKIT_CHUNK_ROWS", "7")
    monkeypatch.setenv("SCOREKIT_CHAT_HOOK", "secret")
    code, findings = examined(capsys)
    assert code == 7
    advice = "did you mean SCOREKIT_TRUSTED_KEYS?"
    assert findings["SCOREKIT_TRUSTED_KEY"] == ("bad", "set (environment), and nothing reads it", advice)
    assert findings["SCOREKIT_CHUNK_ROWS"] == ("ok", "set (environment)", None)
    assert findings["SCOREKIT_CHAT_HOOK"][0] == "bad"
    (here / "scorekit.toml").write_text('[alerts]\nchannels = [{url_env = "SCOREKIT_CHAT_HOOK"}]\n')
    assert examined(capsys)[1]["SCOREKIT_CHAT_HOOK"][0] == "ok"


def test_every_setting_is_shown_with_where_it_stands(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examined(capsys)[1]["settings file"][1] == "none (there is no scorekit.toml here)"
    (here / "scorekit.toml").write_text(
        'store = "there"\nthreads = 2\n\n[score-batch]\nthreads = 4\n'
        'passthrough = ["a", "b"]\n[quality]\nanything = 1\n'
    )
    findings = examined(capsys)[1]
    assert findings["settings file"][1] == "scorekit.toml (working directory)"
    assert findings["store"][1] == "there (scorekit.toml:1)"
    assert findings["threads"][1] == "2 (scorekit.toml:2)"
    assert findings["[score-batch] threads"][1] == "4 (scorekit.toml:5)"
    assert findings["[score-batch] passthrough"][1] == '["a", "b"] (scorekit.toml:6)'
    assert findings["[quality]"][1] == "set (scorekit.toml:7)"
    monkeypatch.setenv("SCOREKIT_THREADS", "1")
    assert examined(capsys)[1]["threads"][1] == "2 (scorekit.toml:2; SCOREKIT_THREADS comes first)"
    (here / "scorekit.toml").rename("other.toml")
    assert examined(capsys, "--config", "other.toml")[1]["settings file"][1] == "other.toml (option)"
    monkeypatch.setenv("SCOREKIT_CONFIG", "other.toml")
    assert examined(capsys)[1]["settings file"][1] == "other.toml (environment)"


def test_every_variable_the_source_names_is_known() -> None:
    known = config.known_variables()
    for path in Path(package.__file__).parent.rglob("*.py"):
        named = set(re.findall(r"\bSCOREKIT_[A-Z][A-Z_]*[A-Z]\b", path.read_text()))
        named |= {f"SCOREKIT_{name}" for name in re.findall(r'config\.secret\("(\w+)"\)', path.read_text())}
        assert named <= known, path


def test_the_state_and_the_policy_are_tried(bank: Bank, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "scorekit.toml").write_text(
        '[quality]\nrejected = 0.1\n[[alerts.channels]]\nkind = "webhook"\nurl_env = "QUALITY_HOOK"\n'
    )
    done = bank.run("doctor", cwd=here)
    assert done.returncode == 7
    assert "QUALITY_HOOK" in done.stdout
    monkeypatch.setenv("QUALITY_HOOK", "https://hooks.example.com/secret")
    done = bank.run("doctor", "--json", cwd=here)
    assert done.returncode == 0, done.stdout
    assert "state.db" in done.stdout
    assert "webhook" in done.stdout
    assert "secret" not in done.stdout
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", "postgresql+psycopg://nobody:word@127.0.0.1:1/none")
    done = bank.run("doctor", cwd=here)
    assert done.returncode == 7
    assert "word" not in done.stdout + done.stderr


def test_every_extra_is_looked_at() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = project["project"]["optional-dependencies"]
    assert {*EXTRAS, "all"} == set(declared)
    for extra, packages in EXTRAS.items():
        assert set(packages) <= {re.split(r"[\[><=]", line)[0] for line in declared[extra]}
