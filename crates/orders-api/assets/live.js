// Shows changes by others live: an event refreshes the page.
import { refresh } from "./orders.js";
import { notice } from "./notice.js";

/** The least time between two refreshes, in milliseconds. */
const INTERVAL = 1000;

let feed, last, waiting;
let refreshed = -INTERVAL;
let isBusy = false;

export function follow() {
  last = document.body.dataset.sequence;
  if (last === undefined || !window.EventSource) return;
  open();
  // A hidden page holds no connection: browsers limit connections to a host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    soon();
    return open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
}

function open() {
  if (feed) return;
  feed = new EventSource(`/events/stream?after=${last}`);
  const heard = (event) => {
    last = event.lastEventId || last;
    if (concerns(JSON.parse(event.data))) soon();
  };
  for (const kind of ["created", "updated", "deleted", "restored"]) feed.addEventListener(`order.${kind}`, heard);
}

function close() {
  feed?.close();
  feed = undefined;
}

/** Whether the page shows what an event changed: its order, or a time in the calendar or near it. */
function concerns({ subject, data }) {
  const own = document.body.dataset.subject;
  if (own) return subject === own;
  const shown = [...document.querySelectorAll("#main [data-start]")];
  const reach = Number(document.querySelector("#main [data-reach]")?.dataset.reach);
  if (!shown.length || Number.isNaN(reach) || document.querySelector(".empty")) return true;
  const from = Number(shown[0].dataset.start) - reach;
  const to = Number(shown.at(-1).dataset.end) + reach;
  const isNear = (order) => order && Date.parse(order.datetime) >= from && Date.parse(order.datetime) < to;
  return isNear(data.before) || isNear(data.after);
}

/** The first change is shown at once, and others at most a second later. */
function soon() {
  waiting ??= setTimeout(changed, Math.max(0, refreshed + INTERVAL - performance.now()));
}

async function changed() {
  waiting = undefined;
  if (isBusy || document.body.classList.contains("dragging") || document.querySelector("dialog[open]")) {
    waiting = setTimeout(changed, INTERVAL / 2);
    return;
  }
  isBusy = true;
  refreshed = performance.now();
  try {
    const isKept = await refresh();
    if (isKept && !document.getElementById("notices").hasChildNodes()) notice("This page has changed.", ["Show", () => location.reload()]);
  } catch {
    // The stream of events opens again, and brings the next refresh.
  } finally {
    isBusy = false;
  }
}
