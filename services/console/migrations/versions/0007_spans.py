"""The spans of the site's processes are kept for a while, where nobody else keeps them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table('spans',
    sa.Column('trace_id', sa.Text(collation='C'), nullable=False),
    sa.Column('span_id', sa.Text(collation='C'), nullable=False),
    sa.Column('parent_id', sa.Text(collation='C'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.Column('failed', sa.Text(), nullable=False),
    sa.Column('attributes', sa.Text(), nullable=False),
    sa.Column('links', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('trace_id', 'span_id')
    )
    op.create_index('spans_began_at', 'spans', ['began_at'], unique=False)
