"""Operations on a user's rows for tests of the wall."""

from sqlalchemy import text

from app.database.database import Database
from app.tasks.schemas import TaskInput
from app.tasks.store import TaskStore

COUNT = text("SELECT count(*) FROM tasks")


async def create(database: Database, user: str) -> None:
    await TaskStore(database.session(user)).create(TaskInput(title="x"), max_tasks=9)


async def counted(database: Database, user: str) -> int:
    async with database.user_transaction(user) as transaction:
        return int((await transaction.read(COUNT))[0][0])


async def run(database: Database, user: str, command: str) -> None:
    async with database.user_transaction(user) as transaction:
        await transaction.change(text(command))
