// Stores the visitor's time zone in a cookie, once. Pages then use it.
export function storeZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const stored = document.cookie.split("; ").find((pair) => pair.startsWith("orders_zone="));
  if (!zone || stored) return;
  document.cookie = `orders_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=strict`;
  const shown = document.body.dataset.zone;
  const asked = new URLSearchParams(location.search).has("tz");
  // Only if the cookie is stored: otherwise the page would reload forever.
  if (shown !== zone && !asked && document.cookie.includes("orders_zone=") && !document.querySelector("form[method=post] input:not([type=hidden])")) location.reload();
}

/** A time in the format of the page. */
export function inWords(iso) {
  const options = { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: document.body.dataset.zone }).format(new Date(iso));
  } catch {
    return iso;
  }
}
