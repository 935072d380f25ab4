import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-typescript/schema.d.ts";
import { Rejection, story, type Client, type Problem } from "./story.js";

async function or<T>(request: Promise<{ data?: T; error?: Problem }>): Promise<T> {
  const { data, error } = await request;
  if (error) throw new Rejection(error);
  return data!;
}

await story((token): Client => {
  const api = createClient<paths>({
    baseUrl: process.env["BASE_URL"]!,
    headers: { Authorization: `Bearer ${token}` },
  });
  return {
    create: (body) => or(api.POST("/api/tasks", { body })),
    read: (id) => or(api.GET("/api/tasks/{id}", { params: { path: { id } } })),
    patch: (id, body, ifMatch) => {
      const header = ifMatch ? { "If-Match": ifMatch } : {};
      return or(api.PATCH("/api/tasks/{id}", { params: { path: { id }, header }, body }));
    },
    complete: (id) => or(api.PATCH("/api/tasks/{id}/complete", { params: { path: { id } } })),
    remove: (id, key) => {
      const header = { "Idempotency-Key": key };
      return or(api.DELETE("/api/tasks/{id}", { params: { path: { id }, header } }));
    },
    restore: (id) => or(api.POST("/api/tasks/{id}/restore", { params: { path: { id } } })),
    list: (limit, cursor, label) =>
      or(api.GET("/api/tasks", { params: { query: { limit, label, ...(cursor && { cursor }) } } })),
    batch: async (operations, mode) =>
      (await or(api.POST("/api/tasks/batch", { body: { operations, mode } }))).results,
  };
});
