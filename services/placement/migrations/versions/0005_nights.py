"""Reported nights as published, head counts, sessions, and an index by which a past moment is found without reading all of history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

GROUP = ("location", "kind", "size_class", "feature_class")


def upgrade() -> None:
    op.create_table('nights',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('programme', sa.Text(collation='C'), nullable=False),
    sa.Column('night', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('blocked', sa.Integer(), nullable=False),
    sa.Column('occupied', sa.Integer(), nullable=False),
    sa.Column('overflow', sa.Integer(), nullable=False),
    sa.Column('funded', sa.Integer(), nullable=True),
    sa.Column('unavailable', sa.Integer(), nullable=True),
    sa.Column('service_users', sa.Integer(), nullable=True),
    sa.Column('words', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_nights_location'), 'nights', ['location'], unique=False)
    op.add_column('stays', sa.Column('away_until', sa.DateTime(timezone=True), nullable=True))
    op.create_table('head_counts',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('counted', sa.Integer(), nullable=False),
    sa.Column('expected', sa.Integer(), nullable=False),
    sa.Column('missing', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('unexpected', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('superseded', sa.Boolean(), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_head_counts_location'), 'head_counts', ['location'], unique=False)
    op.create_table('sessions',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seats', sa.Integer(), nullable=False),
    sa.Column('booked', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_sessions_location'), 'sessions', ['location'], unique=False)
    op.drop_index('figure_history_effective', 'figure_history')
    op.create_index('figure_history_effective', 'figure_history', ['teller', *GROUP, 'effective_at', 'epoch', 'sequence'], unique=False)
