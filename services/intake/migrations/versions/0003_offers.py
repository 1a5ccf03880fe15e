"""Offers a desk has heard of."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table('client_offers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('request_id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('sleeps', sa.Integer(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('word', sa.Text(collation='C'), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expected_by', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered', sa.Boolean(), nullable=False),
    sa.Column('in_slot', sa.Boolean(), nullable=False),
    sa.Column('possible_double', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_client_offers_client_id'), 'client_offers', ['client_id'], unique=False)
    op.create_index(op.f('ix_client_offers_request_id'), 'client_offers', ['request_id'], unique=False)
