// Changes to orders, by the API, and the view afterwards.
import { notice, refusal } from "./notice.js";
import { inWords } from "./zone.js";

/** Takes the page anew and puts its content in place of the old, so that nothing jumps. */
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

/** Moves an order, if it still is in this version; tells how to take it back. */
export async function move(id, version, at, from) {
  const answer = await patch(id, version, at);
  if (answer === null) return notice("The service does not answer. Nothing was changed.");
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) {
    await refresh();
    const back = () => move(id, body.version, from, at);
    return notice(`Moved to ${inWords(body.datetime)}.`, from ? ["Undo", back] : undefined);
  }
  await refresh();
  if (answer.status === 412) return notice("Somebody else has changed this order meanwhile. Here it is as it is now.");
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
