"""A front end of another origin can call the API and read its errors."""

import httpx
import pytest

ORIGIN = {"Origin": "https://app.example.com"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/tasks", 401),
        ("/nope", 404),
        ("/health/live?x=1", 422),
        ("/health/live", 200),
        ("/api/tasks/%FF", 400),
        ("/" + "x" * 9000, 414),
    ],
)
async def test_every_answer_can_be_read_by_a_front_end(
    anonymous: httpx.AsyncClient, path: str, status: int
) -> None:
    response = await anonymous.get(path, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "X-Request-Id" in response.headers["Access-Control-Expose-Headers"]
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_preflight_request_needs_no_token(
    anonymous: httpx.AsyncClient, method: str
) -> None:
    headers = ORIGIN | {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    response = await anonymous.options("/api/tasks", headers=headers)
    assert response.status_code == 200
    assert method in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Max-Age"] == "600"
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type"} == set(allowed.split(", "))


async def test_another_origin_is_told_nothing(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/health/live", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in response.headers
