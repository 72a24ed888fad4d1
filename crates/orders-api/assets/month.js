// The month view: an order dropped on another day keeps its local time. While it is dragged, days on
// which that time is free are marked, and so are the free intervals of all days.
import { daysLater } from "./free.js";

const DAY = 24 * 3600000;
const MINUTE = 60000;
const SVG = "http://www.w3.org/2000/svg";

let ghost;

export const month = { grip, begin, over, end, range, showFree };

function cells() {
  return [...document.querySelectorAll(".month td")];
}

/** The time of the order on this day. */
function timeOn(order, cell) {
  const own = order.closest("td");
  const days = Math.round((Number(cell.dataset.start) - Number(own.dataset.start)) / DAY);
  return daysLater(Number(order.dataset.at), days);
}

function grip(order, event) {
  const box = order.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function begin(order) {
  ghost = order.cloneNode(true);
  ghost.removeAttribute("data-id");
  ghost.classList.add("ghost");
  ghost.style.width = `${order.getBoundingClientRect().width}px`;
  document.body.append(ghost);
}

function over(order, event, gripped) {
  ghost.style.left = `${event.clientX - gripped.x}px`;
  ghost.style.top = `${event.clientY - gripped.y}px`;
  const cell = document.elementsFromPoint(event.clientX, event.clientY).map((it) => it.closest?.(".month td")).find(Boolean);
  for (const other of document.querySelectorAll(".month .target")) if (other !== cell) other.classList.remove("target");
  cell?.classList.add("target");
  return cell && timeOn(order, cell);
}

function end() {
  ghost.remove();
  for (const part of document.querySelectorAll(".month .f")) part.remove();
  for (const cell of cells()) cell.classList.remove("target", "open", "taken");
}

function range() {
  const all = cells();
  return [Number(all[0].dataset.start), Number(all.at(-1).dataset.end)];
}

function showFree(order, free) {
  for (const cell of cells()) {
    const [start, end] = [Number(cell.dataset.start), Number(cell.dataset.end)];
    const at = timeOn(order, cell);
    cell.classList.add(free.some(([from, to]) => from <= at && at <= to) ? "open" : "taken");
    const strip = cell.querySelector(".strip");
    const parts = free.map(([from, to]) => [Math.max(from, start), Math.min(to, end)]).filter(([from, to]) => from < to);
    const drawn = document.createElementNS(SVG, "path");
    drawn.setAttribute("class", "f");
    drawn.setAttribute("d", parts.map(([from, to]) => `M${(from - start) / MINUTE} 0H${(to - start) / MINUTE}V6H${(from - start) / MINUTE}z`).join(""));
    strip?.append(drawn);
  }
}
