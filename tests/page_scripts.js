"use strict";
// Runs the scripts of the pages outside a browser: `node page_scripts.js proofs.js uvdraw.js < questions.json`.
// Questions are {"draws": [...], "files": [...], "events": [...]}; the answers come in their order.

const { readFileSync } = require("node:fs");
const { webcrypto } = require("node:crypto");
const { runInThisContext } = require("node:vm");

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

async function proven({ record, proof, keys }) {
  try {
    const { fields, position, signers } = await PROOFS.proven(PROOFS.unbase64(record), proof, keys);
    return { fields, position, signers };
  } catch (error) {
    return { differs: error.message };
  }
}

(async () => {
  const { draws = [], files = [], events = [] } = JSON.parse(readFileSync(0, "utf8"));
  const answers = { draws: [], files: [], events: [] };
  for (const one of draws) answers.draws.push(await answer(one));
  for (const { text, keys, witnesses } of files) answers.files.push(await UVDRAW.verify(text, keys, witnesses));
  for (const one of events) answers.events.push(await proven(one));
  process.stdout.write(JSON.stringify(answers));
})();
