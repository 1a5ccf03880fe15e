"""Who came to a session, and what sessions came to by week."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column('sessions', sa.Column('attended', sa.Integer(), nullable=True))
    op.create_table('session_weeks',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('week', sa.Date(), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('sessions', sa.Integer(), nullable=False),
    sa.Column('counted', sa.Integer(), nullable=False),
    sa.Column('booked', sa.Integer(), nullable=False),
    sa.Column('attended', sa.Integer(), nullable=False),
    sa.Column('full', sa.Integer(), nullable=False),
    sa.Column('wait_days', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('origin', 'week', 'location', 'kind')
    )
