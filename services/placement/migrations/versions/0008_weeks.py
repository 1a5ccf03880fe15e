"""What every desk has told of every week."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table('week_counts',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('week', sa.Date(), nullable=False),
    sa.Column('part', sa.Text(collation='C'), nullable=False),
    sa.Column('word', sa.Text(collation='C'), nullable=False),
    sa.Column('count', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('origin', 'week', 'part', 'word')
    )
