"""The table of tasks of the peers that use SQLAlchemy's declarative classes."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base class of the tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's way


class TaskRow(Base):
    """A row of the table of tasks."""

    __tablename__ = "tasks"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str]
    description: Mapped[str | None]
    due_at: Mapped[datetime | None]
    completed: Mapped[bool] = mapped_column(default=False)
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    revision: Mapped[int] = mapped_column(default=1)

    def dump(self) -> dict[str, Any]:
        """Return the members of the JSON object."""
        return {each.key: getattr(self, each.key) for each in self.__table__.columns}
