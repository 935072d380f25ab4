// What a front end does with a typed client: one function for each thing, which asserts what it was
// answered.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Task = components["schemas"]["Task"];

const client = createClient<paths>({
  baseUrl: process.env["BASE_URL"]!,
  headers: { Authorization: `Bearer ${process.env["TOKEN"]}` },
});

async function create(title: string): Promise<Task> {
  const { data, response } = await client.POST("/api/tasks", { body: { title } });
  assert(data);
  assert.equal(data.title, title);
  assert.equal(response.headers.get("ETag"), `"${data.revision}"`);
  return data;
}

async function page(): Promise<string[]> {
  const titles: string[] = [];
  let cursor: string | null | undefined;
  do {
    const query = { limit: 2, sort: "created_at" as const, ...(cursor ? { cursor } : {}) };
    const { data } = await client.GET("/api/tasks", { params: { query } });
    assert(data);
    assert(data.items.length <= 2);
    titles.push(...data.items.map((task) => task.title));
    cursor = data.next_cursor;
  } while (cursor);
  return titles;
}

async function read(task: Task): Promise<void> {
  const { data } = await client.GET("/api/tasks/{id}", { params: { path: { id: task.id } } });
  assert.deepEqual(data, task);
}

async function replace(task: Task, title: string): Promise<Task> {
  const { data } = await client.PUT("/api/tasks/{id}", {
    params: { path: { id: task.id } },
    body: { title },
  });
  assert(data);
  assert.deepEqual([data.id, data.title, data.description], [task.id, title, null]);
  assert(data.revision > task.revision);
  return data;
}

async function change(task: Task, title: string): Promise<Task | "conflict"> {
  const { data, error } = await client.PATCH("/api/tasks/{id}", {
    params: { path: { id: task.id }, header: { "If-Match": `"${task.revision}"` } },
    body: { title },
  });
  if (error?.code === "precondition_failed") return "conflict";
  assert(data);
  assert.equal(data.title, title);
  return data;
}

async function complete(task: Task): Promise<void> {
  const { data } = await client.PATCH("/api/tasks/{id}/complete", {
    params: { path: { id: task.id } },
  });
  assert(data?.completed);
  assert.notEqual(data.completed_at, null);
}

async function remove(task: Task): Promise<void> {
  const params = { path: { id: task.id } };
  const { response } = await client.DELETE("/api/tasks/{id}", { params });
  assert.equal(response.status, 204);
  const { error } = await client.GET("/api/tasks/{id}", { params });
  assert.equal(error?.status, 404);
  assert.equal(error.code, "task_not_found");
}

async function createOnce(key: string): Promise<{ id: string; replayed: boolean }> {
  const { data, response } = await client.POST("/api/tasks", {
    params: { header: { "Idempotency-Key": key } },
    body: { title: "once" },
  });
  assert(data);
  return { id: data.id, replayed: response.headers.has("Idempotent-Replayed") };
}

async function synchronise(copy: Map<string, Task>, since?: string): Promise<string> {
  for (;;) {
    const query = { limit: 2, ...(since ? { since } : {}) };
    const { data } = await client.GET("/api/tasks/changes", { params: { query } });
    assert(data);
    for (const { id, task } of data.changes) {
      if (task) copy.set(id, task);
      else copy.delete(id);
    }
    since = data.next;
    if (!data.has_more) return since;
  }
}

async function batch(task: Task): Promise<void> {
  const { data } = await client.POST("/api/tasks/batch", {
    body: {
      operations: [
        { op: "update", id: task.id, patch: { description: null, completed: false } },
        { op: "create", task: { title: "four", due_at: "2030-01-01T00:00:00Z" } },
      ],
    },
  });
  assert.deepEqual(
    data?.results.map((result) => result.op),
    ["update", "create"],
  );
}

async function compare(copy: Map<string, Task>): Promise<void> {
  const { data: listed } = await client.GET("/api/tasks");
  assert.deepEqual(new Map(listed?.items.map((task) => [task.id, task])), copy);
  const { data: me } = await client.GET("/api/me");
  assert.equal(me?.task_count, copy.size);
}

const first = await create("one");
const second = await create("two");
const third = await create("three");
assert.deepEqual(await page(), ["one", "two", "three"]);
await read(first);

const replaced = await replace(first, "replaced");
const changed = await change(replaced, "changed");
assert(changed !== "conflict");
assert.equal(await change(replaced, "too late"), "conflict");

const once = await createOnce("a-key");
assert(!once.replayed);
assert.deepEqual(await createOnce("a-key"), { id: once.id, replayed: true });

const copy = new Map<string, Task>();
const token = await synchronise(copy);
assert.deepEqual(copy.get(first.id), changed);

await complete(third);
await remove(second);
await batch(third);
await synchronise(copy, token);
await compare(copy);
console.log(`in step with ${copy.size} tasks`);
