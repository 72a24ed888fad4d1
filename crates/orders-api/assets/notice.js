// Short notices with an action, and the dialog for a rejected change.
import { inWords } from "./zone.js";

function element(name, text, attributes = {}) {
  const created = document.createElement(name);
  if (text) created.textContent = text;
  Object.assign(created, attributes);
  return created;
}

/** Shows a notice for a while; `action` is `[label, what it does]`. */
export function notice(text, action) {
  const shown = element("div", "", { className: "notice" });
  shown.append(element("span", text));
  if (action) {
    const [label, run] = action;
    const button = element("button", label, { type: "button" });
    button.addEventListener("click", () => { shown.remove(); run(); });
    shown.append(button);
  }
  document.getElementById("notices").append(shown);
  setTimeout(() => shown.remove(), action ? 12000 : 6000);
}

/** Shows why a change was rejected. `retry` is called with a suggested time that is chosen. */
export function refusal(problem, retry) {
  const dialog = element("dialog");
  const title = element("h2", problem.title || "Rejected", { id: "refusal" });
  dialog.setAttribute("aria-labelledby", "refusal");
  dialog.append(title, element("p", problem.detail || "The server does not respond."));
  if (problem.conflicts) {
    const list = element("ul");
    for (const conflict of problem.conflicts) {
      const link = element("a", `Order ${conflict.order_id}`, { href: `/console/orders/${encodeURIComponent(conflict.order_id)}` });
      const item = element("li");
      item.append(link, ` · ${inWords(conflict.datetime)}`);
      list.append(item);
    }
    dialog.append(list);
  }
  const tries = element("div", "", { className: "tries" });
  const times = problem.suggestions ? [problem.suggestions.previous, problem.suggestions.next] : [];
  for (const time of times.filter(Boolean)) {
    const button = element("button", `Take ${inWords(time)}`, { type: "button", className: "primary", title: time });
    button.dataset.at = time;
    button.addEventListener("click", () => { dialog.close(); retry(time); });
    tries.append(button);
  }
  const close = element("button", times.length ? "Cancel" : "Close", { type: "button" });
  close.addEventListener("click", () => dialog.close());
  tries.append(close);
  dialog.append(tries);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
