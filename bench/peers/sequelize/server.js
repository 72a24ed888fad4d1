// The peer on PostgreSQL as such services are usually written: Express and Sequelize, a check, then an
// insert. It double-books, which the benchmark counts. Supports only the measured requests.

import { parseArgs } from "node:util";
import express from "express";
import { Op } from "sequelize";
import { connect } from "./models.js";
import { InvalidOrder, readOrder, showOrder } from "./orders.js";

const WINDOW_MS = 3 * 60 * 60 * 1000;

const { values: options } = parseArgs({
  allowPositionals: true,
  options: {
    bind: { type: "string" },
    "database-url": { type: "string" },
    "drain-delay": { type: "string" },
  },
});

const { sequelize, Service, Order } = await connect(options["database-url"]);
const app = express();
app.use(express.json());

app.post("/services", async (request, response) => {
  const service = await Service.create(request.body);
  response.status(201).json({ id: Number(service.id), name: service.name });
});

app.post("/orders", async (request, response) => {
  const { services, ...fields } = readOrder(request.body);
  const conflict = await findConflict(fields.datetime, null);
  if (conflict) return refuse(response, conflict, fields.datetime);
  const order = await sequelize.transaction(async (transaction) => {
    const order = await Order.create({ ...fields, version: 1 }, { transaction });
    await order.setServices(services, { transaction });
    return order;
  });
  response
    .status(201)
    .location(`/orders/${order.id}`)
    .set("ETag", `"${order.version}"`)
    .json(showOrder(order, services));
});

app.get("/orders", async (request, response) => {
  const orders = await Order.findAll({
    include: Service,
    order: [["datetime", "ASC"], ["id", "ASC"]],
    limit: Number(request.query.limit ?? 100),
  });
  const data = orders.map((order) => showOrder(order, idsOf(order)));
  response.json({ data, next_cursor: data.at(-1)?.id ?? null });
});

app.get("/orders/:id", async (request, response) => {
  const order = await Order.findByPk(request.params.id, { include: Service });
  if (!order) return response.status(404).end();
  response.set("ETag", `"${order.version}"`).json(showOrder(order, idsOf(order)));
});

app.put("/orders/:id", async (request, response) => {
  const { id: _, services, ...fields } = readOrder(request.body);
  const order = await Order.findByPk(request.params.id);
  if (!order) return response.status(404).end();
  const conflict = await findConflict(fields.datetime, order.id);
  if (conflict) return refuse(response, conflict, fields.datetime);
  await sequelize.transaction(async (transaction) => {
    await order.update({ ...fields, version: order.version + 1 }, { transaction });
    await order.setServices(services, { transaction });
  });
  response.set("ETag", `"${order.version}"`).json(showOrder(order, services));
});

app.use((error, request, response, next) => {
  if (error instanceof InvalidOrder) return response.status(422).json({ detail: error.message });
  console.error(error);
  response.status(500).end();
});

const [host, port] = options.bind.split(":");
const server = app.listen(Number(port), host, () => {
  console.error(`listening on http://${host}:${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));

function findConflict(datetime, ownId) {
  const at = datetime.getTime();
  const where = {
    datetime: { [Op.gt]: new Date(at - WINDOW_MS), [Op.lt]: new Date(at + WINDOW_MS) },
  };
  if (ownId) where.id = { [Op.ne]: ownId };
  return Order.findOne({ where });
}

function refuse(response, conflict, datetime) {
  response.status(409).type("application/problem+json").json({
    type: "/problems/order-conflict",
    title: "Too close to another order",
    status: 409,
    conflicts: [
      {
        order_id: conflict.id,
        datetime: conflict.datetime.toISOString(),
        gap_ms: conflict.datetime - datetime,
      },
    ],
  });
}

function idsOf(order) {
  return order.Services.map((service) => service.id);
}
