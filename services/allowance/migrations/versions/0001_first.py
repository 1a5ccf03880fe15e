"""The first schema of the allowance service."""

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
    op.create_table('snapshots',
    sa.Column('stream', sa.Text(collation='C'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('state_version', sa.Integer(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('stream')
    )
    op.create_table('timers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_timers_due_at'), 'timers', ['due_at'], unique=False)
    op.create_table('parked',
    sa.Column('reader', sa.Text(collation='C'), nullable=False),
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('source', sa.Text(collation='C'), nullable=False),
    sa.Column('incarnation', sa.Text(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('headers', sa.LargeBinary(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retries', sa.Integer(), nullable=False),
    sa.Column('retried_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('reader', 'id')
    )
    op.create_table('discarded',
    sa.Column('reader', sa.Text(collation='C'), nullable=False),
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('source', sa.Text(collation='C'), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('from_sequence', sa.BigInteger(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(collation='C'), nullable=False),
    sa.Column('discarded_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('reader', 'id')
    )
    op.create_table('worklist',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=True),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('programmes',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('ceiling', sa.Integer(), nullable=False),
    sa.Column('planned', sa.Integer(), nullable=True),
    sa.Column('reserved', sa.Integer(), nullable=False),
    sa.Column('granted', sa.Integer(), nullable=False),
    sa.Column('methods', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('tariffs', sa.LargeBinary(), nullable=False),
    sa.Column('budgets', sa.LargeBinary(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('seats',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('method', sa.Text(collation='C'), nullable=True),
    sa.Column('code', sa.Text(collation='C'), nullable=True),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_seats_programme_id'), 'seats', ['programme_id'], unique=False)
    op.create_table('entitlements',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('household_size', sa.Integer(), nullable=False),
    sa.Column('method', sa.Text(collation='C'), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('code', sa.Text(collation='C'), nullable=True),
    sa.Column('spans', sa.LargeBinary(), nullable=False),
    sa.Column('told', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_entitlements_client_id'), 'entitlements', ['client_id'], unique=False)
    op.create_table('network_programmes',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('methods', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('occupied', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'id')
    )
