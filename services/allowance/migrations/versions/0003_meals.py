"""Days with meals elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("entitlements", sa.Column("meals", sa.LargeBinary(), nullable=True))
