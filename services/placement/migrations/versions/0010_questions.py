"""Locations that ask their operator before they offer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table('offer_questions',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('request_id', sa.Text(collation='C'), nullable=False),
    sa.Column('desk', sa.Text(collation='C'), nullable=False),
    sa.Column('kind', sa.Text(collation='C'), nullable=False),
    sa.Column('household_size', sa.Integer(), nullable=False),
    sa.Column('features', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('status', sa.Text(collation='C'), nullable=False),
    sa.Column('answer_by', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_offer_questions_location'), 'offer_questions', ['location'], unique=False)
    op.create_index(op.f('ix_offer_questions_status'), 'offer_questions', ['status'], unique=False)
    op.create_table('offer_modes',
    sa.Column('origin', sa.Text(collation='C'), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('mode', sa.Text(collation='C'), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'location')
    )
    op.create_index(op.f('ix_offer_modes_mode'), 'offer_modes', ['mode'], unique=False)
