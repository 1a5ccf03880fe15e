"""What runs order of a bank and of cards' issuers, and the files made of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table('pay_orders',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('run_id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('method', sa.Text(collation='C'), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('cents', sa.BigInteger(), nullable=False),
    sa.Column('paid_cents', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('reason', sa.Text(collation='C'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_pay_orders_run_id'), 'pay_orders', ['run_id'], unique=False)
    op.create_table('pay_files',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('run_id', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('sha256', sa.Text(collation='C'), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_pay_files_run_id'), 'pay_files', ['run_id'], unique=False)
