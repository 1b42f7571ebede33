"use strict";
// Runs the scripts of the pages outside a browser: `node page_scripts.js proofs.js uvdraw.js draw-words.js
// < questions.json`. Questions are {"draws": [...], "files": [...], "pages": [...], "trees": [...],
// "lines": [...]}; the answers come in their order.

const { readFileSync } = require("node:fs");
const { webcrypto } = require("node:crypto");
const { createContext, runInContext, runInThisContext } = require("node:vm");

globalThis.crypto ??= webcrypto;
for (const script of process.argv.slice(2)) runInThisContext(readFileSync(script, "utf8"));

async function answer({ entries, draw, seed, strata, by, reserves, officers }) {
  const lines = UVDRAW.rosterLines(entries);
  const made = await UVDRAW.draw(entries, draw, seed, strata, by, reserves);
  const selection = made.flatMap((stratum) => stratum.picked).map(UVDRAW.canonical);
  const orders = [];
  for (const { uscc } of entries) orders.push(await UVDRAW.officerOrder(seed, draw, uscc, officers));
  return {
    roster_hash: await UVDRAW.listHash(lines),
    roster_root: await UVDRAW.root(lines),
    quotas: made.map((stratum) => [stratum.key, stratum.quota, stratum.size]),
    selection_hash: await UVDRAW.listHash(selection),
    selection_root: await UVDRAW.root(selection),
    selection,
    orders,
  };
}

// As much of a document as the page of a receipt touches: what it shows is text alone.
class Shown {
  constructor(text = "") {
    this.parts = [text];
    this.heard = {};
    this.value = "";
  }
  get textContent() { return this.parts.map((part) => (part instanceof Shown ? part.textContent : part)).join("\n"); }
  set textContent(text) { this.parts = [text]; }
  append(...parts) { this.parts.push(...parts); }
  replaceChildren(...parts) { this.parts = parts; }
  replaceWith(other) { this.parts = [other]; }
  addEventListener(name, listener) { this.heard[name] = listener; }
}

// What a page shows: at first, and once somebody has given a key and a witness's.
async function opened({ receipt, scripts, key = "", witness = "", blind = "" }) {
  const places = { receipt: new Shown(receipt) };
  const document = {
    getElementById: (id) => (places[id] ??= new Shown()),
    createElement: () => new Shown(),
    createTextNode: (text) => new Shown(text),
  };
  const importKey = blind ? () => Promise.reject(new Error(blind)) : (...given) => webcrypto.subtle.importKey(...given);
  const subtle = {
    importKey,
    digest: (...given) => webcrypto.subtle.digest(...given),
    verify: (...given) => webcrypto.subtle.verify(...given),
  };
  const globals = { document, crypto: { subtle }, atob, btoa, TextEncoder, TextDecoder };
  createContext(globals);
  globals.globalThis = globals;
  for (const script of scripts) runInContext(script, globals);
  const settled = async () => {
    for (let turn = 0; turn < 200 && !places.verdict?.textContent; turn += 1) await new Promise((done) => setTimeout(done, 5));
    return Object.fromEntries(["verdict", "report", "event"].map((id) => [id, places[id]?.textContent ?? ""]));
  };
  const first = await settled();
  if (!key && !witness) return [first];
  Object.assign(places.key ??= new Shown(), { value: key });
  Object.assign(places.witness ??= new Shown(), { value: witness });
  places.verdict.textContent = "";
  places.check.heard.submit({ preventDefault() {} });
  return [first, await settled()];
}

(async () => {
  const { draws = [], files = [], pages = [], trees = [], lines = [] } = JSON.parse(readFileSync(0, "utf8"));
  const answers = { draws: [], files: [], pages: [], trees: [], lines: lines.map((line) => DRAW_WORDS.said(line, "zh-CN")) };
  for (const one of draws) answers.draws.push(await answer(one));
  for (const { text, keys, witnesses } of files) answers.files.push(await UVDRAW.verify(text, keys, witnesses));
  for (const { old, oldRoot, size, root, path } of trees) {
    answers.trees.push(await PROOFS.extended(old, oldRoot, size, root, path.map(PROOFS.unbase64)));
  }
  for (const one of pages) answers.pages.push(await opened(one));
  process.stdout.write(JSON.stringify(answers));
})();
