// Moves orders by dragging or by the keyboard, and creates orders at free times. The views are in
// `hours.js` and `month.js`.
import { daysLater, freeFor, iso } from "./free.js";
import { hours } from "./hours.js";
import { month } from "./month.js";
import { move } from "./orders.js";

const QUARTER = 15 * 60000;
const ORDER = ".o[data-id], .chip[data-id]";
/** How long a finger holds an order to lift it, in milliseconds, and how far it may slip, in pixels. */
const HOLD = 400;
const SLIP = 8;

export function useDragging() {
  if (!("mayWrite" in document.body.dataset)) return;
  document.addEventListener("pointerdown", begin);
  document.addEventListener("click", create);
  document.addEventListener("keydown", nudge);
  // While an order is lifted, the page does not scroll, and no menu opens.
  const isDragging = () => document.body.classList.contains("dragging");
  const still = (event) => { if (isDragging()) event.preventDefault(); };
  document.addEventListener("touchmove", still, { passive: false });
  document.addEventListener("contextmenu", still);
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
  if (event.pointerType === "touch") hold(order, event);
  else drag(order, event);
}

/** A finger lifts an order by a long press, so that a swipe scrolls. */
function hold(order, event) {
  const lift = setTimeout(() => { stop(); drag(order, event, true); }, HOLD);
  const stop = () => {
    clearTimeout(lift);
    for (const kind of ["pointermove", "pointerup", "pointercancel"]) document.removeEventListener(kind, slip);
  };
  const slip = (e) => { if (e.type !== "pointermove" || distance(e, event) > SLIP) stop(); };
  for (const kind of ["pointermove", "pointerup", "pointercancel"]) document.addEventListener(kind, slip);
}

function distance(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

/** Drags an order until the pointer is released. Released outside the calendar, it stays where it is. */
function drag(order, event, isLifted = false) {
  const view = viewOf(order);
  const grip = view.grip(order, event);
  let isDragged = false;
  let at;
  const start = () => {
    isDragged = true;
    document.body.classList.add("dragging");
    view.begin(order);
    showFree(view, order);
  };
  const over = (e) => {
    if (!isDragged && distance(e, event) < 5) return;
    if (!isDragged) start();
    at = view.over(order, e, grip);
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
  if (isLifted) start();
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
