// What a front end does with a typed client: create, page, change, conflict, retry, synchronise.

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
    titles.push(...data.items.map((task) => task.title));
    cursor = data.next_cursor;
  } while (cursor);
  return titles;
}

async function change(task: Task, title: string): Promise<Task | "conflict"> {
  const { data, error } = await client.PATCH("/api/tasks/{id}", {
    params: { path: { id: task.id }, header: { "If-Match": `"${task.revision}"` } },
    body: { title },
  });
  if (error?.code === "precondition_failed") return "conflict";
  assert(data);
  return data;
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

const titles = ["one", "two", "three"];
const tasks: Task[] = [];
for (const title of titles) tasks.push(await create(title));
assert.deepEqual(await page(), titles);

const [first, second, third] = tasks as [Task, Task, Task];
const changed = await change(first, "changed");
assert(changed !== "conflict");
assert.equal(changed.title, "changed");
assert.equal(await change(first, "too late"), "conflict");

const once = await createOnce("a-key");
assert.deepEqual(await createOnce("a-key"), { id: once.id, replayed: true });

const copy = new Map<string, Task>();
const token = await synchronise(copy);
assert.deepEqual(copy.get(first.id), changed);

const path = { id: second.id };
const { response: deleted } = await client.DELETE("/api/tasks/{id}", { params: { path } });
assert.equal(deleted.status, 204);
const { error } = await client.GET("/api/tasks/{id}", { params: { path } });
assert.equal(error?.code, "task_not_found");
const { data: batch } = await client.POST("/api/tasks/batch", {
  body: {
    operations: [
      { op: "update", id: third.id, patch: { completed: true } },
      { op: "create", task: { title: "four", due_at: "2030-01-01T00:00:00Z" } },
    ],
  },
});
assert.deepEqual(
  batch?.results.map((result) => result.op),
  ["update", "create"],
);
await synchronise(copy, token);
const { data: listed } = await client.GET("/api/tasks");
assert.deepEqual([...copy.keys()].sort(), listed?.items.map((task) => task.id).sort());
const { data: me } = await client.GET("/api/me");
assert.equal(me?.task_count, copy.size);
console.log(`in step with ${copy.size} tasks`);
