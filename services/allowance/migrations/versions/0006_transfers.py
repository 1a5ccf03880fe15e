"""For whom of a site's clients a transfer to the organisation there is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table('transfers',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('entitlement_id', sa.Text(collation='C'), nullable=False),
    sa.Column('programme_id', sa.Text(collation='C'), nullable=False),
    sa.Column('period', sa.Text(collation='C'), nullable=False),
    sa.Column('cents', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_transfers_entitlement_id'), 'transfers', ['entitlement_id'], unique=False)
