"""Tests that recognise a pooler by its URL."""

import pytest

from app.database.driver.url import DatabaseUrl


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("ep-cool-1.eu-central-1.aws.neon.tech", False),
        ("ep-cool-1-pooler.eu-central-1.aws.neon.tech", True),
        ("localhost", False),
        ("my-pooler.d", True),
        ("db.my-pooler.d", False),
        ("aws-0-eu-central-1.pooler.supabase.com:6543", True),
        ("aws-0-eu-central-1.pooler.supabase.com:5432", True),
        ("db.abcdefgh.supabase.co:6543", True),
        ("db.abcdefgh.supabase.co:5432", False),
    ],
)
def test_hosts_of_poolers_are_known(text: str, leads: bool) -> None:
    assert DatabaseUrl(f"postgresql://u@{text}/d").leads_to_pooler is leads


def test_a_pooler_can_be_told_of_as_prisma_does() -> None:
    assert DatabaseUrl("postgresql://u@h/d?pgbouncer=true").leads_to_pooler
