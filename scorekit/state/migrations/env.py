"""What Alembic runs around the migrations; the connection is given to it by ``state.migrate``."""

from __future__ import annotations

from alembic import context

from scorekit.state.migrate import options
from scorekit.state.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, **options()
)
with context.begin_transaction():
    context.run_migrations()
