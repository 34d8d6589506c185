"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _maybe(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def upgrade() -> None:
    """Make them."""
    _switches()
    _runs()
    _alerts()


def _switches() -> None:
    op.create_table(
        "scorekit_switches",
        _column("model", sa.Text()),
        _column("position", sa.Text()),
        _column("since", MOMENT),
        _column("seen", sa.BigInteger()),
        _column("total_poor", sa.BigInteger()),
        _column("bad_windows", sa.BigInteger()),
        _column("clean_windows", sa.BigInteger()),
        _column("recent", sa.Text()),
        _column("updated", MOMENT),
        _column("revision", sa.BigInteger()),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_scorekit_switches")),
    )
    op.create_table(
        "scorekit_switch_audit",
        _column("id", KEY),
        _column("model", sa.Text()),
        _column("at", MOMENT),
        _column("who", sa.Text()),
        _column("from_position", sa.Text()),
        _column("to_position", sa.Text()),
        _column("why", sa.Text()),
        _maybe("run_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_switch_audit")),
    )
    op.create_index(op.f("ix_scorekit_switch_audit_model_id"), "scorekit_switch_audit", ["model", "id"])


def _runs() -> None:
    op.create_table(
        "scorekit_runs",
        _column("id", KEY),
        _column("model", sa.Text()),
        _column("version", sa.BigInteger()),
        _column("run_id", sa.Text()),
        _column("kind", sa.Text()),
        _column("started", MOMENT),
        _maybe("finished", MOMENT),
        _column("outcome", sa.Text()),
        _maybe("output", sa.Text()),
        _maybe("rows", sa.BigInteger()),
        _column("turn", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_runs")),
        sa.UniqueConstraint("model", "version", "run_id", name=op.f("uq_scorekit_runs_model_version_run_id")),
    )
    op.create_index(op.f("ix_scorekit_runs_model_turn"), "scorekit_runs", ["model", "turn"])
    _windows()
    _counted()


def _windows() -> None:
    op.create_table(
        "scorekit_windows",
        _column("id", KEY),
        _column("run_key", KEY),
        _column("model", sa.Text()),
        _column("number", sa.BigInteger()),
        _column("source", sa.Text()),
        _column("first_row", sa.BigInteger()),
        _column("rows", sa.BigInteger()),
        _column("rejected", sa.BigInteger()),
        _column("fallback", sa.BigInteger()),
        _column("state", sa.Text()),
        _column("outcome", sa.Text()),
        _column("reason", sa.Text()),
        _column("recorded", MOMENT),
        sa.ForeignKeyConstraint(
            ["run_key"], ["scorekit_runs.id"], name=op.f("fk_scorekit_windows_run_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_windows")),
        sa.UniqueConstraint(
            "run_key", "number", "source", name=op.f("uq_scorekit_windows_run_key_number_source")
        ),
    )
    op.create_index(op.f("ix_scorekit_windows_model_id"), "scorekit_windows", ["model", "id"])
    op.create_table(
        "scorekit_verdicts",
        _column("id", KEY),
        _column("window_key", KEY),
        _column("check_name", sa.Text()),
        _column("column_name", sa.Text()),
        _column("state", sa.Text()),
        _maybe("value", sa.Float(53)),
        _maybe("expected", sa.Float(53)),
        _column("message", sa.Text()),
        sa.ForeignKeyConstraint(
            ["window_key"],
            ["scorekit_windows.id"],
            name=op.f("fk_scorekit_verdicts_window_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_verdicts")),
    )
    op.create_index(op.f("ix_scorekit_verdicts_window_key"), "scorekit_verdicts", ["window_key"])
    op.create_table(
        "scorekit_bin_counts",
        _column("window_key", KEY),
        _column("kind", sa.Text()),
        _column("column_name", sa.Text()),
        _column("counts", sa.Text()),
        sa.ForeignKeyConstraint(
            ["window_key"],
            ["scorekit_windows.id"],
            name=op.f("fk_scorekit_bin_counts_window_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("window_key", "kind", "column_name", name=op.f("pk_scorekit_bin_counts")),
    )


def _counted() -> None:
    op.create_table(
        "scorekit_counted",
        _column("model", sa.Text()),
        _column("run_id", sa.Text()),
        _column("source", sa.Text()),
        _column("first_row", sa.BigInteger()),
        _column("end_row", sa.BigInteger()),
        _column("recorded", MOMENT),
        sa.PrimaryKeyConstraint("model", "run_id", "source", "first_row", name=op.f("pk_scorekit_counted")),
    )


def _alerts() -> None:
    op.create_table(
        "scorekit_alerts",
        _column("id", KEY),
        _column("model", sa.Text()),
        _column("fingerprint", sa.Text()),
        _column("check_name", sa.Text()),
        _column("column_name", sa.Text()),
        _column("severity", sa.Text()),
        _column("status", sa.Text()),
        _column("summary", sa.Text()),
        _column("details", sa.Text()),
        _column("created", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_alerts")),
    )
    op.create_index(op.f("ix_scorekit_alerts_model_id"), "scorekit_alerts", ["model", "id"])
    op.create_table(
        "scorekit_deliveries",
        _column("id", KEY),
        _column("alert_key", KEY),
        _column("channel", sa.Text()),
        _column("attempts", sa.BigInteger()),
        _column("next_attempt", MOMENT),
        _maybe("sent_at", MOMENT),
        _maybe("last_error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["alert_key"],
            ["scorekit_alerts.id"],
            name=op.f("fk_scorekit_deliveries_alert_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_deliveries")),
        sa.UniqueConstraint("alert_key", "channel", name=op.f("uq_scorekit_deliveries_alert_key_channel")),
    )
    op.create_index(
        op.f("ix_scorekit_deliveries_sent_at_next_attempt"),
        "scorekit_deliveries",
        ["sent_at", "next_attempt"],
    )
    op.create_table(
        "scorekit_alert_states",
        _column("fingerprint", sa.Text()),
        _column("model", sa.Text()),
        _column("check_name", sa.Text()),
        _column("column_name", sa.Text()),
        _column("status", sa.Text()),
        _column("severity", sa.Text()),
        _column("since", MOMENT),
        _column("last_sent", MOMENT),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_scorekit_alert_states")),
    )
    op.create_index(op.f("ix_scorekit_alert_states_model"), "scorekit_alert_states", ["model"])


def downgrade() -> None:
    """Remove them, and what they hold."""
    for table in (
        "scorekit_alert_states",
        "scorekit_deliveries",
        "scorekit_alerts",
        "scorekit_bin_counts",
        "scorekit_verdicts",
        "scorekit_windows",
        "scorekit_counted",
        "scorekit_runs",
        "scorekit_switch_audit",
        "scorekit_switches",
    ):
        op.drop_table(table)
