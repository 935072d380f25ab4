// What every client does, whichever generator made it. A step prints its name when it has passed.

import assert from "node:assert/strict";

export interface Task {
  id: string;
  title: string;
  description: string | null;
  completed: boolean;
  revision: number;
}
export interface Problem {
  status: number;
  code: string;
  errors?: { pointer?: string; parameter?: string; header?: string; detail: string }[];
}
export interface Patch {
  title?: string;
  description?: string | null;
  completed?: boolean;
}
export type Operation =
  | { op: "create"; task: { title: string } }
  | { op: "update"; id: string; patch: Patch; revision?: number }
  | { op: "delete"; id: string; revision?: number };
export interface Page {
  items: Task[];
  next_cursor: string | null;
}
export type Result = { op: string; task: Task | null };

/** A problem is thrown. */
export interface Client {
  create(title: string, description?: string): Promise<Task>;
  read(id: string): Promise<Task>;
  patch(id: string, patch: Patch, ifMatch?: string): Promise<Task>;
  complete(id: string): Promise<Task>;
  list(limit: number, cursor: string | null): Promise<Page>;
  batch(operations: Operation[]): Promise<Result[]>;
  remove(id: string): Promise<unknown>;
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

async function titles(client: Client): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await client.list(2, cursor);
    assert(page.items.length <= 2);
    found.push(...page.items.map((task) => task.title));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

export async function story(connect: (token: string) => Client): Promise<void> {
  const client = connect(process.env["TOKEN"]!);

  const task = await client.create("one", "text");
  assert.deepEqual([task.title, task.description, task.completed], ["one", "text", false]);
  console.log("create");

  assert.deepEqual(await client.read(task.id), task);
  console.log("read");

  const renamed = await client.patch(task.id, { title: "two" }, `"${task.revision}"`);
  assert.deepEqual([renamed.title, renamed.description], ["two", "text"]);
  console.log("patch without");

  const cleared = await client.patch(task.id, { description: null });
  assert.deepEqual([cleared.title, cleared.description], ["two", null]);
  console.log("patch to null");

  const late = client.patch(task.id, { title: "late" }, `"${task.revision}"`);
  await rejected(late, 412, "precondition_failed");
  console.log("412");

  const { errors } = await rejected(client.create(" "), 422, "invalid_request");
  assert.equal(errors?.[0]?.pointer, "/title");
  assert.equal(errors[0].detail, "is blank");
  console.log("422");

  await rejected(connect("none").read(task.id), 401, "invalid_token");
  console.log("401");

  await rejected(client.read("00000000-0000-4000-8000-000000000000"), 404, "task_not_found");
  console.log("404");

  const other = await client.create("other");
  const results = await client.batch([
    { op: "create", task: { title: "three" } },
    { op: "update", id: task.id, patch: { description: "new" }, revision: cleared.revision },
    { op: "delete", id: other.id },
  ]);
  assert.deepEqual(
    results.map(({ op, task }) => [op, task && [task.title, task.description]]),
    [
      ["create", ["three", null]],
      ["update", ["two", "new"]],
      ["delete", null],
    ],
  );
  console.log("batch");

  assert((await client.complete(task.id)).completed);
  console.log("complete");

  const gone = await client.create("gone");
  await client.remove(gone.id);
  await rejected(client.read(gone.id), 404, "task_not_found");
  console.log("delete");

  await client.create("four");
  assert.deepEqual(await titles(client), ["four", "three", "two"]);
  console.log("pages");
}
