// Days by the hour: a place in a column is a time, in quarters of an hour.

const QUARTER = 15 * 60000;
const SVG = "http://www.w3.org/2000/svg";

let ghost;

export const hours = { freeAt, grip, begin, over, end, range, showFree };

function edges(column) {
  return [Number(column.dataset.start), Number(column.dataset.end)];
}

function timeAt(column, y) {
  const box = column.getBoundingClientRect();
  const [start, end] = edges(column);
  const at = start + ((y - box.top) / box.height) * (end - start);
  return Math.min(end - QUARTER, Math.max(start, start + Math.round((at - start) / QUARTER) * QUARTER));
}

/** The time of a click on a free place. */
function freeAt(event) {
  const column = event.target.closest?.(".column");
  return !column || event.target.closest(".o") ? undefined : timeAt(column, event.clientY);
}

function grip(order, event) {
  return event.clientY - order.querySelector("rect").getBoundingClientRect().top;
}

function rectangle(name, attributes) {
  const created = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({ class: name, ...attributes })) created.setAttribute(key, value);
  return created;
}

function begin() {
  ghost = rectangle("ghost", { x: "1", width: "98%", height: "26", rx: "5" });
}

function over(order, event, gripped) {
  const column = document.elementsFromPoint(event.clientX, event.clientY).map((it) => it.closest?.(".column")).find(Boolean);
  if (!column) { ghost.remove(); return undefined; }
  const at = timeAt(column, event.clientY - gripped);
  const [start, end] = edges(column);
  ghost.setAttribute("y", `${((at - start) / (end - start)) * 100}%`);
  if (ghost.parentNode !== column) column.append(ghost);
  return at;
}

function end() {
  ghost.remove();
  for (const free of document.querySelectorAll(".column .free")) free.remove();
}

function columns() {
  return [...document.querySelectorAll(".column")];
}

function range() {
  const all = columns();
  return [edges(all[0])[0], edges(all.at(-1))[1]];
}

function showFree(order, free) {
  for (const column of columns()) {
    const [start, end] = edges(column);
    for (const [from, to] of free) {
      const [top, bottom] = [Math.max(from, start), Math.min(to, end)];
      if (top >= bottom) continue;
      const part = (length) => `${(length / (end - start)) * 100}%`;
      column.prepend(rectangle("free", { width: "100%", y: part(top - start), height: part(bottom - top) }));
    }
  }
}
