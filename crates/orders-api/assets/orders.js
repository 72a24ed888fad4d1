// Changes orders through the API and refreshes the view.
import { notice, refusal } from "./notice.js";
import { inWords } from "./zone.js";

/** The pauses before a change is sent again, in milliseconds. */
const PAUSES = [0, 500, 1500, 3000];

/**
 * Fetches the page and changes what differs, so that nothing jumps: focus, selected text and fields
 * stay. A form with unsaved input stays as it is. Returns whether such a form differs.
 */
export async function refresh() {
  const [{ Idiomorph }, answer] = await Promise.all([import("./idiomorph.js"), fetch(location.href, { headers: { Accept: "text/html" } })]);
  if (!answer.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let isKept = false;
  const focused = document.activeElement?.dataset?.id;
  Idiomorph.morph(document.getElementById("main"), page.getElementById("main"), {
    callbacks: {
      beforeNodeMorphed(old, fresh) {
        if (!(old instanceof HTMLFormElement) || !isBegun(old)) return true;
        isKept ||= !old.isEqualNode(fresh);
        return false;
      },
    },
  });
  // An order that has moved is another element now.
  if (focused && document.activeElement?.dataset?.id !== focused) {
    document.querySelector(`#main [data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  return isKept;
}

function isBegun(form) {
  const changed = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const fields = form.querySelectorAll(":is(input, textarea):not([type=hidden])");
  return form.contains(document.activeElement) || [...fields].some(changed);
}

/** Moves an order if it is still in this version. Offers to undo it. */
export async function move(id, version, at, from) {
  const { status, body } = await patch(id, version, at);
  if (status === undefined) {
    return notice("The server does not answer, so it is not known whether the order was moved.", ["Reload", () => location.reload()]);
  }
  await refresh();
  if (status === 200) {
    const back = () => move(id, body.version, from, at);
    return notice(`Moved to ${inWords(body.datetime)}.`, from ? ["Undo", back] : undefined);
  }
  if (status === 412) return notice("Somebody else has changed this order. This is its current state.");
  return refusal(body, (time) => move(id, version, time, from));
}

/** Sends a change until it is answered. With one key for all attempts it is done once. */
async function patch(id, version, at) {
  const key = crypto.randomUUID?.() ?? String(Math.random());
  let last = {};
  for (const pause of PAUSES) {
    await new Promise((resume) => { setTimeout(resume, pause); });
    try {
      const answer = await fetch(`/orders/${encodeURIComponent(id)}`, {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json", "If-Match": `"${version}"`, "Idempotency-Key": key },
        body: JSON.stringify({ datetime: at }),
      });
      last = { status: answer.status, body: await answer.json() };
      if (answer.status < 500) return last;
    } catch {
      // The request or its answer was lost. The change may have been made.
      last = {};
    }
  }
  return last;
}
