// What the console does with the keyboard and by itself. Every page works without it.
"use strict";

const page = document.body;
page.classList.add("scripted");

// Keys: / and Ctrl-K search, ? lists the keys, w opens the glossary, j and k rows, Enter opens, x marks, 1 to 9 open
// the forms of a row, h and l pages, g and a letter opens a page of the menu.

const search = document.querySelector("[data-search]");
const keys = document.querySelector("[data-keys]");
let going = 0;

const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

const rows = () => [...document.querySelectorAll("[data-rows] tbody tr, [data-rows] > li")];

function move(by) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row.classList.contains("at"));
  const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
  all.forEach((row) => row.classList.toggle("at", row === next));
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const at = () => document.querySelector("[data-rows] .at");

const ACTS = {
  "/": () => search?.focus(),
  "?": () => keys.open || keys.showModal(),
  j: () => move(1),
  k: () => move(-1),
  l: () => document.querySelector("[data-page=next]")?.click(),
  h: () => (document.querySelector("[data-page=first]") ? history.back() : undefined),
  x: () => at()?.querySelector("input[type=checkbox]")?.click(),
  Enter: () => at()?.querySelector("a[href]")?.click(),
  w: () => document.querySelector("[data-go=w]")?.click(),
  g: () => {
    going = Date.now();
  },
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    search?.focus();
    search?.select();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "Enter" && event.target !== at()) return;
  const gone = Date.now() - going < 1500;
  going = 0;
  if (gone) {
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  if (/^[1-9]$/.test(event.key)) {
    at()?.querySelectorAll("td.acts a")[event.key - 1]?.click();
    return;
  }
  const act = ACTS[event.key];
  if (!act || event.defaultPrevented) return;
  event.preventDefault();
  act();
});

search?.addEventListener("keydown", (event) => {
  if (event.key === "Escape") search.blur();
});

// Copying, printing, marking all rows.

function say(text) {
  const said = document.createElement("div");
  said.className = "said";
  said.role = "status";
  said.textContent = text;
  page.append(said);
  setTimeout(() => said.remove(), 2000);
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  say(page.dataset.copied);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("copy" in button.dataset) copy(button.dataset.copy);
  else if ("copyAddress" in button.dataset) copy(location.href);
  else if ("print" in button.dataset) print();
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (!all) return;
  for (const box of document.getElementsByName(all.dataset.all)) box.checked = all.checked;
});

// Filters apply at once where they say so.
document.addEventListener("change", (event) => event.target.closest("form[data-at-once]")?.requestSubmit());

// What folds, the menu and the counts of filters, is open on a wide screen alone.
const wide = matchMedia("(min-width: 60.01rem)");

function fold() {
  for (const part of document.querySelectorAll("[data-folds]")) part.open = wide.matches;
}

wide.addEventListener("change", fold);
fold();

// Badges: the counts of the menu, once a minute while somebody looks.
const badges = [...document.querySelectorAll("[data-badge]")];

async function count() {
  const answer = await fetch("/console/badges", { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return;
  const counts = await answer.json();
  for (const badge of badges) {
    const number = counts[badge.dataset.badge];
    badge.hidden = !number;
    badge.textContent = number > 999 ? "999+" : (number ?? "");
  }
}

// Parts that say `data-live` are brought up to date without counting as another consultation.
async function refresh() {
  const live = [...document.querySelectorAll("[data-live]")];
  if (!live.length || !page.dataset.stamp || document.querySelector("[data-live] :focus")) return;
  const answer = await fetch(location.pathname + location.search, {
    headers: { "X-Refresh-Of": page.dataset.stamp },
  });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of live) {
    const other = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (other) part.replaceWith(other);
  }
}

async function every(seconds, act) {
  for (;;) {
    if (!document.hidden) await act().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

if (badges.length) every(60, count);
setTimeout(() => every(60, refresh), 60_000);
