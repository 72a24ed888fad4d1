// Moving orders in the days by the hour: dragged, or by the keyboard; and new ones in free room.
import { move } from "./orders.js";

const QUARTER = 15 * 60000;
const SVG = "http://www.w3.org/2000/svg";

export function useDragging() {
  if (!("mayWrite" in document.body.dataset)) return;
  document.addEventListener("pointerdown", begin);
  document.addEventListener("click", create);
  document.addEventListener("keydown", nudge);
}

/** The time at a place of a column, to the quarter of an hour. */
function timeAt(column, y) {
  const box = column.getBoundingClientRect();
  const [start, end] = [Number(column.dataset.start), Number(column.dataset.end)];
  const at = start + ((y - box.top) / box.height) * (end - start);
  return Math.min(end - QUARTER, Math.max(start, start + Math.round((at - start) / QUARTER) * QUARTER));
}

function columnAt(x, y) {
  return document.elementsFromPoint(x, y).map((it) => it.closest?.(".column")).find(Boolean);
}

function create(event) {
  const column = event.target.closest?.(".column");
  if (!column || event.target.closest(".o")) return;
  const at = new Date(timeAt(column, event.clientY)).toISOString();
  location.href = `/console/new-order?at=${encodeURIComponent(at)}`;
}

function begin(event) {
  const order = event.target.closest?.(".o[data-id]");
  if (!order || event.button !== 0) return;
  const origin = { x: event.clientX, y: event.clientY };
  const grip = event.clientY - order.querySelector("rect").getBoundingClientRect().top;
  let ghost, at;
  const over = (e) => {
    if (!ghost && Math.hypot(e.clientX - origin.x, e.clientY - origin.y) < 5) return;
    const column = columnAt(e.clientX, e.clientY);
    document.body.classList.add("dragging");
    if (!ghost) {
      ghost = ghostOf();
      showFree(order.dataset.id);
    }
    if (!column) return;
    at = timeAt(column, e.clientY - grip);
    place(ghost, column, at);
  };
  const drop = (e) => {
    document.removeEventListener("pointermove", over);
    document.removeEventListener("pointerup", drop);
    document.removeEventListener("pointercancel", drop);
    document.removeEventListener("keydown", escape);
    document.body.classList.remove("dragging");
    if (!ghost) return;
    ghost.remove();
    hideFree();
    // The click that ends a drag is not one that opens the order.
    const swallow = (click) => { click.preventDefault(); click.stopPropagation(); };
    window.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => window.removeEventListener("click", swallow, { capture: true }), 50);
    if (e.type === "pointerup" && at !== undefined) drop_at(order, at);
  };
  const escape = (e) => { if (e.key === "Escape") drop(e); };
  document.addEventListener("pointermove", over);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);
  document.addEventListener("keydown", escape);
}

// The browser's own dragging of links would take the pointer away.
document.addEventListener("dragstart", (event) => { if (event.target.closest?.(".o")) event.preventDefault(); });

function ghostOf() {
  const ghost = document.createElementNS(SVG, "rect");
  ghost.setAttribute("class", "ghost");
  ghost.setAttribute("x", "1");
  ghost.setAttribute("width", "98%");
  ghost.setAttribute("height", "26");
  ghost.setAttribute("rx", "5");
  return ghost;
}

/** Shows where this order may go: what it blocks itself is free for it. */
async function showFree(id) {
  const columns = [...document.querySelectorAll(".column")];
  try {
    const order = await (await fetch(`/orders/${encodeURIComponent(id)}`)).json();
    const asked = new URLSearchParams({ from: iso(columns[0].dataset.start), to: iso(columns.at(-1).dataset.end), ignore: id, limit: 1000 });
    for (const service of order.services) asked.append("service", service.id);
    const free = await (await fetch(`/availability?${asked}`)).json();
    if (!document.body.classList.contains("dragging")) return;
    for (const column of columns) {
      for (const stretch of free.data) shadeFree(column, Date.parse(stretch.start), Date.parse(stretch.end));
    }
  } catch {
    // Without an answer the shading stays as it was, and the service judges what is dropped.
  }
}

function iso(millis) {
  return new Date(Number(millis)).toISOString();
}

function shadeFree(column, from, to) {
  const [start, end] = [Number(column.dataset.start), Number(column.dataset.end)];
  const [top, bottom] = [Math.max(from, start), Math.min(to, end)];
  if (top >= bottom) return;
  const free = document.createElementNS(SVG, "rect");
  free.setAttribute("class", "free");
  free.setAttribute("width", "100%");
  free.setAttribute("y", `${((top - start) / (end - start)) * 100}%`);
  free.setAttribute("height", `${((bottom - top) / (end - start)) * 100}%`);
  column.prepend(free);
}

function hideFree() {
  for (const free of document.querySelectorAll(".column .free")) free.remove();
}

function place(ghost, column, at) {
  const [start, end] = [Number(column.dataset.start), Number(column.dataset.end)];
  ghost.setAttribute("y", `${((at - start) / (end - start)) * 100}%`);
  if (ghost.parentNode !== column) column.append(ghost);
}

function drop_at(order, at) {
  const from = Number(order.dataset.at);
  if (at === from) return;
  move(order.dataset.id, order.dataset.version, new Date(at).toISOString(), new Date(from).toISOString());
}

/** With Shift and the arrows, the order that has the focus goes a quarter of an hour on or back, or a day. */
function nudge(event) {
  const order = event.target.closest?.(".o[data-id]");
  const step = { ArrowUp: -QUARTER, ArrowDown: QUARTER, ArrowLeft: -96 * QUARTER, ArrowRight: 96 * QUARTER }[event.key];
  if (!order || !step || !event.shiftKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  drop_at(order, Number(order.dataset.at) + step);
}
