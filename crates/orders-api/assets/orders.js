// Changes orders through the API and refreshes the view.
import { notice, refusal } from "./notice.js";
import { inWords } from "./zone.js";

/** Fetches the page and replaces its content in place, so that nothing jumps. */
export async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [fresh, old] = [page.getElementById("main"), document.getElementById("main")];
  const focused = document.activeElement?.dataset?.id;
  const scrolled = old.querySelector(".hours")?.scrollLeft;
  old.replaceChildren(...fresh.childNodes);
  if (focused) old.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  if (scrolled) old.querySelector(".hours").scrollLeft = scrolled;
}

/** Moves an order if it is still in this version. Offers to undo it. */
export async function move(id, version, at, from) {
  const answer = await patch(id, version, at);
  if (answer === null) return notice("The server does not respond. Nothing was changed.");
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) {
    await refresh();
    const back = () => move(id, body.version, from, at);
    return notice(`Moved to ${inWords(body.datetime)}.`, from ? ["Undo", back] : undefined);
  }
  await refresh();
  if (answer.status === 412) return notice("Somebody else has changed this order. This is its current state.");
  return refusal(body, (time) => move(id, version, time, from));
}

async function patch(id, version, at) {
  try {
    return await fetch(`/orders/${encodeURIComponent(id)}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/merge-patch+json", "If-Match": `"${version}"`, "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) },
      body: JSON.stringify({ datetime: at }),
    });
  } catch {
    return null;
  }
}
