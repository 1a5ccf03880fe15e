"""Who opened a file, for whoever asks and for the logbook."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table('openings',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('subject', sa.Text(collation='C'), nullable=False),
    sa.Column('activity', sa.Text(collation='C'), nullable=False),
    sa.Column('role', sa.Text(collation='C'), nullable=False),
    sa.Column('trace_id', sa.Text(collation='C'), nullable=False),
    sa.Column('parent_id', sa.Text(collation='C'), nullable=True),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_openings_subject'), 'openings', ['subject'], unique=False)
    op.create_index(op.f('ix_openings_at'), 'openings', ['at'], unique=False)
    op.create_index(op.f('ix_openings_sent'), 'openings', ['sent'], unique=False)
