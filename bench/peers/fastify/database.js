// The service's tables, one connection, and a queue of writes that share commits.

import { readFileSync, readdirSync } from "node:fs";
import Database from "better-sqlite3";
import { v7 as uuidv7 } from "uuid";

const WINDOW_MS = 3 * 60 * 60 * 1000;

const MIGRATIONS = new URL("../../../migrations/sqlite/", import.meta.url);

export function open(path) {
  const db = new Database(path);
  // The settings of the service.
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  if (db.prepare("SELECT count(*) AS n FROM sqlite_master").get().n === 0) {
    for (const name of readdirSync(MIGRATIONS).sort()) {
      db.exec(readFileSync(new URL(`${name}/up.sql`, MIGRATIONS), "utf8"));
    }
  }
  const statements = prepare(db);
  const enqueue = groupCommit(db, statements);
  return {
    createService: (id, name) => statements.service.run(id, name, name.toLowerCase()),
    find: (id) => statements.find.get(id),
    page: (fromMs, limit) => statements.page.all(fromMs, limit),
    create: (body, datetimeMs) => enqueue(() => create(statements, body, datetimeMs)),
    replace: (id, body, datetimeMs) => enqueue(() => replace(statements, id, body, datetimeMs)),
  };
}

/** Queues writes. Those of one iteration of the event loop share a transaction. */
function groupCommit(db, { begin, commit, rollback }) {
  let waiting = [];
  return (write) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ write, resolve, reject });
    });

  function flush() {
    const batch = waiting;
    waiting = [];
    try {
      begin.run();
      const results = batch.map(({ write }) => write());
      commit.run();
      batch.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      if (db.inTransaction) rollback.run();
      batch.forEach(({ reject }) => reject(error));
    }
  }
}

function create(statements, body, datetimeMs) {
  const conflict = findConflict(statements, datetimeMs, "");
  if (conflict) return { conflict };
  const now = Date.now();
  const services = body.services.map(({ id }) => Number(id));
  const order = {
    id: body.id ?? uuidv7(),
    datetime_ms: datetimeMs,
    total_fee: Math.round(body.totalfee * 100),
    services: JSON.stringify(services),
    version: 1,
    created_at_ms: now,
    updated_at_ms: now,
  };
  const { last_sequence: number } = statements.number.get();
  statements.insert.run({ ...order, grp: number });
  insertPlace(statements, order, number, services);
  statements.event.run({ ...order, sequence: number, kind: "created", grp: number });
  return { order };
}

function replace(statements, id, body, datetimeMs) {
  const old = statements.find.get(id);
  if (!old) return {};
  const conflict = findConflict(statements, datetimeMs, id);
  if (conflict) return { conflict };
  const services = body.services.map(({ id }) => Number(id));
  const order = {
    ...old,
    datetime_ms: datetimeMs,
    total_fee: Math.round(body.totalfee * 100),
    services: JSON.stringify(services),
    version: old.version + 1,
    updated_at_ms: Date.now(),
  };
  statements.removeSlot.run(old.datetime_ms, id);
  for (const service of JSON.parse(old.services)) {
    statements.removeUse.run(service, old.datetime_ms, id);
  }
  statements.update.run(order);
  insertPlace(statements, order, old.grp, services);
  const { last_sequence: sequence } = statements.number.get();
  statements.event.run({ ...order, sequence, kind: "updated" });
  return { order };
}

function insertPlace(statements, order, grp, services) {
  const { id, datetime_ms: datetimeMs, created_at_ms: createdMs } = order;
  for (const service of services) statements.use.run(service, datetimeMs, id, createdMs);
  statements.slot.run(datetimeMs, datetimeMs + WINDOW_MS, grp, id);
}

function findConflict(statements, datetimeMs, ownId) {
  return statements.conflict.get(datetimeMs - WINDOW_MS, datetimeMs + WINDOW_MS, ownId);
}

function prepare(db) {
  const columns =
    "id, datetime_ms, total_fee, services, version, grp, created_at_ms, updated_at_ms";
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    rollback: db.prepare("ROLLBACK"),
    service: db.prepare("INSERT INTO services (id, name, name_key) VALUES (?, ?, ?)"),
    find: db.prepare(`SELECT ${columns} FROM orders WHERE id = ?`),
    page: db.prepare(`SELECT ${columns} FROM orders WHERE datetime_ms >= ? ORDER BY datetime_ms, id LIMIT ?`),
    conflict: db.prepare(
      `SELECT order_id, start_ms FROM order_slots
       WHERE scope = 0 AND start_ms > ? AND start_ms < ? AND order_id <> ? LIMIT 1`,
    ),
    number: db.prepare(
      "UPDATE counters SET last_sequence = last_sequence + 1 RETURNING last_sequence",
    ),
    insert: db.prepare(
      `INSERT INTO orders (${columns}) VALUES
       (@id, @datetime_ms, @total_fee, @services, @version, @grp, @created_at_ms, @updated_at_ms)`,
    ),
    update: db.prepare(
      `UPDATE orders SET datetime_ms = @datetime_ms, total_fee = @total_fee, services = @services,
       version = @version, updated_at_ms = @updated_at_ms WHERE id = @id`,
    ),
    use: db.prepare(
      `INSERT INTO order_services (service_id, datetime_ms, order_id, created_at_ms)
       VALUES (?, ?, ?, ?)`,
    ),
    removeUse: db.prepare(
      "DELETE FROM order_services WHERE service_id = ? AND datetime_ms = ? AND order_id = ?",
    ),
    slot: db.prepare(
      "INSERT INTO order_slots (scope, start_ms, end_ms, grp, order_id) VALUES (0, ?, ?, ?, ?)",
    ),
    removeSlot: db.prepare(
      "DELETE FROM order_slots WHERE scope = 0 AND start_ms = ? AND order_id = ?",
    ),
    event: db.prepare(
      `INSERT INTO events (sequence, order_id, version, kind, time_ms, actor, datetime_ms,
       total_fee, services, grp, created_at_ms) VALUES
       (@sequence, @id, @version, @kind, @updated_at_ms, 'anonymous', @datetime_ms, @total_fee,
        @services, @grp, @created_at_ms)`,
    ),
  };
}
