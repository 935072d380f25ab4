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
    create: (title, description) =>
      or(api.POST("/api/tasks", { body: { title, ...(description && { description }) } })),
    read: (id) => or(api.GET("/api/tasks/{id}", { params: { path: { id } } })),
    patch: (id, body, ifMatch) => {
      const header = ifMatch ? { "If-Match": ifMatch } : {};
      return or(api.PATCH("/api/tasks/{id}", { params: { path: { id }, header }, body }));
    },
    complete: (id) => or(api.PATCH("/api/tasks/{id}/complete", { params: { path: { id } } })),
    remove: (id) => or(api.DELETE("/api/tasks/{id}", { params: { path: { id } } })),
    list: (limit, cursor) =>
      or(api.GET("/api/tasks", { params: { query: { limit, ...(cursor && { cursor }) } } })),
    batch: async (operations) =>
      (await or(api.POST("/api/tasks/batch", { body: { operations } }))).results,
  };
});
