"use strict";
// Builds the page from /v1/openapi.json. Content is always inserted as text, never as markup.

const token = document.getElementById("token");
const find = document.getElementById("find");
const main = document.getElementById("operations");

function make(name, content, attributes) {
  const element = document.createElement(name);
  Object.assign(element, attributes || {});
  for (const part of [].concat(content ?? [])) element.append(part);
  return element;
}

function field(parameter, fields) {
  const input = make("input", [], { name: parameter.name, placeholder: parameter.in });
  fields.push({ parameter, input });
  return make("label", [parameter.name, input], { title: parameter.description || "" });
}

function resolve(description, value) {
  if (!value.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((node, part) => node[part], description);
}

async function send(method, path, fields, body, out) {
  const headers = {};
  const query = new URLSearchParams();
  let url = path;
  for (const { parameter, input } of fields) {
    if (input.value === "") continue;
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === "header") headers[parameter.name] = input.value;
    else query.append(parameter.name, input.value);
  }
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  if (body) headers["Content-Type"] = "application/json";
  headers.Accept = "application/json";
  if (String(query)) url += `?${query}`;
  out.textContent = "…";
  try {
    const answer = await fetch(url, { method, headers, body: body ? body.value : undefined });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: show it unchanged */ }
    out.textContent = `${answer.status} ${answer.headers.get("X-Request-Id") || ""}\n${shown}`;
  } catch (error) {
    out.textContent = String(error);
  }
}

function operation(description, path, method, entry) {
  const details = make("details", make("summary", [
    make("b", method.toUpperCase(), { className: method }),
    make("code", path),
    make("span", entry.summary || ""),
  ]));
  details.addEventListener("toggle", () => {
    if (details.dataset.built) return;
    details.dataset.built = "yes";
    const fields = [];
    const form = make("form");
    for (const parameter of entry.parameters || []) form.append(field(resolve(description, parameter), fields));
    let body = null;
    const media = entry.requestBody && entry.requestBody.content["application/json"];
    if (media) {
      body = make("textarea", [], { value: JSON.stringify(media.example, null, 2), spellcheck: false });
      form.append(body);
    }
    const out = make("pre");
    form.append(make("button", "Send"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(method.toUpperCase(), path, fields, body, out);
    });
    details.append(make("p", entry.description || "", { className: "text" }), form, out);
    if (media) {
      const schema = make("details", [make("summary", "Schema"), make("pre",
        JSON.stringify(resolve(description, media.schema), null, 2))]);
      details.append(schema);
    }
  });
  details.dataset.text = `${path} ${entry.summary} ${entry.description}`.toLowerCase();
  return details;
}

function show(description) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, entry] of Object.entries(methods)) {
      const name = entry.tags[0];
      if (!groups.has(name)) groups.set(name, make("section", make("h2", name)));
      groups.get(name).append(operation(description, path, method, entry));
    }
  }
  main.replaceChildren(...groups.values());
}

find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase();
  for (const section of main.querySelectorAll("section")) {
    let any = false;
    for (const details of section.querySelectorAll(":scope > details")) {
      details.hidden = !details.dataset.text.includes(wanted);
      any = any || !details.hidden;
    }
    section.hidden = !any;
  }
});
document.getElementById("who").addEventListener("submit", (event) => event.preventDefault());

fetch("/v1/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => { main.textContent = `The description could not be loaded: ${error}`; });
