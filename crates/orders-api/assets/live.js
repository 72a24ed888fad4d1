// Shows what others change as it happens: the page is taken anew when an event tells of a change.
import { refresh } from "./orders.js";
import { notice } from "./notice.js";

export function follow() {
  const { sequence } = document.body.dataset;
  if (sequence === undefined || !window.EventSource) return;
  const feed = new EventSource(`/events/stream?after=${sequence}`);
  let waiting;
  const soon = (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => changed(event), 150);
  };
  for (const kind of ["message", "order.created", "order.updated", "order.deleted", "order.restored"]) {
    feed.addEventListener(kind, soon);
  }
  window.addEventListener("pagehide", () => feed.close());
}

function changed() {
  if (document.body.classList.contains("dragging")) return setTimeout(changed, 500);
  // What somebody has begun to write is not taken from them.
  if (document.querySelector("form[data-guard]")) {
    if (!document.getElementById("notices").hasChildNodes()) notice("Orders have changed meanwhile.", ["Show", () => location.reload()]);
    return undefined;
  }
  return refresh();
}
