import * as api from "./generated/typescript-fetch/index.js";
import { Rejection, story, type Client, type Task } from "./story.js";

async function or<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof api.ResponseError)) throw error;
    throw new Rejection(api.ProblemFromJSON(await error.response.json()));
  }
}

/** A day is a `Date`: its beginning in the local time zone. */
async function withDay(request: Promise<api.Task>): Promise<Task> {
  const task = await or(request);
  return { ...task, due_on: task.dueOn && api.serializeDate(task.dueOn) };
}

await story((accessToken): Client => {
  const tasks = new api.TasksApi(
    new api.Configuration({ basePath: process.env["BASE_URL"]!, accessToken }),
  );
  return {
    create: ({ due_on, ...input }) => {
      const taskInput = { ...input, ...(due_on && { dueOn: api.parseDate(due_on) }) };
      return withDay(tasks.createTask({ taskInput }));
    },
    read: (id) => withDay(tasks.getTask({ id })),
    patch: (id, taskPatch, ifMatch) =>
      or(tasks.updateTask({ id, taskPatch, ...(ifMatch && { ifMatch }) })),
    complete: (id) => or(tasks.completeTask({ id })),
    remove: (id, idempotencyKey) => or(tasks.deleteTask({ id, idempotencyKey })),
    restore: (id) => or(tasks.restoreTask({ id })),
    list: async (limit, cursor, label) => {
      const page = await or(tasks.listTasks({ limit, label, ...(cursor && { cursor }) }));
      return { items: page.items, next_cursor: page.nextCursor };
    },
    batch: async (operations, mode) =>
      (await or(tasks.batchTasks({ taskBatch: { operations, mode } }))).results,
  };
});
