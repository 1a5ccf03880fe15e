"""The first schema of the console service."""

import sqlalchemy as sa
from alembic import op

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
    op.create_table('journal',
    sa.Column('teller', sa.Text(collation='C'), nullable=False),
    sa.Column('log', sa.Text(collation='C'), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('type', sa.Text(collation='C'), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('correlation_id', sa.UUID(), nullable=False),
    sa.Column('causation_id', sa.UUID(), nullable=False),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('teller', 'log', 'epoch', 'sequence')
    )
    op.create_index('journal_correlation', 'journal', ['correlation_id'], unique=False)
    op.create_index('journal_id', 'journal', ['id'], unique=False)
    op.create_index('journal_newest', 'journal', ['time', 'teller', 'log', 'epoch', 'sequence'], unique=False)
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
