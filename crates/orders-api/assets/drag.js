// Moves orders by dragging or by the keyboard, and creates orders at free times. The views are in
// `hours.js` and `month.js`.
import { daysLater, freeFor, iso } from "./free.js";
import { hours } from "./hours.js";
import { month } from "./month.js";
import { move } from "./orders.js";

const QUARTER = 15 * 60000;
const ORDER = ".o[data-id], .chip[data-id]";

export function useDragging() {
  if (!("mayWrite" in document.body.dataset)) return;
  document.addEventListener("pointerdown", begin);
  document.addEventListener("click", create);
  document.addEventListener("keydown", nudge);
}

function viewOf(order) {
  return order.matches(".chip") ? month : hours;
}

function create(event) {
  const at = hours.freeAt(event);
  if (at !== undefined) location.href = `/console/new-order?at=${encodeURIComponent(iso(at))}`;
}

function begin(event) {
  const order = event.target.closest?.(ORDER);
  if (!order || event.button !== 0) return;
  const origin = { x: event.clientX, y: event.clientY };
  const view = viewOf(order);
  const grip = view.grip(order, event);
  let isDragged = false;
  let at;
  const over = (e) => {
    if (!isDragged && Math.hypot(e.clientX - origin.x, e.clientY - origin.y) < 5) return;
    if (!isDragged) {
      isDragged = true;
      document.body.classList.add("dragging");
      view.begin(order);
      showFree(view, order);
    }
    at = view.over(order, e, grip) ?? at;
  };
  const drop = (e) => {
    for (const [kind, heard] of listened) document.removeEventListener(kind, heard);
    document.body.classList.remove("dragging");
    if (!isDragged) return;
    view.end();
    // The click that ends a drag must not open the order.
    const swallow = (click) => { click.preventDefault(); click.stopPropagation(); };
    window.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => window.removeEventListener("click", swallow, { capture: true }), 50);
    if (e.type === "pointerup" && at !== undefined) dropAt(order, at);
  };
  const escape = (e) => { if (e.key === "Escape") drop(e); };
  const listened = [["pointermove", over], ["pointerup", drop], ["pointercancel", drop], ["keydown", escape]];
  for (const [kind, heard] of listened) document.addEventListener(kind, heard);
}

// The browser's own dragging of links would capture the pointer.
document.addEventListener("dragstart", (event) => { if (event.target.closest?.(ORDER)) event.preventDefault(); });

async function showFree(view, order) {
  try {
    const free = await freeFor(order.dataset.id, ...view.range());
    if (document.body.classList.contains("dragging")) view.showFree(order, free);
  } catch {
    // Without a response the shading stays, and the server validates the drop.
  }
}

function dropAt(order, at) {
  const from = Number(order.dataset.at);
  if (at === from) return;
  move(order.dataset.id, order.dataset.version, iso(at), iso(from));
}

/** Shift and an arrow key move the focused order. */
function nudge(event) {
  const order = event.target.closest?.(ORDER);
  if (!order || !event.shiftKey) return;
  const at = Number(order.dataset.at);
  const week = viewOf(order) === month;
  const moved = {
    ArrowUp: () => (week ? daysLater(at, -7) : at - QUARTER),
    ArrowDown: () => (week ? daysLater(at, 7) : at + QUARTER),
    ArrowLeft: () => daysLater(at, -1),
    ArrowRight: () => daysLater(at, 1),
  }[event.key];
  if (!moved) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  dropAt(order, moved());
}
