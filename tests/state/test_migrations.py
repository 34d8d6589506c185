"""Migrations: packaged, complete, and good on databases that hold something."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from scorekit.errors import Unreachable
from scorekit.state import fresh, history, migrate, models, place, revisions, statements
from scorekit.state.engine import transaction
from scorekit.state.ledger import Ledger
from scorekit.state.outbox import EXPIRES
from tests.state.samples import record


def tables(url: str) -> set[str]:
    with transaction(place.find(url=url)) as connection:
        return set(sqlalchemy.inspect(connection).get_table_names())


def test_a_migrated_database_is_what_the_models_say(migrated: str) -> None:
    assert migrate.differences(place.find(url=migrated)) == []
    assert tables(migrated) == {*models.Base.metadata.tables, revisions.TABLE}


def test_a_difference_would_be_seen(migrated: str) -> None:
    with transaction(place.find(url=migrated), writes=True) as connection:
        connection.exec_driver_sql("DROP INDEX ix_scorekit_windows_model_id")
        connection.exec_driver_sql("ALTER TABLE scorekit_runs ADD COLUMN mood TEXT")
    assert len(migrate.differences(place.find(url=migrated))) == 2


def test_the_revisions_that_are_known_are_those_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", "scorekit.state:migrations")
    config.set_main_option("path_separator", "os")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == revisions.REVISIONS


def test_down_and_up_again_with_something_in_it(migrated: str) -> None:
    database = place.find(url=migrated)
    with Ledger.open(url=migrated) as ledger:
        record(ledger, ledger.begin("bank", 7, "night", "batch"), 0, failed=True)
        ledger.trip("bank", "Ada", "feed")
    migrate.downgrade(database, "base")
    assert tables(migrated) == {revisions.TABLE}
    made = migrate.upgrade(database)
    assert (made.before, made.after) == (None, revisions.HEAD)
    assert migrate.differences(database) == []
    with Ledger.open(url=migrated) as ledger:
        assert ledger.switch("bank").position == "closed"


def test_a_step_down_and_up_again_keeps_what_was_there_before(migrated: str) -> None:
    database = place.find(url=migrated)
    with Ledger.open(url=migrated) as ledger:
        record(ledger, ledger.begin("bank", 7, "night", "batch"), 0, failed=True)
        ledger.trip("bank", "Ada", "feed")
    fill_service(migrated)
    migrate.downgrade(database, "0001")
    assert tables(migrated) == {*models.Base.metadata.tables, revisions.TABLE} - SERVICE
    if not database.embedded:
        with pytest.raises(Unreachable, match="stands at revision 0001") as said:
            Ledger.open(url=migrated)
        assert said.value.code == "state_older"
        migrate.upgrade(database)
    with Ledger.open(url=migrated) as ledger:
        assert ledger.switch("bank").position == "open"
    assert migrate.look(database).revision == revisions.HEAD
    assert migrate.differences(database) == []
    assert len(history.read("bank", url=migrated).windows) == 1
    with transaction(database) as connection:
        for table in SERVICE:
            assert connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar() == 0


SERVICE = {"scorekit_keys", "scorekit_jobs"}


def fill_service(url: str) -> None:
    from sqlalchemy.orm import Session

    from scorekit.state import moments

    with transaction(place.find(url=url), writes=True) as connection, Session(connection) as session:
        made = moments.now()
        session.add(
            models.ApiKey(
                id="ab12", name="desk", digest="0" * 64, scopes="score", created=made, created_by="Ada"
            )
        )
        for turn in (1, 2):
            session.add(
                models.Job(
                    id=f"job-{turn}",
                    turn=turn,
                    kind="train",
                    model="bank",
                    status="queued",
                    request="{}",
                    owner="key:ab12",
                    attempts=0,
                    token=0,
                    progress="{}",
                    created=made,
                )
            )
        session.flush()


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(migrated: str) -> None:
    with Ledger.open(url=migrated) as ledger:
        ledger.trip("bank", "Ada", "feed")
    assert migrate.upgrade(place.find(url=migrated)).before == revisions.HEAD
    with Ledger.open(url=migrated) as ledger:
        assert ledger.switch("bank").position == "open"


def test_tables_of_others_are_left_alone(url: str) -> None:
    database = place.find(url=url)
    if database.embedded:
        Ledger.open(url=url).close()
        migrate.downgrade(database, "base")
    with transaction(database, writes=True) as connection:
        connection.exec_driver_sql("CREATE TABLE runs (id INTEGER PRIMARY KEY, model TEXT)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of another program')")
    migrate.upgrade(database)
    assert migrate.differences(database) == []
    migrate.downgrade(database, "base")
    assert {"runs", "alembic_version"} <= tables(url)


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = place.find(url=url)
    if database.embedded:
        Ledger.open(url=url).close()
        migrate.downgrade(database, "base")
    before = tables(url)
    from alembic import op

    made = []

    def fail_at_last(name: str, *columns: object, **keywords: object) -> object:
        made.append(name)
        if len(made) == 6:
            raise KeyboardInterrupt
        return create_table(name, *columns, **keywords)

    create_table = op.create_table
    monkeypatch.setattr(op, "create_table", fail_at_last)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(database)
    monkeypatch.undo()
    assert len(made) == 6
    assert tables(url) == before
    migrate.upgrade(database)
    assert migrate.differences(database) == []


def statements_of_the_ledger() -> dict[str, str]:
    return {name: text for name, text in vars(statements).items() if name.isupper()}


WORDS = {
    *("select", "from", "where", "and", "or", "order", "by", "desc", "limit", "coalesce", "max"),
    *("insert", "into", "values", "on", "conflict", "do", "nothing", "update", "set", "delete", "null"),
    *("join", "is", "excluded"),
    *("closed", "running"),
}


@pytest.mark.parametrize("name", statements_of_the_ledger())
def test_every_name_in_a_statement_is_a_table_or_a_column_of_one(name: str) -> None:
    text = re.sub(r":[a-z_]+", "", statements_of_the_ledger()[name])
    words = set(re.findall(r"[a-z_]+", text.lower())) - WORDS
    named = {word for word in words if word.startswith("scorekit_")}
    assert named
    columns = {column.name for table in named for column in models.Base.metadata.tables[table].columns}
    aliases = set(re.findall(r"scorekit_\w+ ([a-z])\b", text))
    assert words - named - aliases <= columns


@pytest.mark.parametrize(
    "name", [name for name in statements_of_the_ledger() if name.startswith(("WRITE_", "MAKE_"))]
)
def test_what_is_inserted_has_every_column_that_must_be(name: str) -> None:
    text = statements_of_the_ledger()[name]
    found = re.search(r"INSERT INTO (\w+)\s+\(([^)]*)\)", text)
    if found is None:
        return
    given = {column.strip() for column in found[2].split(",")}
    columns = models.Base.metadata.tables[found[1]].columns
    assert {column.name for column in columns if not column.nullable and column.name != "id"} <= given


def test_pruning_keeps_the_switch_its_audit_and_what_is_not_over(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scorekit.state import ledger as ledger_module
    from scorekit.state import moments

    long_ago = moments.now() - timedelta(days=100)
    with Ledger.open(url=migrated) as ledger:
        with monkeypatch.context() as past:
            past.setattr(ledger_module, "now", lambda: long_ago)
            old = ledger.begin("bank", 7, "old", "batch")
            record(ledger, old, 0, 20, (1,))
            ledger.finish(old, "published", 20)
            stream = ledger.begin("bank", 7, "feed", "stream")
            record(ledger, stream, 0, 20, (1,))
            ledger.begin("bank", 7, "killed", "batch")
            ledger.begin("bank", 7, "idle", "serve")
            slow = ledger.begin("bank", 7, "slow", "batch")
            ledger.trip("bank", "Ada", "feed")
        record(ledger, stream, 1, 20)
        record(ledger, slow, 0, 20)
        record(ledger, ledger.begin("bank", 7, "new", "batch"), 0, 20)
    fill_alerts(migrated, moments.now() - EXPIRES / 2, long_ago)
    pruned = history.prune(EXPIRES / 3, url=migrated)
    assert (pruned.windows, pruned.runs, pruned.alerts) == (2, 2, 3)
    found = history.read("bank", url=migrated)
    assert [run.run_id for run in found.runs] == ["feed", "idle", "slow", "new"]
    assert [(window.run_id, window.number) for window in found.windows] == [
        ("feed", 1),
        ("slow", 0),
        ("new", 0),
    ]
    assert all(window.verdicts and window.counts for window in found.windows)
    assert found.switch.position == "open"
    assert found.switch.total_poor == 2
    assert len(found.audit) == 1
    with transaction(place.find(url=migrated)) as connection:
        counted = connection.exec_driver_sql("SELECT run_id FROM scorekit_counted ORDER BY run_id")
        assert counted.scalars().all() == ["feed", "new", "slow"]
        count = connection.exec_driver_sql("SELECT COUNT(DISTINCT window_key) FROM scorekit_verdicts")
        assert count.scalar() == 3
        assert connection.exec_driver_sql("SELECT fingerprint FROM scorekit_alerts").scalars().all() == [
            "unsent"
        ]


def fill_alerts(url: str, created: object, long_ago: object) -> None:
    from sqlalchemy.orm import Session

    with transaction(place.find(url=url), writes=True) as connection, Session(connection) as session:
        for fingerprint, sent, attempts in (
            ("sent", created, 1),
            ("unsent", None, 3),
            ("given up", None, 100),
            ("to nobody", None, 0),
        ):
            alert = models.Alert(
                model="bank",
                fingerprint=fingerprint,
                check_name="score.psi",
                column_name="score",
                severity="alarm",
                status="firing",
                summary="",
                details="{}",
                created=long_ago if fingerprint == "to nobody" else created,
                deliveries=[
                    models.Delivery(channel="mail", attempts=attempts, next_attempt=created, sent_at=sent),
                    models.Delivery(channel="hook", attempts=1, next_attempt=created, sent_at=created),
                ],
            )
            session.add(alert)
        session.flush()


def test_history_since(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from scorekit.state import ledger as ledger_module
    from scorekit.state import moments

    with Ledger.open(url=migrated) as ledger:
        run = ledger.begin("bank", 7, "night", "batch")
        for number, hours in enumerate((30, 20, 10)):
            with monkeypatch.context() as past:
                past.setattr(ledger_module, "now", lambda hours=hours: moments.now() - timedelta(hours=hours))
                record(ledger, run, number)
    found = history.read("bank", since=moments.now() - timedelta(hours=25), url=migrated)
    assert [window.number for window in found.windows] == [1, 2]


def test_postgres_is_never_migrated_unasked(postgres: str) -> None:
    with pytest.raises(Unreachable, match="holds no state yet") as said:
        Ledger.open(url=postgres)
    assert said.value.hint == "run `scorekit db upgrade`"
    assert tables(postgres) == set()


def test_a_new_file_is_made_as_the_migrations_make_it(tmp_path: Path) -> None:
    def kept(file: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(file)) as connection:
            made = connection.execute(
                "SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY rowid"
            )
            tables = [(kind, name, " ".join(sql.split())) for kind, name, sql in made]
            return [*tables, *connection.execute(f"SELECT * FROM {revisions.TABLE}")]

    migrate.upgrade(place.find(url=f"sqlite:///{tmp_path}/migrated.db"))
    Ledger.open(url=f"sqlite:///{tmp_path}/fresh.db").close()
    assert kept(tmp_path / "fresh.db") == kept(tmp_path / "migrated.db")
    assert len(kept(tmp_path / "fresh.db")) > 20


def test_the_statements_of_a_new_file_are_those_of_the_migrations() -> None:
    file = Path(fresh.__file__)
    cog = [str(Path(sys.executable).parent / "cog"), "--check", "-I", "docs", str(file)]
    done = subprocess.run(cog, cwd=file.parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
