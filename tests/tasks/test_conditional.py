"""Story: my devices never overwrite each other's changes, and poll cheaply (RFC 9110)."""

import asyncio
from typing import Any

import httpx
import pytest

WRITERS = 32
PROXIED = [  # what proxies that compress make of "{0}"
    *('W/"{0}"', '"{0}-gzip"', 'W/"{0}-gzip"', '"{0}--gzip"', '"{0};gzip"', '"{0}-br"'),
    *('"{0};gz"', '"{0}-zstd"', '"{0}:gzip"', '"{0}-GZIP"', '"{0}-deflate"', '"{0}-gzip-br"'),
    '"7", W/"{0}-gzip","9;gzip"',
]
FOREIGN = [  # tags of other versions and of other servers
    *('"{0}-x"', '"{0}-"', '"{0}gzip"', '"{0}-gzip-x"', '"x-{0}"', '"0{0}"', '"{0}0"', '"{0}.0"'),
    *('W/"{0}-1"', '"gzip"', '"-gzip"', '"1{0}-gzip"', '"{0}-gzip-br-zstd"'),
]
CHANGES: dict[str, tuple[str, str, Any]] = {
    "replaceTask": ("PUT", "", {"title": "changed"}),
    "updateTask": ("PATCH", "", {"title": "changed"}),
    "completeTask": ("PATCH", "/complete", {"completed": True}),
    "deleteTask": ("DELETE", "", None),
}


async def created(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/tasks", json={"title": "x"})


async def change(
    client: httpx.AsyncClient, name: str, address: str, if_match: str
) -> httpx.Response:
    method, path, body = CHANGES[name]
    headers = {"If-Match": if_match}
    return await client.request(method, address + path, json=body, headers=headers)


async def test_every_answer_with_a_task_has_its_revision_as_etag(
    client: httpx.AsyncClient,
) -> None:
    made = await created(client)
    address = made.headers["Location"]
    for response in (
        made,
        await client.get(address),
        await client.put(address, json={"title": "y"}),
        await client.patch(address, json={"title": "z"}),
        await client.patch(f"{address}/complete"),
    ):
        assert response.headers["ETag"] == f'"{response.json()["revision"]}"'


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("form", ["{}", "*", '"999", {}', '{},"999" , W/"1"', "W/{}"])
async def test_a_change_of_the_expected_version_is_carried_out(
    client: httpx.AsyncClient, name: str, form: str
) -> None:
    made = await created(client)
    response = await change(
        client, name, made.headers["Location"], form.format(made.headers["ETag"])
    )
    assert response.status_code in {200, 204}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("form", ['"999"', 'W/"999"', '"x"', '""', '"0{revision}"', '"1", "2"'])
async def test_a_change_of_another_version_is_rejected(
    client: httpx.AsyncClient, name: str, form: str
) -> None:
    for _ in range(2):
        await created(client)
    made = await created(client)
    if_match = form.format(made.headers["ETag"], revision=made.json()["revision"])
    refused = await change(client, name, made.headers["Location"], if_match)
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (refused.json()["task"], refused.headers["ETag"]) == (made.json(), made.headers["ETag"])
    assert (await client.get(made.headers["Location"])).json() == made.json()
    assert (await client.get("/api/me")).json()["revision"] == 3


async def test_a_tag_that_a_proxy_changed_names_its_version(client: httpx.AsyncClient) -> None:
    made = await created(client)
    address, revision = made.headers["Location"], made.json()["revision"]
    for form in PROXIED:
        known = await client.get(address, headers={"If-None-Match": form.format(revision)})
        assert (form, known.status_code) == (form, 304)
        headers = {"If-Match": form.format(revision)}
        changed = await client.put(address, json={"title": form}, headers=headers)
        assert (form, changed.status_code) == (form, 200)
        revision = changed.json()["revision"]


async def test_a_foreign_tag_never_names_a_version(client: httpx.AsyncClient) -> None:
    made = await created(client)
    address, revision = made.headers["Location"], made.json()["revision"]
    for form in FOREIGN:
        read = await client.get(address, headers={"If-None-Match": form.format(revision)})
        assert (form, read.status_code) == (form, 200)
        refused = await change(client, "updateTask", address, form.format(revision))
        assert (form, refused.status_code) == (form, 412)


async def test_a_tag_of_a_list_that_a_proxy_changed_is_known(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        etag = (await client.get("/api/tasks")).headers["ETag"]
        opaque = etag.removeprefix("W/").strip('"')
        for forms, status in ((PROXIED, 304), (FOREIGN, 200)):
            for form in forms:
                headers = {"If-None-Match": form.format(opaque)}
                read = await client.get("/api/tasks", headers=headers)
                assert (form, read.status_code) == (form, status)
        await created(client)


async def test_a_change_that_would_change_nothing_is_refused_too(
    client: httpx.AsyncClient,
) -> None:
    made = await created(client)
    headers = {"If-Match": '"999"'}
    for patch in ({}, {"title": "x"}):
        refused = await client.patch(made.headers["Location"], json=patch, headers=headers)
        assert refused.status_code == 412
        assert refused.json()["task"] == made.json()


@pytest.mark.parametrize("name", CHANGES)
async def test_of_many_writers_of_one_version_one_wins(
    client: httpx.AsyncClient, name: str
) -> None:
    made = await created(client)
    method, path, body = CHANGES[name]
    if body is not None and name != "completeTask":
        bodies: list[Any] = [{"title": f"writer {n}"} for n in range(WRITERS)]
    else:
        bodies = [body] * WRITERS
    headers = {"If-Match": made.headers["ETag"]}
    responses = await asyncio.gather(
        *(
            client.request(method, made.headers["Location"] + path, json=each, headers=headers)
            for each in bodies
        )
    )
    lost = 404 if name == "deleteTask" else 412
    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == sorted([204 if name == "deleteTask" else 200] + [lost] * 31)
    assert (await client.get("/api/me")).json()["revision"] == 2
    if name != "deleteTask":
        winner = next(response for response in responses if response.status_code == 200)
        assert (await client.get(made.headers["Location"])).json() == winner.json()
        losers = [response for response in responses if response is not winner]
        assert [each.json()["task"] for each in losers] == [winner.json()] * 31
        assert {each.headers["ETag"] for each in losers} == {winner.headers["ETag"]}


@pytest.mark.parametrize("value", ["1", "x", '"1', "", "*, *", '"\u00e9"', '"1" "2"', '*, "1"'])
async def test_what_is_no_list_of_tags_is_refused_not_ignored(
    client: httpx.AsyncClient, value: str
) -> None:
    made = await created(client)
    for method, name in (("PUT", "If-Match"), ("GET", "If-None-Match")):
        body = {"title": "y"} if method == "PUT" else None
        headers = [(name.encode(), value.encode("latin-1"))]
        refused = await client.request(method, made.headers["Location"], json=body, headers=headers)
        assert refused.status_code == 422
        assert [each["header"] for each in refused.json()["errors"]] == [name]
    assert (await client.get(made.headers["Location"])).json() == made.json()


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"7", {}'])
async def test_a_read_of_a_version_that_is_known_has_no_body(
    client: httpx.AsyncClient, form: str
) -> None:
    made = await created(client)
    etag = made.headers["ETag"]
    headers = {"If-None-Match": form.format(etag)}
    known = await client.get(made.headers["Location"], headers=headers)
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", etag)
    assert "Content-Type" not in known.headers
    await client.patch(f"{made.headers['Location']}/complete")
    if form != "*":
        changed = await client.get(made.headers["Location"], headers=headers)
        assert changed.status_code == 200


async def test_a_list_has_another_etag_after_any_change(
    client: httpx.AsyncClient, user: str
) -> None:
    async def etag() -> str:
        value: str = (await client.get("/api/tasks")).headers["ETag"]
        return value

    seen = [await etag()]
    made = await created(client)
    address = made.headers["Location"]
    seen.append(await etag())
    for name in CHANGES:
        await change(client, name, address, "*")
        seen.append(await etag())
    await client.delete("/api/me", params={"confirm": user})
    assert await etag() == seen[0]
    await created(client)
    seen.append(await etag())
    # Replacing a title and patching it to the same value are one change.
    assert seen[2] == seen[3]
    assert len(set(seen)) == len(seen) - 1
    assert all(each.startswith('W/"') for each in seen)


@pytest.mark.parametrize("query", ["", "?status=pending", "?limit=1", "?q=x&sort=-due_at"])
async def test_an_unchanged_list_is_not_sent_again(client: httpx.AsyncClient, query: str) -> None:
    for _ in range(2):
        for _ in range(2):
            await created(client)
        listed = await client.get(f"/api/tasks{query}")
        headers = {"If-None-Match": listed.headers["ETag"]}
        known = await client.get(f"/api/tasks{query}", headers=headers)
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["ETag"] == listed.headers["ETag"]
    await created(client)
    changed = await client.get(f"/api/tasks{query}", headers=headers)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != listed.headers["ETag"]


async def test_an_empty_list_is_not_sent_again_either(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        etag = (await client.get("/api/tasks")).headers["ETag"]
        known = await client.get("/api/tasks", headers={"If-None-Match": etag})
        assert known.status_code == 304
        await client.delete((await created(client)).headers["Location"])


async def test_the_list_of_another_life_of_the_account_is_another(
    client: httpx.AsyncClient,
    user: str,
) -> None:
    await created(client)
    etag = (await client.get("/api/tasks")).headers["ETag"]
    await client.delete("/api/me", params={"confirm": user})
    await created(client)
    assert (await client.get("/api/tasks", headers={"If-None-Match": etag})).status_code == 200


async def test_head_is_conditional_too(client: httpx.AsyncClient) -> None:
    made = await created(client)
    headers = {"If-None-Match": made.headers["ETag"]}
    assert (await client.head(made.headers["Location"], headers=headers)).status_code == 304
