"""Pay runs and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table('pay_runs',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('pay_on', sa.Text(collation='C'), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('total_cents', sa.BigInteger(), nullable=False),
    sa.Column('lines', sa.LargeBinary(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_pay_runs_programme_id'), 'pay_runs', ['programme_id'], unique=False)
    op.create_table('postings',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('run_id', sa.Text(collation='C'), nullable=False),
    sa.Column('event_version', sa.Integer(), nullable=False),
    sa.Column('account', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('method', sa.Text(collation='C'), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('entitlement_id', sa.Text(collation='C'), nullable=False),
    sa.Column('cents', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_postings_programme_id'), 'postings', ['programme_id'], unique=False)
