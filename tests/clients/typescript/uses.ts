// Uses of the types that compile. The test turns each into a mistake.

import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

const client = createClient<paths>({ baseUrl: "/" });

const { data: task, error } = await client.POST("/api/tasks", { body: { title: "one" } });
if (error?.code === "task_quota_reached") throw new Error(error.detail);
console.log(task?.title.trim());

const query = { sort: "created_at" } as const;
const { data: page } = await client.GET("/api/tasks", { params: { query } });
console.log(page?.items.map((each) => each.revision));
