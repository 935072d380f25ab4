// What every client does, whichever generator made it. A step prints its name when it has passed.

import assert from "node:assert/strict";

export interface Task {
  id: string;
  title: string;
  description: string | null;
  due_on?: string | null;
  labels: string[];
  priority: string;
  extra: Record<string, unknown>;
  completed: boolean;
  revision: number;
}
export interface Problem {
  status: number;
  code: string;
  task?: Task;
  errors?: { pointer?: string; parameter?: string; header?: string; detail: string }[];
}
export interface Input {
  title: string;
  id?: string;
  description?: string;
  due_on?: string;
  labels?: string[];
  priority?: "none" | "low" | "medium" | "high";
  extra?: Record<string, unknown>;
}
export interface Patch {
  title?: string;
  description?: string | null;
  extra?: Record<string, unknown>;
  completed?: boolean;
}
export type Operation =
  | { op: "create"; task: { title: string } }
  | { op: "update"; id: string; patch: Patch; revision?: number }
  | { op: "delete"; id: string; revision?: number }
  | { op: "restore"; id: string };
export interface Page {
  items: Task[];
  next_cursor: string | null;
}
export interface Result {
  op: string;
  status: number;
  task?: Task | null;
  problem?: Problem;
}

/** A problem is thrown. */
export interface Client {
  create(input: Input): Promise<Task>;
  read(id: string): Promise<Task>;
  patch(id: string, patch: Patch, ifMatch?: string): Promise<Task>;
  complete(id: string): Promise<Task>;
  list(limit: number, cursor: string | null, label: string[]): Promise<Page>;
  batch(operations: Operation[], mode: "all" | "each"): Promise<Result[]>;
  remove(id: string, key: string): Promise<unknown>;
  restore(id: string): Promise<Task>;
}
export class Rejection extends Error {
  constructor(public problem: Problem) {
    super(problem.code);
  }
}

async function rejected(request: Promise<unknown>, status: number, code: string): Promise<Problem> {
  try {
    await request;
  } catch (error) {
    assert(error instanceof Rejection, `${error}`);
    assert.deepEqual([error.problem.status, error.problem.code], [status, code]);
    return error.problem;
  }
  throw new assert.AssertionError({ message: `there is no ${status}` });
}

async function titles(client: Client, label: string[] = []): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await client.list(2, cursor, label);
    assert(page.items.length <= 2);
    found.push(...page.items.map((task) => task.title));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

export async function story(connect: (token: string) => Client): Promise<void> {
  const client = connect(process.env["TOKEN"]!);

  const input: Input = {
    id: "0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11",
    title: "one",
    description: "text",
    due_on: "2026-12-01",
    labels: ["errand", "town"],
    priority: "high",
    extra: { color: "green" },
  };
  const task = await client.create(input);
  assert.deepEqual([task.id, task.title, task.description], [input.id, "one", "text"]);
  assert.deepEqual([task.due_on, task.labels], [input.due_on, input.labels]);
  assert.deepEqual([task.priority, task.extra, task.completed], ["high", input.extra, false]);
  console.log("create");

  assert.deepEqual(await client.create(input), task);
  const { task: existing } = await rejected(
    client.create({ id: task.id, title: "another" }), 409, "task_exists",
  );
  assert.equal(existing?.title, "one");
  console.log("repeat");

  assert.deepEqual(await client.read(task.id), task);
  console.log("read");

  const renamed = await client.patch(task.id, { title: "two" }, `"${task.revision}"`);
  assert.deepEqual([renamed.title, renamed.description], ["two", "text"]);
  console.log("patch without");

  const cleared = await client.patch(task.id, { description: null, extra: { color: null } });
  assert.deepEqual([cleared.title, cleared.description, cleared.extra], ["two", null, {}]);
  console.log("patch to null");

  const late = client.patch(task.id, { title: "late" }, `"${task.revision}"`);
  const { task: current } = await rejected(late, 412, "precondition_failed");
  assert.equal(current?.title, "two");
  console.log("412");

  const { errors } = await rejected(client.create({ title: " " }), 422, "invalid_request");
  assert.equal(errors?.[0]?.pointer, "/title");
  assert.equal(errors[0].detail, "is blank");
  console.log("422");

  await rejected(connect("none").read(task.id), 401, "invalid_token");
  console.log("401");

  await rejected(client.read("00000000-0000-4000-8000-000000000000"), 404, "task_not_found");
  console.log("404");

  const other = await client.create({ title: "other" });
  const update: Operation = {
    op: "update",
    id: task.id,
    patch: { description: "new" },
    revision: cleared.revision,
  };
  const results = await client.batch(
    [{ op: "create", task: { title: "three" } }, update, { op: "delete", id: other.id }],
    "all",
  );
  assert.deepEqual(
    results.map(({ op, task }) => [op, task && [task.title, task.description]]),
    [
      ["create", ["three", null]],
      ["update", ["two", "new"]],
      ["delete", null],
    ],
  );
  console.log("batch");

  const [restored, failed] = await client.batch([{ op: "restore", id: other.id }, update], "each");
  assert.deepEqual([restored?.status, restored?.task?.title], [200, "other"]);
  assert.deepEqual([failed?.status, failed?.problem?.code], [412, "precondition_failed"]);
  assert.equal(failed?.problem?.task?.description, "new");
  console.log("each");

  assert((await client.complete(task.id)).completed);
  console.log("complete");

  const gone = await client.create({ title: "gone" });
  await client.remove(gone.id, "a key");
  await client.remove(gone.id, "a key");
  await rejected(client.read(gone.id), 404, "task_not_found");
  console.log("delete");

  assert.equal((await client.restore(gone.id)).title, "gone");
  console.log("restore");

  assert.deepEqual(await titles(client, ["errand", "town"]), ["two"]);
  console.log("labels");

  await client.create({ title: "four" });
  assert.deepEqual(await titles(client), ["four", "gone", "three", "other", "two"]);
  console.log("pages");
}
