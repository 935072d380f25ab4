import { Api, type HttpResponse } from "./generated/swagger-typescript-api/api.js";
import { Rejection, story, type Client, type Problem } from "./story.js";

async function or<T>(request: Promise<HttpResponse<T, Problem | void>>): Promise<T> {
  try {
    return (await request).data;
  } catch (response) {
    throw new Rejection((response as HttpResponse<T, Problem>).error);
  }
}

await story((token): Client => {
  const { api } = new Api({
    baseUrl: process.env["BASE_URL"]!,
    baseApiParams: { headers: { Authorization: `Bearer ${token}` }, format: "json" },
  });
  return {
    create: (input) => or(api.createTask(input)),
    read: (id) => or(api.getTask(id)),
    patch: (id, patch, ifMatch) =>
      or(api.updateTask(id, patch, ifMatch ? { headers: { "If-Match": ifMatch } } : {})),
    complete: (id) => or(api.completeTask(id, {})),
    remove: (id, key) =>
      or(api.deleteTask(id, { format: undefined, headers: { "Idempotency-Key": key } })),
    restore: (id) => or(api.restoreTask(id)),
    list: (limit, cursor, label) => or(api.listTasks({ limit, label, ...(cursor && { cursor }) })),
    batch: async (operations, mode) => (await or(api.batchTasks({ operations, mode }))).results,
  };
});
