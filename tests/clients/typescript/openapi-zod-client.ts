import { isAxiosError } from "axios";
import { createApiClient, schemas } from "./generated/openapi-zod-client/api.js";
import { Rejection, story, type Client } from "./story.js";

async function or<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!isAxiosError(error)) throw error;
    throw new Rejection(schemas.Problem.parse(error.response?.data));
  }
}

await story((token): Client => {
  // Requests are not validated here: the server rejects more, and explains it.
  const api = createApiClient(process.env["BASE_URL"]!, {
    validate: "response",
    axiosConfig: {
      headers: { Authorization: `Bearer ${token}` },
      paramsSerializer: { indexes: null }, // `label=a&label=b`, not `label[]=a&label[]=b`
    },
  });
  return {
    create: (input) => or(api.createTask(input)),
    read: (id) => or(api.getTask({ params: { id } })),
    patch: (id, patch, ifMatch) =>
      or(api.updateTask(patch, { params: { id }, headers: ifMatch ? { "If-Match": ifMatch } : {} })),
    complete: (id) => or(api.completeTask(undefined, { params: { id } })),
    remove: (id, key) =>
      or(api.deleteTask(undefined, { params: { id }, headers: { "Idempotency-Key": key } })),
    restore: (id) => or(api.restoreTask(undefined, { params: { id } })),
    list: (limit, cursor, label) =>
      or(api.listTasks({ queries: { limit, label, ...(cursor && { cursor }) } })),
    batch: async (operations, mode) => (await or(api.batchTasks({ operations, mode }))).results,
  };
});
