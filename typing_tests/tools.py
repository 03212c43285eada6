"""What type checkers make of the tools for users' tests. Checked, never run."""

from typing import assert_type

import httpx2
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast import AdvancedAlchemy, SQLAlchemyAsyncConfig
from holdfast.testing import client, count_statements, fail_next_commit, lose_next_commit_reply

app = FastAPI()
config = SQLAlchemyAsyncConfig(connection_string="sqlite+aiosqlite://")
alchemy = AdvancedAlchemy(config, app)


async def tools(session: AsyncSession) -> None:
    async with client(app, lifespan=False, headers={"x-name": "value"}) as http:
        assert_type(http, httpx2.AsyncClient)
    with count_statements(alchemy) as statements:
        assert_type(statements, list[str])
    with fail_next_commit(alchemy.get_engine()), lose_next_commit_reply(config):
        await session.commit()
    with fail_next_commit(session, OSError()):
        await session.commit()
