"use strict";
// Reads the file of a draw, or a file that the user chose, and shows the result of uvdraw.js.
// Content is always inserted as text, never as markup.

const verdict = document.getElementById("verdict");
const list = document.getElementById("report");

function item(mark, text, className) {
  const element = document.createElement("li");
  element.className = className;
  element.textContent = `${mark} ${text}`;
  return element;
}

function show(report) {
  list.replaceChildren(
    ...report.held.map((text) => item("✓", text, "held")),
    ...report.unchecked.map((text) => item("?", text, "unchecked")),
    ...report.beyond.map((text) => item("·", text, "beyond")),
    ...(report.differs === null ? [] : [item("✗", report.differs, "differs")]),
  );
  if (report.differs !== null) verdict.textContent = "Something differs.";
  else if (report.unchecked.length || !report.held.length) verdict.textContent = "Nothing differs; not everything could be checked.";
  else verdict.textContent = "Everything was checked, and nothing differs.";
}

async function check(read) {
  list.replaceChildren();
  verdict.textContent = "…";
  if (!globalThis.crypto || !crypto.subtle) {
    verdict.textContent = "This browser computes hashes only over https or on this machine. Open the page in one of these ways.";
    return;
  }
  try {
    const given = (id) => document.getElementById(id).value.trim().split(/\s+/).filter(Boolean);
    show(await UVDRAW.verify(await read(), given("key"), given("witness")));
  } catch (error) {
    verdict.textContent = String(error.message);
  }
}

async function exported() {
  const token = document.getElementById("token").value.trim();
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(location.pathname.replace(/verify$/, "export"), { headers });
  if (!answer.ok) throw new Error(`The file of this draw could not be loaded: ${answer.status}`);
  return answer.text();
}

document.getElementById("check").addEventListener("submit", (event) => {
  event.preventDefault();
  check(exported);
});
document.getElementById("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) check(() => file.text());
});
