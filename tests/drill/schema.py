"""A database taken back to the schema of the version before, whatever the newest migration has brought."""

from __future__ import annotations

import uuid

import asyncpg
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation, ModifyTableOps, OpContainer
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.migration import script, upgrade


async def one_back(dsn: str, service: str) -> None:
    """Takes back what the newest migration has brought: a scratch database one version older shows what that was."""
    newest, before = (revision.revision for revision in list(script(service).walk_revisions())[:2])
    name = dsn.partition("?")[0].rpartition("/")[2]
    scratch = f"drill_{uuid.uuid4().hex}"
    server = await asyncpg.connect(dsn.replace(f"/{name}?", "/postgres?"))
    try:
        await server.execute(f'create database "{scratch}"')
        older = dsn.replace(f"/{name}?", f"/{scratch}?")
        await upgrade(older, service, before)
        wanted = sa.MetaData()
        async with _engine(older).connect() as there:
            await there.run_sync(wanted.reflect)
        async with _engine(dsn).begin() as here:
            await here.run_sync(_become, wanted)
            await here.execute(sa.text("update alembic_version set version_num = :before"), {"before": before})
    finally:
        await server.execute(f'drop database if exists "{scratch}" with (force)')
        await server.close()
    assert newest != before


def _engine(dsn: str) -> AsyncEngine:
    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(dsn)

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)


def _become(connection: sa.Connection, wanted: sa.MetaData) -> None:
    context = MigrationContext.configure(connection)
    steps = produce_migrations(context, wanted).upgrade_ops
    assert steps is not None
    operations = Operations(context)
    for step in _flat(steps):
        operations.invoke(step)


def _flat(steps: OpContainer) -> list[MigrateOperation]:
    found: list[MigrateOperation] = []
    for step in steps.ops:
        found += _flat(step) if isinstance(step, ModifyTableOps) else [step]
    return found
