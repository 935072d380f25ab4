import * as api from "./generated/typescript-fetch/index.js";
import { Rejection, story, type Client } from "./story.js";

async function or<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof api.ResponseError)) throw error;
    throw new Rejection(api.ProblemFromJSON(await error.response.json()));
  }
}

await story((accessToken): Client => {
  const tasks = new api.TasksApi(
    new api.Configuration({ basePath: process.env["BASE_URL"]!, accessToken }),
  );
  return {
    create: (title, description) =>
      or(tasks.createTask({ taskInput: { title, ...(description && { description }) } })),
    read: (id) => or(tasks.getTask({ id })),
    patch: (id, taskPatch, ifMatch) =>
      or(tasks.updateTask({ id, taskPatch, ...(ifMatch && { ifMatch }) })),
    complete: (id) => or(tasks.completeTask({ id })),
    remove: (id) => or(tasks.deleteTask({ id })),
    list: async (limit, cursor) => {
      const page = await or(tasks.listTasks({ limit, ...(cursor && { cursor }) }));
      return { items: page.items, next_cursor: page.nextCursor };
    },
    batch: async (operations) =>
      (await or(tasks.batchTasks({ taskBatch: { operations } }))).results,
  };
});
