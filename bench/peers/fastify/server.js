// The peer on SQLite: Fastify and better-sqlite3, one process, group commit. Supports only the
// measured requests.

import { parseArgs } from "node:util";
import Fastify from "fastify";
import { open } from "./database.js";
import { orderAnswer, orderBody, pageAnswer, refusalAnswer, showOrder } from "./orders.js";

const { values: options } = parseArgs({
  allowPositionals: true,
  options: {
    bind: { type: "string" },
    "database-url": { type: "string" },
    "drain-delay": { type: "string" },
  },
});

const database = open(options["database-url"]);
const app = Fastify();

const refusal = { 409: refusalAnswer };
const read = { schema: { response: { 200: orderAnswer } } };
const created = { schema: { body: orderBody, response: { 201: orderAnswer, ...refusal } } };
const replaced = { schema: { body: orderBody, response: { 200: orderAnswer, ...refusal } } };
const page = { schema: { response: { 200: pageAnswer } } };

app.post("/services", async ({ body }, reply) => {
  database.createService(body.id, body.name);
  return reply.code(201).send(body);
});

app.post("/orders", created, async ({ body }, reply) => {
  const datetimeMs = readInstant(body.datetime);
  if (datetimeMs === null) return reply.code(422).send();
  const { order, conflict } = await database.create(body, datetimeMs);
  if (conflict) return refuse(reply, conflict, datetimeMs);
  return answer(reply.code(201).header("location", `/orders/${order.id}`), order);
});

app.get("/orders", page, async ({ query }) => {
  const fromMs = query.from ? readInstant(query.from) : Number.MIN_SAFE_INTEGER;
  const orders = database.page(fromMs, Number(query.limit ?? 100));
  return { data: orders.map(showOrder), next_cursor: orders.at(-1)?.id ?? null };
});

app.get("/orders/:id", read, async ({ params }, reply) => {
  const order = database.find(params.id);
  return order ? answer(reply, order) : reply.code(404).send();
});

app.put("/orders/:id", replaced, async ({ params, body }, reply) => {
  const datetimeMs = readInstant(body.datetime);
  if (datetimeMs === null) return reply.code(422).send();
  const { order, conflict } = await database.replace(params.id, body, datetimeMs);
  if (conflict) return refuse(reply, conflict, datetimeMs);
  return order ? answer(reply, order) : reply.code(404).send();
});

const [host, port] = options.bind.split(":");
await app.listen({ host, port: Number(port) });
console.error(`listening on http://${host}:${app.server.address().port}`);
process.on("SIGTERM", () => process.exit(0));

/** Epoch milliseconds, or null for a date that does not exist. */
function readInstant(datetime) {
  const ms = Date.parse(datetime);
  return Number.isNaN(ms) ? null : ms;
}

function answer(reply, order) {
  return reply.header("etag", `"${order.version}"`).send(showOrder(order));
}

function refuse(reply, conflict, askedMs) {
  return reply.code(409).type("application/problem+json").send({
    type: "/problems/order-conflict",
    title: "Too close to another order",
    status: 409,
    conflicts: [
      {
        order_id: conflict.order_id,
        datetime: new Date(conflict.start_ms).toISOString(),
        gap_ms: conflict.start_ms - askedMs,
      },
    ],
  });
}
