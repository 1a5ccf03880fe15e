"""What a site hands out."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table('vouchers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('handout_id', sa.Text(collation='C'), nullable=False),
    sa.Column('entitlement_id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('cents', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('hashed', sa.Text(collation='C'), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_vouchers_entitlement_id'), 'vouchers', ['entitlement_id'], unique=False)
    op.create_index(op.f('ix_vouchers_hashed'), 'vouchers', ['hashed'], unique=False)
