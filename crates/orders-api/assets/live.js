// Shows what others change as it happens: the page is taken anew when an event tells of a change.
import { refresh } from "./orders.js";
import { notice } from "./notice.js";

let feed, last, waiting;

export function follow() {
  last = document.body.dataset.sequence;
  if (last === undefined || !window.EventSource) return;
  open();
  // A page that nobody sees holds no connection: browsers have few of them for one host.
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

/** Several changes at once are one look. */
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(changed, 150);
}

function changed() {
  if (document.body.classList.contains("dragging") || document.querySelector("dialog[open]")) {
    waiting = setTimeout(changed, 500);
    return;
  }
  // What somebody has begun to write is not taken from them.
  if (!isBegun()) return void refresh();
  if (!document.getElementById("notices").hasChildNodes()) notice("This has changed meanwhile.", ["Show", () => location.reload()]);
}

function isBegun() {
  const fields = document.querySelectorAll("main form[method=post] :is(input, textarea):not([type=hidden])");
  return [...fields].some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
}
