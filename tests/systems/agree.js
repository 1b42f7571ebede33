"use strict";
// Runs api/static/uvdraw.js outside a browser: `node agree.js uvdraw.js < questions.json`.
// Questions are {"draws": [...], "files": [...]}; the answers come in their order.

const { readFileSync } = require("node:fs");
const { webcrypto } = require("node:crypto");
const { runInThisContext } = require("node:vm");

globalThis.crypto ??= webcrypto;
runInThisContext(readFileSync(process.argv[2], "utf8"));

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

(async () => {
  const { draws = [], files = [] } = JSON.parse(readFileSync(0, "utf8"));
  const answers = { draws: [], files: [] };
  for (const one of draws) answers.draws.push(await answer(one));
  for (const { text, keys, witnesses } of files) answers.files.push(await UVDRAW.verify(text, keys, witnesses));
  process.stdout.write(JSON.stringify(answers));
})();
