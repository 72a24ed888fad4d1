// Free times of an order, and clocks in the time zone of the page.

const DAY = 24 * 3600000;
/** The limit of pages of free intervals. */
const PAGES = 8;

/** The free intervals for this order. Times that only it blocks are free for it. */
export async function freeFor(id, from, to) {
  const order = await json(`/orders/${encodeURIComponent(id)}`);
  const query = new URLSearchParams({ from: iso(from), to: iso(to), ignore: id, limit: 1000 });
  for (const service of order.services) query.append("service", service.id);
  const free = [];
  for (let page = 0; page < PAGES; page += 1) {
    const { data, next_cursor: next } = await json(`/availability?${query}`);
    for (const { start, end } of data) free.push([Date.parse(start), Date.parse(end)]);
    if (!next) break;
    query.set("cursor", next);
  }
  return free;
}

async function json(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** The same local time this many days later, also across a change of the clocks. */
export function daysLater(at, days) {
  const later = at + days * DAY;
  const off = (minutes(later) - minutes(at) + 2160) % 1440 - 720;
  return later - off * 60000;
}

/** The minutes since midnight by the clocks of the page's zone. */
function minutes(at) {
  const { zone: timeZone } = document.body.dataset;
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(at);
  const part = (type) => Number(parts.find((it) => it.type === type).value);
  return part("hour") * 60 + part("minute");
}

export function iso(millis) {
  return new Date(Number(millis)).toISOString();
}
