// The scripts of the pages. Each page also works without them, with forms and links.
import { storeZone } from "./zone.js";
import { useDragging } from "./drag.js";
import { follow } from "./live.js";

storeZone();
useDragging();
follow();

// A changed filter applies at once.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.type === "checkbox") form.requestSubmit();
});

// A second click does not send a form again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  window.addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
});

// Keyboard shortcuts: today, previous, next, new order.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const selector = { ArrowLeft: "a[rel=prev]", ArrowRight: "a[rel=next]", t: ".steps a:nth-child(2)", n: "a[data-new]" }[event.key];
  const link = selector && document.querySelector(selector);
  if (link) { event.preventDefault(); link.click(); }
});
