"""How much room there is in the city, so that somebody is told when there is little."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table('room',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('size_class', sa.Text(collation='C'), nullable=False),
    sa.Column('feature_class', sa.Text(collation='C'), nullable=False),
    sa.Column('free', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'location', 'kind', 'size_class', 'feature_class')
    )
