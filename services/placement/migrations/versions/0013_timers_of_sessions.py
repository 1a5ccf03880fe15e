"""The timers of sessions that stood open before there were any: each session's own, and the week of its house."""

from alembic import op

revision = "0013"
down_revision = "0012"

# Weeks are the city's (`shared/contracts/weeks.py`). A timer that fires early or twice does nothing.
ITS_OWN = """
insert into timers (id, due_at, kind, key)
select 'session/' || id, ends_at, 'session-over', location from sessions where ends_at > now()
on conflict do nothing
"""
ITS_WEEK = """
insert into timers (id, due_at, kind, key)
select distinct 'session-week/' || location || '/' || to_char(monday, 'YYYY-MM-DD'),
       (monday + interval '7 days') at time zone 'Europe/Amsterdam', 'session-week', location
  from sessions, (select date_trunc('week', now() at time zone 'Europe/Amsterdam') as monday) as week
 where ends_at > now()
   and not exists (select 1 from timers where kind = 'session-week' and key = sessions.location)
on conflict do nothing
"""


def upgrade() -> None:
    op.execute(ITS_OWN)
    op.execute(ITS_WEEK)
