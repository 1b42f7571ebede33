// Forms of commands: subjects are looked up while their ids are typed, lists of commands narrowed.
// Without this script the same is done by the buttons of the form.
"use strict";

let asked = 0;

function offer(input, options) {
  const id = `${input.id}-options`;
  let box = document.getElementById(id);
  if (!box) {
    box = document.createElement("ul");
    box.id = id;
    box.className = "options";
    box.setAttribute("role", "listbox");
    input.closest(".looked").append(box);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-controls", id);
    input.setAttribute("aria-autocomplete", "list");
  }
  box.replaceChildren(
    ...options.map((option) => {
      const row = document.createElement("li");
      row.setAttribute("role", "option");
      row.dataset.value = option.value;
      const label = document.createElement("b");
      label.textContent = option.label;
      const code = document.createElement("code");
      code.textContent = option.value;
      const note = document.createElement("small");
      note.textContent = option.note ?? "";
      row.append(label, " ", code, " ", note);
      return row;
    }),
  );
  box.hidden = !options.length;
  input.setAttribute("aria-expanded", String(!box.hidden));
}

const lineOf = (input) => ("several" in input.dataset ? input.value.split("\n").pop() : input.value);

function take(input, value) {
  if ("several" in input.dataset) {
    const lines = input.value.split("\n");
    lines.pop();
    input.value = [...lines, value].join("\n");
  } else input.value = value;
  offer(input, []);
  input.focus();
}

async function look(input) {
  const mine = ++asked;
  const query = new URLSearchParams({ kind: input.dataset.lookUp, q: lineOf(input) });
  const answer = await fetch(`/console/look-up?${query}`, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected || mine !== asked) return;
  offer(input, (await answer.json()).options);
}

let waiting = 0;
for (const input of document.querySelectorAll("[data-look-up]")) {
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => look(input).catch(() => {}), 250);
  });
  input.addEventListener("keydown", (event) => {
    const box = document.getElementById(`${input.id}-options`);
    if (!box || box.hidden) return;
    const rows = [...box.children];
    const now = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") return offer(input, []);
    if (event.key === "Enter" && now >= 0) {
      event.preventDefault();
      return take(input, rows[now].dataset.value);
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return undefined;
    event.preventDefault();
    const next = rows[(now + by + rows.length) % rows.length];
    rows.forEach((row) => row.setAttribute("aria-selected", String(row === next)));
    next.scrollIntoView({ block: "nearest" });
    return undefined;
  });
  input.addEventListener("blur", () => setTimeout(() => offer(input, []), 200));
}

document.addEventListener("mousedown", (event) => {
  const row = event.target.closest(".options li");
  if (!row) return;
  event.preventDefault();
  take(document.getElementById(row.parentElement.id.replace(/-options$/, "")), row.dataset.value);
});

for (const field of document.querySelectorAll("[data-narrow]")) {
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.querySelectorAll(field.dataset.narrow)) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    for (const part of document.querySelectorAll(".commands section")) part.hidden = !part.querySelector("li:not([hidden])");
  });
}
