// Orders in requests and responses.

import { randomUUID } from "node:crypto";

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export class InvalidOrder extends Error {}

export function readOrder(body) {
  const { id = randomUUID(), datetime, totalfee, services } = body ?? {};
  if (typeof datetime !== "string" || !INSTANT.test(datetime)) {
    throw new InvalidOrder("datetime: no instant");
  }
  const at = new Date(datetime);
  if (Number.isNaN(at.getTime())) throw new InvalidOrder("datetime: does not exist");
  if (typeof totalfee !== "number" || totalfee < 0) throw new InvalidOrder("totalfee: no amount");
  if (!Array.isArray(services) || services.length === 0) {
    throw new InvalidOrder("services: none");
  }
  return { id, datetime: at, totalfee, services: services.map((service) => String(service.id)) };
}

export function showOrder(order, services) {
  return {
    id: order.id,
    datetime: order.datetime.toISOString(),
    totalfee: Number(order.totalfee),
    services: services.map((id) => ({ id })),
    version: order.version,
    created_at: order.createdAt.toISOString(),
    updated_at: order.updatedAt.toISOString(),
  };
}
