"""How clients are guided: trajectories, milestones, referrals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table('trajectories',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('goals', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_trajectories_client_id'), 'trajectories', ['client_id'], unique=False)
    op.create_table('milestones',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('trajectory_id', sa.Text(collation='C'), nullable=False),
    sa.Column('milestone', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_milestones_trajectory_id'), 'milestones', ['trajectory_id'], unique=False)
    op.create_table('referrals',
    sa.Column('id', sa.Text(collation='C'), nullable=False),
    sa.Column('client_id', sa.Text(collation='C'), nullable=False),
    sa.Column('referral', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(collation='C'), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('appointment', sa.Text(), nullable=True),
    sa.Column('first_appointment', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_referrals_client_id'), 'referrals', ['client_id'], unique=False)
