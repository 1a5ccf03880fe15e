"""The schema that migrations make is the one the service is written for."""

from __future__ import annotations

from typing import Any

import asyncpg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from services.placement.app import TABLES, migrate


async def test_the_migrations_make_the_tables_of_the_code(database: str) -> None:
    await migrate(database)
    await migrate(database)  # a second time changes nothing
    wanted = sa.MetaData()
    for table in TABLES:
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
