"""One shift leaves notes for the next: sealed, and gone after fourteen days."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table('notes',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('location', sa.Text(collation='C'), nullable=False),
    sa.Column('place', sa.Text(collation='C'), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(collation='C'), nullable=False),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('goes_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_notes_location'), 'notes', ['location'], unique=False)
    op.create_index(op.f('ix_notes_goes_at'), 'notes', ['goes_at'], unique=False)
