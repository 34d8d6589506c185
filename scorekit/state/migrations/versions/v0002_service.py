"""What the service needs: who may call it, and jobs that it was given."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _maybe(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def upgrade() -> None:
    """Make them."""
    _keys()
    _jobs()


def _keys() -> None:
    op.create_table(
        "scorekit_keys",
        _column("id", sa.Text()),
        _column("name", sa.Text()),
        _column("digest", sa.Text()),
        _column("scopes", sa.Text()),
        _column("created", MOMENT),
        _column("created_by", sa.Text()),
        _maybe("expires", MOMENT),
        _maybe("revoked", MOMENT),
        _maybe("revoked_by", sa.Text()),
        _maybe("last_used", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_keys")),
    )


def _jobs() -> None:
    op.create_table(
        "scorekit_jobs",
        _column("id", sa.Text()),
        _column("turn", sa.BigInteger()),
        _column("kind", sa.Text()),
        _column("model", sa.Text()),
        _column("status", sa.Text()),
        _column("request", sa.Text()),
        _column("owner", sa.Text()),
        _maybe("idempotency_key", sa.Text()),
        _column("attempts", sa.BigInteger()),
        _column("token", sa.BigInteger()),
        _maybe("worker", sa.Text()),
        _maybe("lease_until", MOMENT),
        _maybe("heartbeat", MOMENT),
        _maybe("version", sa.BigInteger()),
        _column("progress", sa.Text()),
        _maybe("result", sa.Text()),
        _maybe("error", sa.Text()),
        _column("created", MOMENT),
        _maybe("started", MOMENT),
        _maybe("finished", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorekit_jobs")),
        sa.UniqueConstraint("owner", "idempotency_key", name=op.f("uq_scorekit_jobs_owner_idempotency_key")),
    )
    op.create_index(op.f("ix_scorekit_jobs_status_turn"), "scorekit_jobs", ["status", "turn"])


def downgrade() -> None:
    """Remove them, and what they hold."""
    op.drop_table("scorekit_jobs")
    op.drop_table("scorekit_keys")
