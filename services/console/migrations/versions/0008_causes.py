"""Two indexes of the journal leave out what they are not asked for: no trace, and a cause that is the correlation, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_index('journal_causation', 'journal')
    op.create_index('journal_causation', 'journal', ['causation_id'], unique=False, postgresql_where=sa.text('causation_id <> correlation_id'))
    op.drop_index('journal_trace', 'journal')
    op.create_index('journal_trace', 'journal', [sa.text('substr(traceparent, 4, 32)')], unique=False, postgresql_where=sa.text('traceparent is not null'))
