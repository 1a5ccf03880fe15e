"""Who waits in the network, as every intake has told it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table('waiting',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('request_id', sa.Text(collation='C'), nullable=False),
    sa.Column('kinds', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('size_class', sa.Text(collation='C'), nullable=False),
    sa.Column('features', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('not_at', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('priority_band', sa.Integer(), nullable=False),
    sa.Column('rules_version', sa.Integer(), nullable=False),
    sa.Column('waiting_since', sa.Date(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'request_id')
    )
