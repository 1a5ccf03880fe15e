"""What other desks were asked, and what they asked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table('checks',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_checks_client_id'), 'checks', ['client_id'], unique=False)
    op.create_table('check_replies',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('day', sa.Text(collation='C'), nullable=False),
    sa.Column('answer', sa.Text(collation='C'), nullable=False),
    sa.Column('counts', sa.Boolean(), nullable=False),
    sa.Column('clients', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_check_replies_day'), 'check_replies', ['day'], unique=False)
    op.create_index(op.f('ix_check_replies_site'), 'check_replies', ['site'], unique=False)
