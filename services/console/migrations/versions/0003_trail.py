"""The journal is asked what follows from an event, what belongs to a trace, and what is about a thing."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index('journal_causation', 'journal', ['causation_id'], unique=False)
    op.create_index('journal_trace', 'journal', [sa.text('substr(traceparent, 4, 32)')], unique=False)
    op.create_index('journal_thing', 'journal', ['subject'], unique=False, postgresql_where=sa.text('length(subject) = 36'))
