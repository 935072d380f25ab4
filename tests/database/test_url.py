"""Database URLs, as providers print them."""

import pytest

from app.database.url import DatabaseUrl


@pytest.mark.parametrize(
    ("text", "sqlalchemy", "arguments"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d", {}),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d", {}),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d", {}),
        ("postgresql://u:p%40ss@h/d", "postgresql+asyncpg://u:p%40ss@h/d", {}),
        ("postgres://h/d?sslmode=require", "postgresql+asyncpg://h/d", {"ssl": "require"}),
        (
            "postgresql://u:p@ep-x.eu.example.tech/d?sslmode=verify-full&channel_binding=require",
            "postgresql+asyncpg://u:p@ep-x.eu.example.tech/d",
            {"ssl": "verify-full"},
        ),
        (
            "postgresql:///d?host=/run/postgresql",
            "postgresql+asyncpg:///d?host=%2Frun%2Fpostgresql",
            {},
        ),
    ],
)
def test_a_url_is_put_in_the_terms_of_the_driver(
    text: str, sqlalchemy: str, arguments: dict[str, str]
) -> None:
    url = DatabaseUrl(text)
    assert url.for_sqlalchemy.render_as_string(hide_password=False) == sqlalchemy
    assert url.connect_arguments == arguments


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a URL"),
        ("taskward", "not a URL"),
        ("postgresql://h:port/d", "not a URL"),
        ("mysql://h/d", "must begin with"),
        ("postgresql+psycopg://h/d", "must begin with"),
        ("postgresql://h", "must name a database"),
        ("postgresql://h/d?sslmode=yes", "sslmode must be one of"),
    ],
)
def test_what_is_no_postgresql_url_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatabaseUrl(text)


@pytest.mark.parametrize(
    ("host", "leads"),
    [
        ("ep-cool-1.eu-central-1.aws.neon.tech", False),
        ("ep-cool-1-pooler.eu-central-1.aws.neon.tech", True),
        ("localhost", False),
        ("my-pooler.d", True),
        ("db.my-pooler.d", False),
    ],
)
def test_a_pooled_host_of_neon_is_known(host: str, leads: bool) -> None:
    assert DatabaseUrl(f"postgresql://u@{host}/d").leads_to_pooler is leads


def test_a_password_is_not_shown() -> None:
    url = DatabaseUrl("postgresql://ada:hunter2@h/d")
    assert "hunter2" not in f"{url} {url!r}"
    assert "ada" in str(url)
