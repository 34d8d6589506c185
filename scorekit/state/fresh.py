"""A new embedded database, made at the newest revision without what migrating one needs.

The first score of a store would otherwise wait for SQLAlchemy and Alembic, longer than it
scores. The statements are what the migrations leave behind:
``cog -r -I docs scorekit/state/fresh.py``; a test holds the two ways to the same tables.
"""

# ruff: noqa: ERA001, E501 - what cog reads looks like code, and statements are as they are kept

from __future__ import annotations

from contextlib import closing

from scorekit.state.database import gone
from scorekit.state.revisions import HEAD, TABLE
from scorekit.state.sqlite import Sqlite

# [[[cog
# import reference
# cog.outl(reference.fresh_statements())
# ]]]
STATEMENTS: tuple[str, ...] = (
    "CREATE TABLE scorekit_revision ( version_num VARCHAR(32) NOT NULL, CONSTRAINT scorekit_revision_pkc PRIMARY KEY (version_num) )",
    "CREATE TABLE scorekit_switches ( model TEXT NOT NULL, position TEXT NOT NULL, since TEXT NOT NULL, seen BIGINT NOT NULL, total_poor BIGINT NOT NULL, bad_windows BIGINT NOT NULL, clean_windows BIGINT NOT NULL, recent TEXT NOT NULL, updated TEXT NOT NULL, revision BIGINT NOT NULL, CONSTRAINT pk_scorekit_switches PRIMARY KEY (model) )",
    "CREATE TABLE scorekit_switch_audit ( id INTEGER NOT NULL, model TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, from_position TEXT NOT NULL, to_position TEXT NOT NULL, why TEXT NOT NULL, run_id TEXT, CONSTRAINT pk_scorekit_switch_audit PRIMARY KEY (id) )",
    "CREATE INDEX ix_scorekit_switch_audit_model_id ON scorekit_switch_audit (model, id)",
    "CREATE TABLE scorekit_runs ( id INTEGER NOT NULL, model TEXT NOT NULL, version BIGINT NOT NULL, run_id TEXT NOT NULL, kind TEXT NOT NULL, started TEXT NOT NULL, finished TEXT, outcome TEXT NOT NULL, output TEXT, rows BIGINT, turn BIGINT NOT NULL, CONSTRAINT pk_scorekit_runs PRIMARY KEY (id), CONSTRAINT uq_scorekit_runs_model_version_run_id UNIQUE (model, version, run_id) )",
    "CREATE INDEX ix_scorekit_runs_model_turn ON scorekit_runs (model, turn)",
    "CREATE TABLE scorekit_windows ( id INTEGER NOT NULL, run_key INTEGER NOT NULL, model TEXT NOT NULL, number BIGINT NOT NULL, source TEXT NOT NULL, first_row BIGINT NOT NULL, rows BIGINT NOT NULL, rejected BIGINT NOT NULL, fallback BIGINT NOT NULL, state TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, recorded TEXT NOT NULL, CONSTRAINT pk_scorekit_windows PRIMARY KEY (id), CONSTRAINT fk_scorekit_windows_run_key FOREIGN KEY(run_key) REFERENCES scorekit_runs (id) ON DELETE CASCADE, CONSTRAINT uq_scorekit_windows_run_key_number_source UNIQUE (run_key, number, source) )",
    "CREATE INDEX ix_scorekit_windows_model_id ON scorekit_windows (model, id)",
    "CREATE TABLE scorekit_verdicts ( id INTEGER NOT NULL, window_key INTEGER NOT NULL, check_name TEXT NOT NULL, column_name TEXT NOT NULL, state TEXT NOT NULL, value FLOAT, expected FLOAT, message TEXT NOT NULL, CONSTRAINT pk_scorekit_verdicts PRIMARY KEY (id), CONSTRAINT fk_scorekit_verdicts_window_key FOREIGN KEY(window_key) REFERENCES scorekit_windows (id) ON DELETE CASCADE )",
    "CREATE INDEX ix_scorekit_verdicts_window_key ON scorekit_verdicts (window_key)",
    "CREATE TABLE scorekit_bin_counts ( window_key INTEGER NOT NULL, kind TEXT NOT NULL, column_name TEXT NOT NULL, counts TEXT NOT NULL, CONSTRAINT pk_scorekit_bin_counts PRIMARY KEY (window_key, kind, column_name), CONSTRAINT fk_scorekit_bin_counts_window_key FOREIGN KEY(window_key) REFERENCES scorekit_windows (id) ON DELETE CASCADE )",
    "CREATE TABLE scorekit_counted ( model TEXT NOT NULL, run_id TEXT NOT NULL, source TEXT NOT NULL, first_row BIGINT NOT NULL, end_row BIGINT NOT NULL, recorded TEXT NOT NULL, CONSTRAINT pk_scorekit_counted PRIMARY KEY (model, run_id, source, first_row) )",
    "CREATE TABLE scorekit_alerts ( id INTEGER NOT NULL, model TEXT NOT NULL, fingerprint TEXT NOT NULL, check_name TEXT NOT NULL, column_name TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL, summary TEXT NOT NULL, details TEXT NOT NULL, created TEXT NOT NULL, CONSTRAINT pk_scorekit_alerts PRIMARY KEY (id) )",
    "CREATE INDEX ix_scorekit_alerts_model_id ON scorekit_alerts (model, id)",
    "CREATE TABLE scorekit_deliveries ( id INTEGER NOT NULL, alert_key INTEGER NOT NULL, channel TEXT NOT NULL, attempts BIGINT NOT NULL, next_attempt TEXT NOT NULL, sent_at TEXT, last_error TEXT, CONSTRAINT pk_scorekit_deliveries PRIMARY KEY (id), CONSTRAINT fk_scorekit_deliveries_alert_key FOREIGN KEY(alert_key) REFERENCES scorekit_alerts (id) ON DELETE CASCADE, CONSTRAINT uq_scorekit_deliveries_alert_key_channel UNIQUE (alert_key, channel) )",
    "CREATE INDEX ix_scorekit_deliveries_sent_at_next_attempt ON scorekit_deliveries (sent_at, next_attempt)",
    "CREATE TABLE scorekit_alert_states ( fingerprint TEXT NOT NULL, model TEXT NOT NULL, check_name TEXT NOT NULL, column_name TEXT NOT NULL, status TEXT NOT NULL, severity TEXT NOT NULL, since TEXT NOT NULL, last_sent TEXT NOT NULL, CONSTRAINT pk_scorekit_alert_states PRIMARY KEY (fingerprint) )",
    "CREATE INDEX ix_scorekit_alert_states_model ON scorekit_alert_states (model)",
    "CREATE TABLE scorekit_keys ( id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL, created TEXT NOT NULL, created_by TEXT NOT NULL, expires TEXT, revoked TEXT, revoked_by TEXT, last_used TEXT, CONSTRAINT pk_scorekit_keys PRIMARY KEY (id) )",
    "CREATE TABLE scorekit_jobs ( id TEXT NOT NULL, turn BIGINT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL, request TEXT NOT NULL, owner TEXT NOT NULL, idempotency_key TEXT, attempts BIGINT NOT NULL, token BIGINT NOT NULL, worker TEXT, lease_until TEXT, heartbeat TEXT, version BIGINT, progress TEXT NOT NULL, result TEXT, error TEXT, created TEXT NOT NULL, started TEXT, finished TEXT, CONSTRAINT pk_scorekit_jobs PRIMARY KEY (id), CONSTRAINT uq_scorekit_jobs_owner_idempotency_key UNIQUE (owner, idempotency_key) )",
    "CREATE INDEX ix_scorekit_jobs_status_turn ON scorekit_jobs (status, turn)",
)
# [[[end]]]


def make(database: Sqlite) -> None:
    """Make a database where there is none; one that another process has just made stays.

    Raises
    ------
    Unreachable
        If it cannot be made.
    """
    with database.alone():
        if database.begun():
            return
        if database.lost():
            raise gone(database.shown)
        database.create()
        with closing(database.connect()) as connection, database.translated():
            connection.execute(database.begin(writes=True))
            for statement in STATEMENTS:
                connection.execute(statement)
            connection.execute(f"INSERT INTO {TABLE} (version_num) VALUES (?)", (HEAD,))  # noqa: S608 - a constant
            connection.execute("COMMIT")
