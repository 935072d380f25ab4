import { createClient } from "./generated/hey-api/client/index.js";
import * as api from "./generated/hey-api/index.js";
import { zProblem, zTask } from "./generated/hey-api/zod.gen.js";
import { Rejection, story, type Client, type Problem } from "./story.js";

async function or<T>(request: Promise<{ data?: T; error?: Problem }>): Promise<T> {
  const { data, error } = await request;
  if (!error) return data!;
  zProblem.parse(error);
  throw new Rejection(error);
}

await story((token): Client => {
  const client = createClient({ baseUrl: process.env["BASE_URL"]!, auth: () => token });
  return {
    create: (body) => or(api.createTask({ client, body })),
    read: async (id) => {
      const task = await or(api.getTask({ client, path: { id } }));
      zTask.parse(task);
      return task;
    },
    patch: (id, body, ifMatch) =>
      or(api.updateTask({ client, path: { id }, body, headers: ifMatch ? { "If-Match": ifMatch } : {} })),
    complete: (id) => or(api.completeTask({ client, path: { id } })),
    remove: (id, key) =>
      or(api.deleteTask({ client, path: { id }, headers: { "Idempotency-Key": key } })),
    restore: (id) => or(api.restoreTask({ client, path: { id } })),
    list: (limit, cursor, label) =>
      or(api.listTasks({ client, query: { limit, label, ...(cursor && { cursor }) } })),
    batch: async (operations, mode) =>
      (await or(api.batchTasks({ client, body: { operations, mode } }))).results,
  };
});
