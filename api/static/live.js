// Parts with `data-every` are brought up to date every so many seconds, without counting as another
// consultation. A part that changes its own pace is asked again at the new one.
"use strict";

async function renew() {
  const answer = await fetch(location.pathname + location.search, {
    headers: { "X-Refresh-Of": document.body.dataset.stamp ?? "" },
  });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live][data-every]")) {
    const other = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    // A form that somebody is about to send stays in place.
    if (other && !part.querySelector(":focus-visible")) part.replaceWith(other);
  }
}

(async () => {
  for (;;) {
    const paces = [...document.querySelectorAll("[data-live][data-every]")].map((part) => Number(part.dataset.every));
    if (!paces.length) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(...paces) * 1000));
    if (!document.hidden) await renew().catch(() => {});
  }
})();
