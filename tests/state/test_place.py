"""Where the state is kept: beside a local store, in the user's folder for a bucket, or where a URL says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorekit.cli import run
from scorekit.errors import UsageError
from scorekit.policy import Policy
from scorekit.quality.switch import SwitchRules
from scorekit.state import place
from scorekit.state.ledger import Ledger
from scorekit.store.versions import Store
from scorekit.switches import note_of_reach


def test_beside_a_local_store_and_hidden_from_it(tmp_path: Path) -> None:
    for uri in (str(tmp_path), f"file://{tmp_path}"):
        assert place.find(uri).shown == f"{tmp_path}/.scorekit/state.db"
    Ledger.open(str(tmp_path)).close()
    assert Store.open(str(tmp_path)).names() == []


def test_by_default_beside_the_store_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.find().shown == "models/.scorekit/state.db"
    monkeypatch.setenv("SCOREKIT_STORE", "/srv/models")
    assert place.find().shown == "/srv/models/.scorekit/state.db"


def test_of_a_bucket_in_the_users_folder_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with Ledger.open("s3://models/prod") as ledger:
        ledger.trip("bank", "Ada", "feed")
        assert ledger.shown.startswith(f"{tmp_path}/.local/state/scorekit/")
    with Ledger.open("s3://models/prod/") as ledger:
        assert ledger.switch("bank").position == "open"
    with Ledger.open("s3://models/test") as ledger:
        assert ledger.switch("bank").position == "closed"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/lib/state")
    assert place.find("s3://models/prod").shown.startswith("/var/lib/state/scorekit/")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    program = """
import os, sys
from scorekit.errors import UsageError
from scorekit.state import place
os.setuid(54321)
try:
    place.find("s3://models/prod")
except UsageError as error:
    print(error.message, error.hint)
"""
    if os.geteuid() != 0:
        pytest.skip("only root can become a user nobody knows")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "SCOREKIT_DATABASE_URL" in done.stdout


def test_a_url_counts_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"sqlite:///{tmp_path}/a.db\n")
    monkeypatch.setenv("SCOREKIT_DATABASE_URL_FILE", str(tmp_path / "secret"))
    assert place.find("models").shown == f"{tmp_path}/a.db"
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", f"sqlite:///{tmp_path}/b.db")
    assert place.find("models").shown == f"{tmp_path}/b.db"
    assert place.find("models", "sqlite:///c.db").shown == "c.db"


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "#1", "ü", "q'uote", "semi;colon", "a&b=c"])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with Ledger.open(str(tmp_path / name)) as ledger:
        ledger.trip("bank", "Ada", "feed")
    assert (tmp_path / name / ".scorekit" / "state.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_process_may_go_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Ledger.open("models") as ledger:
        assert ledger.shown == "models/.scorekit/state.db"
        monkeypatch.chdir("elsewhere")
        assert ledger.trip("bank", "Ada", "feed").position == "open"


@pytest.mark.parametrize("url", ["sqlite://state.db", "sqlite://", "sqlite:///", "oracle://db", "state.db"])
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError) as said:
        place.find(url=url)
    assert url not in said.value.message


def test_a_library_that_is_not_installed_is_named() -> None:
    program = """
import sys
sys.modules["psycopg"] = None
from scorekit.errors import UsageError
from scorekit.state import place
try:
    place.find(url="postgresql+psycopg://ada:s3cret@db/state")
except UsageError as error:
    print(error.message, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'scorekit[db]'" in done.stdout
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    ("store", "url", "rules", "said"),
    [
        ("s3://bucket/models", "", SwitchRules(windows=2), True),
        ("s3://bucket/models", "", SwitchRules(), False),
        ("s3://bucket/models", "postgresql://db.example.com/state", SwitchRules(windows=2), False),
        ("models", "", SwitchRules(windows=2), False),
    ],
)
def test_a_switch_of_one_machine_says_so(
    monkeypatch: pytest.MonkeyPatch, store: str, url: str, rules: SwitchRules, said: bool
) -> None:
    monkeypatch.delenv("SCOREKIT_DATABASE_URL_FILE", raising=False)
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", url)
    monkeypatch.setenv("SCOREKIT_STORE", store)
    note = note_of_reach(Policy(switch=rules))
    assert (note is not None and "for this machine only" in note) == said
    assert note_of_reach(Policy(switch=rules), store) == note


@pytest.mark.parametrize(
    "command", [("score", "no-such-file.parquet"), ("score-stream", "--source", "no-such.jsonl")]
)
def test_who_scores_from_a_bucket_is_told_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCOREKIT_STORE", "s3://bucket/models")
    (tmp_path / "scorekit.toml").write_text("[switch]\nwindows = 2\n")
    assert run([*command]) != 0
    assert "the kill switch is for this machine only" in capsys.readouterr().err
