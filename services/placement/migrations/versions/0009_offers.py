"""Offers: held places put to people who wait."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table('offers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('request_id', sa.Text(collation='C'), nullable=False),
    sa.Column('desk', sa.Text(collation='C'), nullable=False),
    sa.Column('sleeps', sa.Integer(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('word', sa.Text(collation='C'), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expected_by', sa.DateTime(timezone=True), nullable=True),
    sa.Column('possible_double', sa.Boolean(), nullable=False),
    sa.Column('refusals', sa.Integer(), nullable=False),
    sa.Column('stay_id', sa.Text(collation='C'), nullable=True),
    sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_offers_location'), 'offers', ['location'], unique=False)
    op.create_index(op.f('ix_offers_request_id'), 'offers', ['request_id'], unique=False)
    op.create_index(op.f('ix_offers_status'), 'offers', ['status'], unique=False)
    op.create_index(op.f('ix_offers_word'), 'offers', ['word'], unique=False)
    op.add_column('holds', sa.Column('offer_id', sa.Text(collation='C'), nullable=True))
