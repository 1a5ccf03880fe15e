"""A line of the history of figures is found by its series, one short name for an origin and a group."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

GROUP = ['location', 'kind', 'size_class', 'feature_class']
FIGURES = ['site', 'title', 'district', 'total', 'overflow', 'occupied', 'held', 'blocked', 'people', 'observed_at', 'effective_at']
SERIES = (
    "encode(substring(sha256(convert_to(concat_ws(e'\\x1f', teller, location, kind, size_class, feature_class), 'UTF8'))"
    " from 1 for 16), 'hex')::uuid"
)


def upgrade() -> None:
    # Made anew, and not altered: an altered one would keep the room of every line twice.
    op.drop_index('figure_history_effective', 'figure_history')
    op.drop_constraint('figure_history_pkey', 'figure_history')
    op.rename_table('figure_history', 'figure_history_before')
    op.create_table('figure_history',
    sa.Column('series', postgresql.UUID(), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('teller', sa.Text(collation='C'), nullable=False),
    *[sa.Column(name, sa.Text(collation='C'), nullable=False) for name in GROUP],
    sa.Column('site', sa.Text(collation='C'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('district', sa.Text(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('overflow', sa.Integer(), nullable=False),
    sa.Column('occupied', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('blocked', sa.Integer(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('effective_at', sa.DateTime(timezone=True), nullable=False),
    )
    rest = ', '.join(['epoch', 'sequence', 'teller', *GROUP, *FIGURES])
    op.execute(f"insert into figure_history (series, {rest}) select {SERIES}, {rest} from figure_history_before")
    op.drop_table('figure_history_before')
    op.create_primary_key('figure_history_pkey', 'figure_history', ['series', 'epoch', 'sequence'])
    op.create_index('figure_history_effective', 'figure_history', ['series', 'effective_at', 'epoch', 'sequence'], unique=False)
