"""The journal finds the notices of requests by themselves: who waited is counted back in time."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index(
        'journal_notices', 'journal', ['time'], unique=False,
        postgresql_where=sa.text("type = 'nl.plek.intake.request-noticed.v1'"),
    )
