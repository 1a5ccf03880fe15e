"""The first schema of the placement service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table('checkpoints',
    sa.Column('reader', sa.Text(collation='C'), nullable=False),
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('reader', 'origin', 'log')
    )
    op.create_table('cursors',
    sa.Column('reader', sa.Text(collation='C'), nullable=False),
    sa.Column('source', sa.Text(collation='C'), nullable=False),
    sa.Column('incarnation', sa.Text(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('reader', 'source')
    )
    op.create_table('events',
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('stream', sa.Text(collation='C'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('type', sa.Text(collation='C'), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('meta', sa.LargeBinary(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('position'),
    sa.UniqueConstraint('stream', 'version', name='events_stream_version')
    )
    op.create_table('figure_history',
    sa.Column('teller', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('size_class', sa.Text(collation='C'), nullable=False),
    sa.Column('feature_class', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('overflow', sa.Integer(), nullable=False),
    sa.Column('occupied', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('blocked', sa.Integer(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('effective_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('teller', 'location', 'kind', 'size_class', 'feature_class', 'epoch', 'sequence')
    )
    op.create_index('figure_history_effective', 'figure_history', ['location', 'kind', 'size_class', 'feature_class', 'effective_at'], unique=False)
    op.create_table('figures',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('size_class', sa.Text(collation='C'), nullable=False),
    sa.Column('feature_class', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('overflow', sa.Integer(), nullable=False),
    sa.Column('occupied', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('blocked', sa.Integer(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('effective_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'location', 'kind', 'size_class', 'feature_class')
    )
    op.create_table('holds',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('place_ids', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('household_size', sa.Integer(), nullable=False),
    sa.Column('features', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('stay_id', sa.Text(collation='C'), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_holds_location'), 'holds', ['location'], unique=False)
    op.create_table('idempotency',
    sa.Column('scope', sa.Text(collation='C'), nullable=False),
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(), nullable=False),
    sa.Column('stream', sa.Text(collation='C'), nullable=False),
    sa.Column('from_version', sa.Integer(), nullable=False),
    sa.Column('to_version', sa.Integer(), nullable=False),
    sa.Column('refusal', sa.LargeBinary(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'key')
    )
    op.create_index(op.f('ix_idempotency_recorded_at'), 'idempotency', ['recorded_at'], unique=False)
    op.create_table('locations',
    sa.Column('name', sa.Text(collation='C'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('origins',
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('service', sa.Text(collation='C'), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('epoch')
    )
    op.create_table('outbox',
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('type', sa.Text(collation='C'), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('meta', sa.LargeBinary(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('epoch', 'log', 'sequence')
    )
    op.create_table('parked',
    sa.Column('reader', sa.Text(collation='C'), nullable=False),
    sa.Column('source', sa.Text(collation='C'), nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('reader', 'source', 'position')
    )
    op.create_table('places',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('room', sa.Text(), nullable=False),
    sa.Column('sleeps', sa.Integer(), nullable=False),
    sa.Column('features', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('block_reason', sa.Text(), nullable=True),
    sa.Column('block_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('overflow', sa.Boolean(), nullable=False),
    sa.Column('programme', sa.Text(), nullable=True),
    sa.Column('holder', sa.Text(collation='C'), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_places_location'), 'places', ['location'], unique=False)
    op.create_table('snapshots',
    sa.Column('stream', sa.Text(collation='C'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('state_version', sa.Integer(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('stream')
    )
    op.create_table('stays',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('place_ids', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('household_size', sa.Integer(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('end_reason', sa.Text(), nullable=True),
    sa.Column('hold_id', sa.Text(collation='C'), nullable=True),
    sa.Column('programme', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_stays_location'), 'stays', ['location'], unique=False)
    op.create_table('timers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_timers_due_at'), 'timers', ['due_at'], unique=False)
