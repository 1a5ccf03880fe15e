"""People sign in with accounts of their own, and a session can be ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table('accounts',
    sa.Column('name', sa.Text(collation='C'), nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('role', sa.Text(collation='C'), nullable=False),
    sa.Column('password', sa.Text(), nullable=True),
    sa.Column('demo', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('name'),
    sa.UniqueConstraint('id')
    )
    op.create_table('sign_ins',
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('account', sa.UUID(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(collation='C'), nullable=False),
    sa.Column('device', sa.Text(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key'),
    sa.UniqueConstraint('id')
    )
    op.create_index('sign_ins_subject', 'sign_ins', ['subject'], unique=False)
    op.create_table('devices',
    sa.Column('key', sa.Text(collation='C'), nullable=False),
    sa.Column('account', sa.UUID(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', 'account')
    )
