"""Opening hours and cleaning of a house, and when a stay ends by itself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table('house_rules',
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('in_from', sa.Text(), nullable=True),
    sa.Column('in_until', sa.Text(), nullable=True),
    sa.Column('out_by', sa.Text(), nullable=True),
    sa.Column('cleaned', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('location')
    )
    op.add_column('stays', sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True))
