"""The schema that a service's migrations make is the one it is written for."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from services.allowance import app as allowance
from services.console import app as console
from services.intake import app as intake
from services.notifications import app as notifications
from services.placement import app as placement

SERVICES = {
    "allowance": allowance,
    "console": console,
    "intake": intake,
    "notifications": notifications,
    "placement": placement,
}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrations_make_the_tables_of_the_code(service: str, database: str) -> None:
    app: Any = SERVICES[service]
    await app.migrate(database)
    await app.migrate(database)  # a second time changes nothing
    wanted = sa.MetaData()
    for table in app.TABLES:
        table.to_metadata(wanted)

    def differences(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [found for found in compare_metadata(context, wanted) if "alembic_version" not in str(found)]

    async def connect() -> Any:
        return await asyncpg.connect(database)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
