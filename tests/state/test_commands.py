"""The commands of the state: ``db``, ``switch``, ``check`` and ``quality history``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scorekit.cli import run
from scorekit.quality.switch import SwitchRules
from scorekit.state import ledger as ledger_module
from scorekit.state import migrate, moments, place
from scorekit.state.ledger import Ledger
from tests.alerts.servers import receiver
from tests.commands.stores import Said, many
from tests.state.samples import record
from tests.state.test_faults import directly

Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*args: object) -> Said:
        capsys.readouterr()
        code = run([*map(str, args)])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that holds ``bank``."""
    monkeypatch.setenv("SCOREKIT_STORE", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "160")
    many(tmp_path / "models", 1)
    return tmp_path / "models"


@pytest.fixture
def state(store: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its state, beside it or in PostgreSQL."""
    if not url.startswith("sqlite"):
        monkeypatch.setenv("SCOREKIT_DATABASE_URL", url)
        migrate.upgrade(place.find())
        return url
    return f"sqlite:///{store}/.scorekit/state.db"


# db -----------------------------------------------------------------------------------


def test_a_file_is_made_when_it_is_needed(store: Path, command: Command) -> None:
    said = command("db", "status")
    assert (said.code, said.out) == (
        0,
        f"{store}/.scorekit/state.db\n  not there yet: it is made when it is needed\n",
    )
    assert not (store / ".scorekit").exists()
    assert command("switch", "status").code == 0
    assert command("db", "status").out.endswith("up to date, at revision 0002\n")
    assert command("db", "upgrade").err.endswith("is up to date, at revision 0002\n")
    assert command("models", "list", "--json").json["models"][0]["name"] == "bank"
    assert len(command("models", "list", "--json").json["models"]) == 1


def test_postgres_is_made_by_upgrade(
    store: Path, postgres: str, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(f"{postgres}\n")
    monkeypatch.setenv("SCOREKIT_DATABASE_URL_FILE", str(tmp_path / "url"))
    said = command("db", "status", "--json")
    assert (said.code, said.json["usable"], said.json["code"]) == (7, False, "state_missing")
    assert "hint: run `scorekit db upgrade`" in said.err
    assert command("switch", "status").code == 7
    assert command("db", "upgrade", "--json").json["before"] is None
    said = command("db", "status", "--json")
    assert (said.code, said.json["kind"], said.json["revision"]) == (0, "postgresql", "0002")
    assert not (store / ".scorekit").exists()


def test_a_database_that_cannot_be_used_says_so(store: Path, command: Command) -> None:
    (store / ".scorekit").mkdir()
    (store / ".scorekit" / "state.db").write_text("nonsense " * 100)
    said = command("db", "status")
    assert said.code == 7
    assert said.out.endswith("cannot be used\n")
    assert "is no SQLite database" in said.err
    assert command("check").code == 3


def test_pruning_by_hand(state: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(url=state) as ledger, monkeypatch.context() as past:
        past.setattr(ledger_module, "now", lambda: moments.now() - timedelta(days=15))
        run_ = ledger.begin("bank", 1, "old", "batch")
        record(ledger, run_, 0)
        ledger.finish(run_, "published", 100)
    kept = command("db", "prune", "--older-than", "3w", "--json").json
    assert (kept["windows"], kept["runs"]) == (0, 0)
    assert command("db", "prune", "--older-than", "14d").err.startswith(
        "removed 1 window, 1 run, 0 alerts and 0 jobs"
    )
    assert command("quality", "history", "--json").json["windows"] == []


@pytest.mark.parametrize("age", ["90", "d", "-3d", "1.5h", "3 months", ""])
def test_an_age_that_is_none_is_refused(store: Path, command: Command, age: str) -> None:
    said = command("db", "prune", f"--older-than={age}")
    assert said.code == 2
    assert "write it as 90d, 26h or 30m" in said.err
    level, line = plugin(command, f"--max-age={age}")
    assert level == "UNKNOWN"
    assert "write it as 90d, 26h or 30m" in line


# switch -------------------------------------------------------------------------------


def test_tripped_and_reset_by_people(state: str, command: Command) -> None:
    tripped = command("switch", "trip", "-m", "bank", "--by", "Ada", "--reason", "wrong feed")
    assert (tripped.code, tripped.out) == (0, "")
    assert tripped.err == "bank: the switch is open, nothing is published\n"
    half = command(
        "switch", "reset", "--by", "Bob", "--reason", "feed [mended]", "--half-open", "--json"
    ).json
    assert half["position"] == "half_open"
    assert [(change["who"], change["from"], change["to"]) for change in half["changes"]] == [
        ("Ada", "closed", "open"),
        ("Bob", "open", "half_open"),
    ]
    shown = command("switch", "status").out
    assert shown.startswith(
        "bank: the switch is half open, scores are kept back until enough windows are clean\n"
    )
    assert "feed [mended]" in shown
    assert command("switch", "reset", "--by", "Bob", "--reason", "looks good").code == 0
    assert command("switch", "status", "--json").json["position"] == "closed"


def test_who_is_to_be_told_of_a_switch_is_told(
    state: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with receiver() as seen:
        channel = f'[[alerts.channels]]\nkind = "webhook"\nurl = "{seen.url}"\n'
        (tmp_path / "scorekit.toml").write_text(channel)
        said = command("switch", "trip", "--by", "Ada", "--reason", "wrong feed", "--json")
        assert (said.code, said.json["untold"]) == (0, [])
        command("switch", "trip", "--by", "Ada", "--reason", "wrong feed")
        seen.status = 500
        said = command("switch", "reset", "--by", "Bob", "--reason", "mended")
        assert said.code == 0
        assert "warning the alert channel webhook" in said.err
        bodies = [body for _, _, body in seen.requests]
    assert [(body["check"], body["status"], body["severity"]) for body in bodies] == [
        ("switch", "firing", "critical"),
        ("switch", "resolved", "critical"),
    ]
    assert "wrong feed (Ada)" in bodies[0]["summary"]


@pytest.mark.parametrize(
    "settings",
    ['[[alerts.channels]]\nkind = "webhook"\nurl_env = "NOT_SET"\n', "[alerts]\nno_such_setting = 1\n"],
)
def test_a_switch_is_tripped_whatever_the_settings_of_alerts_say(
    state: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scorekit.toml").write_text(settings)
    said = command("switch", "trip", "--by", "Ada", "--reason", "wrong feed")
    assert said.code == 0
    assert "warning" in said.err
    assert command("switch", "status", "--json").json["position"] == "open"


@pytest.mark.parametrize("verb", ["trip", "reset"])
@pytest.mark.parametrize(
    "given",
    [(), ("--by", "Ada"), ("--reason", "x"), ("--by", " ", "--reason", "x"), ("--by", "Ada", "--reason", "")],
)
def test_nobody_moves_a_switch_without_a_name_and_a_reason(
    store: Path, command: Command, verb: str, given: tuple[str, ...]
) -> None:
    said = command("switch", verb, "-m", "bank", *given)
    assert said.code == 2
    assert "--by" in said.err or "--reason" in said.err
    assert command("switch", "status", "--json").json["changes"] == []


def test_name_and_reason_may_come_from_the_environment(
    store: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREKIT_BY", "Ada")
    monkeypatch.setenv("SCOREKIT_REASON", "")
    assert command("switch", "trip").code == 2
    monkeypatch.setenv("SCOREKIT_REASON", "wrong feed")
    assert command("switch", "trip", "--json").json["changes"][0]["why"] == "wrong feed"


@pytest.mark.parametrize("name", ["bank:7", "bank@champion"])
def test_a_version_means_its_model(store: Path, command: Command, name: str) -> None:
    assert command("switch", "trip", "--by", "Ada", "--reason", "x", "-m", name).code == 0
    assert command("switch", "status", "-m", "bank", "--json").json["position"] == "open"
    assert plugin(command, "-m", name)[0] == "CRITICAL"


@pytest.mark.parametrize(("name", "code"), [("bnak", 4), ("bank:x", 2), ("../bank", 2)])
def test_the_switch_of_a_mistyped_model_would_stop_nothing(
    store: Path, command: Command, name: str, code: int
) -> None:
    for verb in (("status",), ("trip", "--by", "Ada", "--reason", "x")):
        said = command("switch", *verb, "-m", name)
        assert said.code == code
        assert "bank" in said.err


def test_a_switch_can_be_tripped_while_the_store_is_away(
    state: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("switch", "reset", "--by", "Ada", "--reason", "start")
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", state)
    monkeypatch.setenv("SCOREKIT_STORE", "/no/such/folder")
    assert command("switch", "trip", "-m", "bank", "--by", "Ada", "--reason", "now").code == 0


# quality history ----------------------------------------------------------------------


def test_past_verdicts(state: str, command: Command) -> None:
    assert "no window was judged yet" in command("quality", "history").out
    with Ledger.open(url=state) as ledger:
        run_ = ledger.begin("bank", 1, "night", "batch", "out.parquet")
        for number in range(3):
            record(ledger, run_, number, 1000, (1, 2), failed=number == 1)
        ledger.finish(run_, "degraded", 3000)
    shown = command("quality", "history", "-m", "bank", "--last", 2).out.splitlines()
    assert shown[0] == "bank: the switch is open"
    assert [re.split(r"\s{2,}", line.strip())[1:5] for line in shown[2:]] == [
        ["night #1", "1,000", "1,000", "alarm"],
        ["night #2", "1,000", "2", "ok"],
    ]
    assert shown[2].endswith("score.psi score")
    said = command("quality", "history", "--json").json
    assert [window["verdict"] for window in said["windows"]] == ["ok", "alarm", "ok"]
    checks = {(check["check"], check["column"]) for check in said["windows"][1]["checks"]}
    assert {("score.psi", "score"), ("column.psi", "age")} <= checks
    (past,) = said["runs"]
    assert (past["outcome"], past["output"], past["rows"]) == ("degraded", "out.parquet", 3000)
    assert said["changes"][0]["who"] == "scorekit"


def test_what_a_window_failed_by_is_seen_on_a_narrow_terminal(
    state: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url=state) as ledger:
        record(ledger, ledger.begin("bank", 1, "serve-0123456789ab", "serve"), 0, 1000, (1, 2), failed=True)
    monkeypatch.setenv("COLUMNS", "72")
    shown = command("quality", "history").out
    assert "score." in shown


# check --------------------------------------------------------------------------------

LINE = re.compile(
    r"SCOREKIT (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+"
    r"( \| [a-z_]+=-?[0-9.e+-]+(%|s)?(;[0-9.]*){0,2}( [a-z_]+=-?[0-9.e+-]+(%|s)?(;[0-9.]*){0,2})*)?\n"
)
LEVELS = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]


def plugin(command: Command, *args: object) -> tuple[str, str]:
    said = command("check", *args)
    found = LINE.fullmatch(said.out)
    assert found, said.out
    assert LEVELS[said.code] == found[1]
    assert said.err == ""
    return found[1], said.out


def test_nothing_was_judged_yet(state: str, command: Command) -> None:
    level, line = plugin(command)
    assert level == "UNKNOWN"
    assert "bank: nothing was judged yet" in line


def test_monitoring_makes_no_database(store: Path, command: Command) -> None:
    assert plugin(command, "-m", "bank")[0] == "UNKNOWN"
    assert not (store / ".scorekit").exists()


def test_a_model_that_does_well(state: str, command: Command) -> None:
    with Ledger.open(url=state) as ledger:
        run_ = ledger.begin("bank", 1, "night", "batch")
        record(ledger, run_, 0, 1000, (1, 2, 20, 30, 40))
        ledger.finish(run_, "published", 1000)
    level, line = plugin(command, "--max-age", "26h")
    assert level == "OK"
    assert line.startswith(
        "SCOREKIT OK - bank: switch closed; window 0 of run night is ok | psi_max=0;0.1;0.25 "
    )
    assert " rows=1000 rejected=0.5% fallback=0% age=" in line
    measures = command("check", "--json").json["measures"]
    assert measures["rejected"] == 0.5


def test_a_window_that_failed(state: str, command: Command) -> None:
    with Ledger.open(url=state) as ledger:
        run_ = ledger.begin("bank", 1, "a|b", "batch")
        record(ledger, run_, 0, failed=True, rules=SwitchRules())
        ledger.finish(run_, "degraded", 100)
    level, line = plugin(command)
    assert level == "CRITICAL"
    assert "bank: window 0 of run a/b failed: score.psi score: the scores have moved; run a/b was" in line


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("published", "OK"), ("degraded", "WARNING"), ("quarantined", "CRITICAL"), ("failed", "CRITICAL")],
)
def test_how_the_last_run_ended(store: Path, command: Command, outcome: str, level: str) -> None:
    with Ledger.open() as ledger:
        run_ = ledger.begin("bank", 1, "night", "batch")
        record(ledger, run_, 0)
        ledger.finish(run_, outcome, 100)
    assert plugin(command)[0] == level


def test_the_switch_counts_before_all(state: str, command: Command) -> None:
    with Ledger.open(url=state) as ledger:
        record(ledger, ledger.begin("bank", 1, "night", "batch"), 0)
        ledger.trip("bank", "Ada", "wrong\nfeed")
        level, line = plugin(command)
        assert level == "CRITICAL"
        assert "bank: switch open by Ada: wrong feed; window 0" in line
        ledger.reset("bank", "Ada", "mended", half_open=True)
        assert plugin(command)[0] == "WARNING"


def test_a_run_that_did_not_come(state: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(url=state) as ledger, monkeypatch.context() as past:
        past.setattr(ledger_module, "now", lambda: moments.now() - timedelta(hours=27))
        run_ = ledger.begin("bank", 1, "night", "batch")
        record(ledger, run_, 0)
        ledger.finish(run_, "published", 100)
    assert plugin(command)[0] == "OK"
    assert plugin(command, "--max-age", "28h")[0] == "OK"
    level, line = plugin(command, "--max-age", "26h")
    assert level == "CRITICAL"
    assert "the last run is 27 h 0 min old" in line


def test_a_job_that_dies_every_night_is_no_run_that_came(
    state: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url=state) as ledger:
        for days in (3, 2, 1, 0):
            with monkeypatch.context() as past:
                past.setattr(
                    ledger_module,
                    "now",
                    lambda days=days: moments.now() - timedelta(days=days, minutes=1),
                )
                run_ = ledger.begin("bank", 1, f"night-{days}", "batch")
                if days == 3:
                    record(ledger, run_, 0)
                    ledger.finish(run_, "published", 100)
    level, line = plugin(command, "--max-age", "26h")
    assert level == "CRITICAL"
    assert "the last run is 72 h 1 min old" in line
    level, line = plugin(command)
    assert level == "CRITICAL"
    assert "run night-1 has not ended for 24 h 1 min" in line
    with Ledger.open(url=state) as ledger:
        ledger.finish(ledger.begin("bank", 1, "again", "batch"), "published", 100)
    assert plugin(command, "--max-age", "26h")[0] == "OK"


def test_a_stream_may_run_for_days_and_a_batch_for_hours(
    state: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url=state) as ledger:
        for kind, hours in (("stream", 300), ("batch", 23)):
            with monkeypatch.context() as past:
                past.setattr(ledger_module, "now", lambda hours=hours: moments.now() - timedelta(hours=hours))
                run_ = ledger.begin("bank", 1, kind, kind)
        record(ledger, run_, 0)
    assert plugin(command)[0] == "OK"
    assert plugin(command, "--max-age", "22h")[0] == "CRITICAL"


def test_whatever_breaks_is_unknown(state: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("scorekit.state.history.read", broken)
    with Ledger.open(url=state) as ledger:
        ledger.trip("bank", "Ada", "feed")
    assert plugin(command) == ("UNKNOWN", "SCOREKIT UNKNOWN - ZeroDivisionError: by zero\n")


def test_a_state_that_was_lost_is_unknown(store: Path, command: Command) -> None:
    command("switch", "trip", "--by", "Ada", "--reason", "feed")
    for file in (store / ".scorekit").glob("state.db*"):
        if not file.name.endswith("-lock"):
            file.unlink()
    level, line = plugin(command)
    assert level == "UNKNOWN"
    assert "is gone" in line
    assert command("switch", "status").code == 7
    assert command("db", "upgrade").code == 0
    assert command("switch", "status", "--json").json["position"] == "closed"


def test_a_state_that_cannot_be_read_is_unknown(state: str, command: Command) -> None:
    with Ledger.open(url=state) as ledger:
        record(ledger, ledger.begin("bank", 1, "night", "batch"), 0)
    assert plugin(command)[0] == "OK"
    with directly(state) as connection:
        connection.execute("UPDATE scorekit_revision SET version_num = '9999'")
    level, line = plugin(command)
    assert level == "UNKNOWN"
    assert "newer scorekit" in line


def test_a_server_that_is_away_is_unknown(
    store: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOREKIT_DATABASE_URL", "postgresql+psycopg://ada:s3cret@127.0.0.1:1/state")
    level, line = plugin(command, "-m", "bank")
    assert level == "UNKNOWN"
    assert "s3cret" not in line
