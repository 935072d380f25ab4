// Fastify 5 with node-postgres and fast-jwt.
//
// After "Getting Started", "Validation and Serialization" and "Logging" (fastify.dev/docs), "Pooling"
// and "Queries" (node-postgres.com), which advises against naming statements like these, and the
// README of fast-jwt, whose cache is on.

import Fastify from "fastify";
import { createVerifier } from "fast-jwt";
import { randomUUID } from "node:crypto";
import pg from "pg";

const { DATABASE_URL, POOL_SIZE, PORT, SECRET_KEY } = process.env;

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) });
const verify = createVerifier({ key: SECRET_KEY, algorithms: ["HS256"], cache: true });
const fastify = Fastify({ logger: true });

const instant = { type: "string", format: "date-time" };
const instantOrNull = { type: ["string", "null"], format: "date-time" };
const stringOrNull = { type: ["string", "null"] };

const task = {
  type: "object",
  properties: {
    id: { type: "string" },
    user_id: { type: "string" },
    title: { type: "string" },
    description: stringOrNull,
    due_at: instantOrNull,
    completed: { type: "boolean" },
    completed_at: instantOrNull,
    created_at: instant,
    updated_at: instant,
    revision: { type: "integer" },
  },
};
const page = {
  type: "object",
  properties: { items: { type: "array", items: task }, next_cursor: stringOrNull },
};
const query = {
  type: "object",
  properties: {
    limit: { type: "integer", minimum: 1, maximum: 100, default: 50 },
    cursor: { type: "string" },
  },
};
const params = { type: "object", properties: { id: { type: "string", format: "uuid" } } };
const newTask = {
  type: "object",
  required: ["title"],
  properties: {
    title: { type: "string", minLength: 1, maxLength: 200 },
    description: { type: ["string", "null"], maxLength: 10000 },
    due_at: instantOrNull,
  },
};
const completion = {
  type: "object",
  required: ["completed"],
  properties: { completed: { type: "boolean" } },
};

fastify.decorateRequest("user", null);

fastify.addHook("onRequest", async (request, reply) => {
  const [, token] = (request.headers.authorization ?? "").split("Bearer ");
  try {
    request.user = verify(token).sub;
  } catch {
    return reply.code(401).send({ message: "Unauthorized" });
  }
});

fastify.get("/api/tasks", {
  schema: { querystring: query, response: { 200: page } },
  handler: async (request, reply) => {
    const { limit, cursor } = request.query;
    const after = cursor === undefined ? null : decodeCursor(cursor);
    if (after === undefined) return reply.code(400).send({ message: "Not a cursor" });
    const { rows } = after === null
      ? await pool.query(
        "SELECT * FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        [request.user, limit + 1],
      )
      : await pool.query(
        "SELECT * FROM tasks WHERE user_id = $1 AND (created_at, id) < ($2, $3) " +
          "ORDER BY created_at DESC, id DESC LIMIT $4",
        [request.user, after.created_at, after.id, limit + 1],
      );
    const items = rows.slice(0, limit);
    return { items, next_cursor: rows.length > limit ? encodeCursor(items.at(-1)) : null };
  },
});

fastify.post("/api/tasks", {
  schema: { body: newTask, response: { 201: task } },
  handler: async (request, reply) => {
    const { title, description, due_at } = request.body;
    const { rows } = await pool.query(
      "INSERT INTO tasks (user_id, id, title, description, due_at, created_at, updated_at, revision) " +
        "VALUES ($1, $2, $3, $4, $5, $6, $6, 1) RETURNING *",
      [request.user, randomUUID(), title, description, due_at, new Date()],
    );
    return reply.code(201).send(rows[0]);
  },
});

fastify.get("/api/tasks/:id", {
  schema: { params, response: { 200: task } },
  handler: async (request, reply) => {
    const { rows } = await pool.query(
      "SELECT * FROM tasks WHERE user_id = $1 AND id = $2",
      [request.user, request.params.id],
    );
    return rows[0] ?? notFound(reply);
  },
});

fastify.patch("/api/tasks/:id/complete", {
  schema: { params, body: completion, response: { 200: task } },
  handler: async (request, reply) => {
    const { completed } = request.body;
    const now = new Date();
    const { rows } = await pool.query(
      "UPDATE tasks SET completed = $1, completed_at = $2, updated_at = $3, " +
        "revision = revision + 1 WHERE user_id = $4 AND id = $5 RETURNING *",
      [completed, completed ? now : null, now, request.user, request.params.id],
    );
    return rows[0] ?? notFound(reply);
  },
});

function notFound(reply) {
  return reply.code(404).send({ message: "Task not found" });
}

// A Date has milliseconds, and so has what this server stores; nothing is lost in between.
function encodeCursor({ created_at, id }) {
  return Buffer.from(`${created_at.toISOString()} ${id}`).toString("base64url");
}

function decodeCursor(cursor) {
  const [created_at, id] = Buffer.from(cursor, "base64url").toString().split(" ");
  const valid = !Number.isNaN(Date.parse(created_at)) && /^[0-9a-f-]{36}$/.test(id);
  return valid ? { created_at, id } : undefined;
}

await fastify.listen({ host: "127.0.0.1", port: Number(PORT) });
