// What scripts add to the pages. Each page works without: they are forms and links.
import { tellZone } from "./zone.js";
import { useDragging } from "./drag.js";
import { follow } from "./live.js";

tellZone();
useDragging();
follow();

// What is chosen in a filter is shown at once.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.type === "checkbox") form.requestSubmit();
});

// A form that is on its way is not sent again by a second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  window.addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
});

// Today, the page before and the next one, and a new order, by a key each.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const selector = { ArrowLeft: "a[rel=prev]", ArrowRight: "a[rel=next]", t: ".steps a:nth-child(2)", n: "a[data-new]" }[event.key];
  const link = selector && document.querySelector(selector);
  if (link) { event.preventDefault(); link.click(); }
});
