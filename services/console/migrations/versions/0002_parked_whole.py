"""Parked messages are kept whole, so that they can be read again, and those that were let go are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # What was parked until now was kept in part. Its readers begin their sources anew, behind their own checkpoints, and
    # park it again, whole, or digest it.
    op.execute("delete from cursors where reader in (select reader from parked)")
    op.drop_table('parked')
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
