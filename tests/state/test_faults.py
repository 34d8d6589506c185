"""A state that cannot be used: a clear error each time, and never a switch that seems closed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scorekit.errors import Unreachable, UsageError
from scorekit.state import database, migrate, place, revisions
from scorekit.state.ledger import Ledger
from scorekit.state.sqlite import Sqlite
from tests.faults import full_disk, without_privileges
from tests.state import samples
from tests.state.samples import record
from tests.state.server import beside

ROOT = Path(__file__).parents[2]


@contextmanager
def directly(url: str) -> Iterator[Any]:
    """A connection that scorekit knows nothing of."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            yield connection
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            yield connection


def refused(work: Callable[[], object], code: str) -> Unreachable:
    with pytest.raises(Unreachable) as said:
        work()
    assert said.value.code == code
    assert said.value.hint
    assert "\n" not in said.value.message
    return said.value


# What stands there cannot be used -----------------------------------------------------


def test_a_newer_scorekit_has_been_here(migrated: str) -> None:
    with directly(migrated) as connection:
        connection.execute("UPDATE scorekit_revision SET version_num = '9999'")
    for work in (lambda: Ledger.open(url=migrated), lambda: migrate.upgrade(place.find(url=migrated))):
        error = refused(work, "state_newer")
        assert "revision 9999" in error.message
        assert revisions.HEAD in error.message


def test_an_older_one_is_migrated_only_where_it_is_embedded(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url=migrated) as ledger:
        ledger.trip("bank", "Ada", "feed")
    monkeypatch.setattr("scorekit.state.opening.HEAD", "9999")
    if migrated.startswith("sqlite"):
        with Ledger.open(url=migrated) as ledger:
            assert ledger.switch("bank").position == "open"
    else:
        error = refused(lambda: Ledger.open(url=migrated), "state_older")
        assert error.hint == "run `scorekit db upgrade`"


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE scorekit_verdicts",
        "ALTER TABLE scorekit_windows RENAME COLUMN reason TO because",
        "DELETE FROM scorekit_revision",
        "INSERT INTO scorekit_revision VALUES ('0000')",
        "DROP TABLE scorekit_revision",
    ],
)
def test_migrated_by_half(migrated: str, harm: str) -> None:
    with directly(migrated) as connection:
        connection.execute(harm)

    def use() -> None:
        with Ledger.open(url=migrated) as ledger:
            record(ledger, ledger.begin("bank", 1, "night", "batch"), 0)

    if harm == "DROP TABLE scorekit_revision" and not migrated.startswith("sqlite"):
        refused(use, "state_missing")
        use = lambda: migrate.upgrade(place.find(url=migrated))  # noqa: E731
    refused(use, "state_half_migrated")


def test_a_window_that_cannot_be_written_whole_is_not_written(migrated: str) -> None:
    with Ledger.open(url=migrated) as ledger:
        run = ledger.begin("bank", 1, "night", "batch")
        with directly(migrated) as connection:
            connection.execute("ALTER TABLE scorekit_bin_counts RENAME TO gone")
        refused(lambda: record(ledger, run, 0, failed=True), "state_half_migrated")
        with directly(migrated) as connection:
            assert connection.execute("SELECT count(*) FROM scorekit_windows").fetchone()[0] == 0
            connection.execute("ALTER TABLE gone RENAME TO scorekit_bin_counts")
        assert ledger.switch("bank").bad_windows == 0
        assert not record(ledger, run, 0, failed=True).repeated


def test_a_database_that_is_locked(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with Ledger.open(url=migrated) as ledger, directly(migrated) as other:
        ledger.reset("bank", "Ada", "start")
        other.execute("BEGIN IMMEDIATE" if migrated.startswith("sqlite") else "BEGIN")
        other.execute("UPDATE scorekit_switches SET revision = revision + 1")
        error = refused(lambda: ledger.trip("bank", "Ada", "feed"), "state_locked")
        assert "0.2 s" in error.message
        assert ledger.switch("bank").position == "closed", "readers do not wait for writers"
        other.execute("ROLLBACK")
        assert ledger.trip("bank", "Ada", "feed").position == "open"


def test_a_lock_that_is_let_go_is_waited_for(migrated: str) -> None:
    import threading

    with Ledger.open(url=migrated) as ledger, directly(migrated) as other:
        ledger.reset("bank", "Ada", "start")
        other.execute("BEGIN IMMEDIATE" if migrated.startswith("sqlite") else "BEGIN")
        other.execute("UPDATE scorekit_switches SET revision = revision + 1")
        moved = []
        waiting = threading.Thread(target=lambda: moved.append(ledger.trip("bank", "Ada", "feed")))
        waiting.start()
        waiting.join(0.3)
        assert not moved
        other.execute("COMMIT")
        waiting.join(10)
        assert moved[0].position == "open"


# SQLite -------------------------------------------------------------------------------

USE = """
import sys
from scorekit.cli import run
from scorekit.errors import ScorekitError
from scorekit.state.ledger import Ledger
from scorekit.state.sqlite import Sqlite
from tests.state.samples import record
try:
    with Ledger.open(url=sys.argv[1]) as ledger:
        print(ledger.switch("bank").position)
        run = ledger.begin("bank", 1, "night", "batch")
        for number in range(2000):
            record(ledger, run, number)
except ScorekitError as error:
    print(error.code, error.exit_code, error.message)
"""


def used(url: str, harm: Callable[[], None]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", USE, url], capture_output=True, text=True, cwd=ROOT, preexec_fn=harm
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def file(sqlite: str) -> Path:
    Ledger.open(url=sqlite).close()
    return Path(sqlite.removeprefix("sqlite:///"))


def test_a_file_that_may_not_be_written(sqlite: str, file: Path) -> None:
    file.chmod(stat.S_IRUSR)
    *_, last = used(sqlite, without_privileges)
    assert last == f"state_read_only 7 the state database {file} cannot be written"


def test_a_folder_that_may_not_be_written(sqlite: str, file: Path) -> None:
    folder = file.parent
    for path in (file, folder):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        (said,) = used(sqlite, without_privileges)
    finally:
        folder.chmod(0o755)
    assert said.startswith(("state_unreachable 7", "state_read_only 7"))


def test_a_store_that_may_not_be_written_holds_no_state(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir(mode=0o555)
    (said,) = used(f"sqlite:///{tmp_path}/models/.scorekit/state.db", without_privileges)
    assert said.startswith("state_unreachable 7")
    assert said.endswith("cannot be made: Permission denied")


def test_a_disk_that_is_full(sqlite: str, file: Path) -> None:
    *_, last = used(sqlite, full_disk(600_000))
    assert last.split()[:2] in (["state_full", "7"], ["state_unreachable", "7"])
    with Ledger.open(url=sqlite) as ledger:
        assert ledger.switch("bank").seen > 0


def test_a_file_that_is_no_database(sqlite: str, file: Path) -> None:
    file.write_bytes(b"what is this" * 1000)
    error = refused(lambda: Ledger.open(url=sqlite), "state_corrupt")
    assert str(file) in error.message
    assert file.read_bytes().startswith(b"what is this")


def test_a_file_that_is_damaged(sqlite: str, file: Path) -> None:
    with Ledger.open(url=sqlite) as ledger:
        run = ledger.begin("bank", 1, "night", "batch")
        for number in range(50):
            record(ledger, run, number)
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)

    def use() -> None:
        with Ledger.open(url=sqlite) as ledger:
            ledger.switch("bank")

    refused(use, "state_corrupt")


def test_a_file_that_is_empty_is_filled(sqlite: str) -> None:
    Path(sqlite.removeprefix("sqlite:///")).touch()
    with Ledger.open(url=sqlite) as ledger:
        assert ledger.switch("bank").position == "closed"


@pytest.mark.parametrize("emptied", [False, True])
def test_a_file_that_was_lost_is_no_closed_switch(sqlite: str, file: Path, emptied: bool) -> None:
    with Ledger.open(url=sqlite) as ledger:
        ledger.trip("bank", "Ada", "feed")
    for each in file.parent.glob("state.db*"):
        if not each.name.endswith("-lock"):
            each.unlink()
    if emptied:
        file.touch()
    error = refused(lambda: Ledger.open(url=sqlite), "state_missing")
    assert error.exit_code == 7
    assert "scorekit db upgrade" in str(error.hint)
    standing = migrate.look(place.find(url=sqlite))
    assert standing.problem is not None
    assert standing.problem.code == "state_missing"
    assert file.exists() == emptied
    migrate.upgrade(place.find(url=sqlite))
    with Ledger.open(url=sqlite) as ledger:
        assert ledger.switch("bank").position == "closed"


@pytest.mark.parametrize("make", [Ledger.open, lambda url: migrate.upgrade(place.find(url=url))])
def test_however_it_was_made_it_is_remembered(sqlite: str, make: Callable[..., object]) -> None:
    make(url=sqlite)
    Path(sqlite.removeprefix("sqlite:///")).unlink()
    refused(lambda: Ledger.open(url=sqlite), "state_missing")


def test_one_that_was_brought_here_is_remembered_too(sqlite: str, tmp_path: Path) -> None:
    file = Path(sqlite.removeprefix("sqlite:///"))
    Ledger.open(url=f"sqlite:///{tmp_path}/other.db").close()
    shutil.copy(tmp_path / "other.db", file)
    Ledger.open(url=sqlite).close()
    file.unlink()
    refused(lambda: Ledger.open(url=sqlite), "state_missing")


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_taken_away_in_use(sqlite: str, file: Path, replaced: bool) -> None:
    with Ledger.open(url=sqlite) as ledger:
        ledger.trip("bank", "Ada", "feed")
        copy = file.parent / "copy.db"
        shutil.copy(file, copy)
        file.unlink()
        if replaced:
            copy.rename(file)
        refused(lambda: ledger.switch("bank"), "state_replaced")
        refused(lambda: ledger.trip("bank", "Ada", "feed"), "state_replaced")


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    error = refused(lambda: Ledger.open(str(tmp_path / "no" / "models")), "state_unreachable")
    assert error.message.endswith(f"no such folder: {tmp_path / 'no'}")
    assert list(tmp_path.iterdir()) == []


def test_another_process_that_makes_it_is_waited_for(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    made_elsewhere = place.find(url=sqlite)
    assert isinstance(made_elsewhere, Sqlite)
    with made_elsewhere.alone():
        refused(lambda: Ledger.open(url=sqlite), "state_locked")
    Ledger.open(url=sqlite).close()


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / ".scorekit" / "state.db").mkdir(parents=True)
    refused(lambda: Ledger.open(str(tmp_path)), "state_unreachable")


# PostgreSQL ---------------------------------------------------------------------------


def cut(url: str) -> None:
    """End every other connection to a database."""
    with directly(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def served(postgres: str) -> Iterator[Ledger]:
    migrate.upgrade(place.find(url=postgres))
    with Ledger.open(url=postgres) as ledger:
        yield ledger


def test_a_connection_that_was_cut_is_made_again(served: Ledger, postgres: str) -> None:
    run = served.begin("bank", 1, "night", "batch")
    cut(postgres)
    assert not record(served, run, 0, failed=True).repeated
    cut(postgres)
    assert served.switch("bank").bad_windows == 1


class Cutting(tuple[Any, ...]):  # noqa: SLOT001 - a tuple has none
    """Findings of a window whose connection is cut while they are written down."""

    url: str
    times: int

    def __iter__(self) -> Iterator[Any]:
        if self.times:
            self.times -= 1
            cut(self.url)
        return super().__iter__()


def cutting(url: str, times: int) -> Any:
    made = samples.verdict(failed=True)
    findings = Cutting(made.findings)
    findings.url, findings.times = url, times
    return replace(made, findings=findings)


def test_a_connection_that_is_cut_in_the_middle_counts_a_window_once(served: Ledger, postgres: str) -> None:
    run = served.begin("bank", 1, "night", "batch")
    outcome = samples.outcome(100, [], failed=True)
    rules = replace(samples.RULES, last=None, poor=None, total=None)
    made = served.record(run, 0, 0, cutting(postgres, 1), outcome, rules)
    assert (made.state.bad_windows, made.repeated) == (1, False)
    made = served.record(run, 1, 100, cutting(postgres, 1), outcome, rules)
    assert (made.tripped, made.reason) == (True, "2 windows failed in a row")
    assert len(served.audit("bank")) == 1


def test_a_connection_that_is_cut_again_and_again(served: Ledger, postgres: str) -> None:
    run = served.begin("bank", 1, "night", "batch")
    outcome = samples.outcome(100, [], failed=True)
    error = refused(
        lambda: served.record(run, 0, 0, cutting(postgres, 99), outcome, samples.RULES),
        "state_unreachable",
    )
    assert error.exit_code == 7
    assert served.switch("bank").seen == 0


def test_a_commit_whose_answer_is_lost_counted(served: Ledger, postgres: str) -> None:
    """The server commits, and the connection is cut before it says so."""
    run = served.begin("bank", 1, "night", "batch")
    rules = replace(samples.RULES, windows=1)

    class Losing(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **keywords: Any) -> Any:
            done = super().execute(query, *rest, **keywords)
            if query == "COMMIT":
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return done

    served._connection().cursor_factory = Losing
    made = record(served, run, 0, failed=True, rules=rules)
    assert (made.tripped, made.repeated, made.state.position) == (True, False, "open")
    assert len(served.audit("bank")) == 1


def test_a_server_that_takes_no_more_connections(served: Ledger, postgres: str) -> None:
    name = postgres.partition("?")[0].rpartition("/")[2]
    with directly(beside(postgres, "postgres")) as connection:
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            error = refused(lambda: served.switch("bank"), "state_unreachable")
        finally:
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert name in error.message
    assert served.switch("bank").position == "closed", "it is tried again when it is asked again"


def test_a_server_that_takes_no_writes(served: Ledger, postgres: str) -> None:
    name = postgres.partition("?")[0].rpartition("/")[2]
    with directly(beside(postgres, "postgres")) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            cut(postgres)
            assert served.switch("bank").position == "closed"
            refused(lambda: served.trip("bank", "Ada", "feed"), "state_read_only")
        finally:
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def of_user(url: str, user: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}@{rest.rpartition('@')[2]}"


def test_a_user_who_may_not(served: Ledger, postgres: str) -> None:
    with directly(postgres) as connection:
        nobody = f"scorekit_nobody_{os.getpid()}"
        connection.execute(f"CREATE ROLE {nobody} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {nobody}")
        try:
            refused(lambda: Ledger.open(url=of_user(postgres, nobody)), "state_denied")
        finally:
            connection.execute(f"DROP OWNED BY {nobody}")
            connection.execute(f"DROP ROLE {nobody}")


def test_a_user_who_is_not_there(postgres: str) -> None:
    error = refused(lambda: Ledger.open(url=of_user(postgres, "no_such_user")), "state_unreachable")
    assert "no_such_user" in error.message.partition("cannot be reached")[2]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("127.0.0.1:1/state", "cannot be reached"),
        ("no-such-host.invalid/state", "cannot be reached"),
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(path: str, words: str) -> None:
    url = f"postgresql+psycopg://ada:s3cr%40t@{path}?connect_timeout=2"
    error = refused(lambda: Ledger.open(url=url), "state_unreachable")
    assert words in error.message
    assert f"postgresql://ada@{path.replace('/state', '')}" in error.message
    assert_silent(error)


def test_a_database_that_is_not_there(postgres: str) -> None:
    error = refused(lambda: Ledger.open(url=beside(postgres, "no_such_database")), "state_unreachable")
    assert "no_such_database" in error.message


def assert_silent(error: Exception) -> None:
    for secret in ("s3cr", "%40t", "@t@"):
        assert secret not in f"{error} {getattr(error, 'hint', '')}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cr%zz@127.0.0.1/state",
        "postgresql://ada:s3cr@t@127.0.0.1:1/state",
        "postgresql://ada:s3cr/et@127.0.0.1/state",
        "postgresql://ada:s3cr/et@127.0.0.1:1/state?connect_timeout=1",
        "postgresql://127.0.0.1:1/state?passwort=s3cr",
        "postgresql://ada:s3cr?et@127.0.0.1:1/state",
        "postgresql://127.0.0.1:1/state?password=s3cr",
        "mysql://ada:s3cr@127.0.0.1/state",
        "s3cr",
    ],
)
def test_no_part_of_a_password_is_ever_said(url: str) -> None:
    with pytest.raises((UsageError, Unreachable)) as said:
        Ledger.open(url=url)
    assert "s3cr" not in f"{said.value.message} {said.value.hint}"
    import traceback

    assert "s3cr" not in "".join(traceback.format_exception(said.value)).replace(f"{url!r}", "")
