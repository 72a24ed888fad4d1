// Shows changes by others live: an event refreshes the page.
import { refresh } from "./orders.js";
import { notice } from "./notice.js";

let feed, last, waiting;

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
    const { subject } = document.body.dataset;
    if (!subject || JSON.parse(event.data).subject === subject) soon();
  };
  for (const kind of ["created", "updated", "deleted", "restored"]) feed.addEventListener(`order.${kind}`, heard);
}

function close() {
  feed?.close();
  feed = undefined;
}

/** Several changes at once cause one refresh. */
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(changed, 150);
}

function changed() {
  if (document.body.classList.contains("dragging") || document.querySelector("dialog[open]")) {
    waiting = setTimeout(changed, 500);
    return;
  }
  // A refresh would discard unsaved input.
  if (!isBegun()) return void refresh();
  if (!document.getElementById("notices").hasChildNodes()) notice("This page has changed.", ["Show", () => location.reload()]);
}

function isBegun() {
  const fields = document.querySelectorAll("main form[method=post] :is(input, textarea):not([type=hidden])");
  return [...fields].some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
}
