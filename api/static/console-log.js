"use strict";
// Checks the log in the reader's browser: the signature of the newest checkpoint, the cosignatures
// of its witnesses, the receipt of one event, and that the log which this browser saw last is the
// beginning of the log of today. Only the log's public addresses are asked, without the session.

{
  const page = document.querySelector("[data-log]");
  const words = page.dataset;
  const { Differs, WITNESS, extended, parsedKey, parsedNote, proven, seenBy, signedBy, hex, unbase64 } = PROOFS;
  const KEPT = "ledger-log";

  const place = (name) => page.querySelector(`[data-${name}]`);

  function say(element, tone, text, details = {}) {
    element.textContent = text.replace(/\{(\w+)\}/g, (whole, name) => details[name] ?? whole);
    element.className = `verdict ${tone}`;
  }

  const number = (value) => Number(value).toLocaleString("en-US");

  async function loaded(path, read) {
    const answer = await fetch(path, { credentials: "omit", cache: "no-store" });
    if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
    return answer[read]();
  }

  function kept() {
    try {
      return JSON.parse(localStorage.getItem(KEPT));
    } catch {
      return null;
    }
  }

  // What was seen is only replaced by what continues it.
  async function compare(note, keys) {
    const since = place("since");
    const last = kept();
    const now = { origin: note.origin, size: note.size, root: note.root, keys, at: new Date().toISOString() };
    const keep = () => localStorage.setItem(KEPT, JSON.stringify(now));
    if (!last || last.origin !== note.origin) {
      keep();
      say(since, "", words.first, { size: number(note.size) });
      return;
    }
    const details = {
      old: number(last.size), size: number(note.size), more: number(note.size - last.size),
      at: new Date(last.at).toLocaleString(document.documentElement.lang, { timeZone: "Asia/Shanghai" }),
    };
    if (last.keys.length && !last.keys.some((key) => keys.includes(key))) return say(since, "bad", words.otherKey, details);
    if (note.size < last.size) return say(since, "bad", words.shrunk, details);
    const given = await loaded(`/v1/log/consistency?old=${last.size}&new=${note.size}`, "json");
    const path = given.proof.map(unbase64);
    if (!(await extended(last.size, last.root, note.size, note.root, path))) return say(since, "bad", words.forked, details);
    keep();
    say(since, "good", note.size === last.size ? words.same : words.grown, details);
  }

  async function checkCheckpoint() {
    let text;
    try {
      text = await loaded("/v1/log/checkpoint", "text");
    } catch (error) {
      if (error.status !== 404) throw error;
      for (const name of ["since", "signature"]) say(place(name), "", words.none);
      return;
    }
    const note = parsedNote(text);
    place("size").textContent = number(note.size);
    place("origin").textContent = note.origin;
    place("root").textContent = note.root;
    place("note").textContent = text;
    const keys = [...page.querySelectorAll("[data-key]")].map((element) => element.textContent);
    try {
      const signers = await signedBy(note, await Promise.all(keys.map((key) => parsedKey(key))));
      say(place("signature"), signers === null ? "warn" : "good", signers === null ? words.noEd25519 : words.good);
    } catch (error) {
      say(place("signature"), "bad", words.bad, { error: error.message });
      throw error;
    }
    await compare(note, keys);
  }

  async function checkWitness(row) {
    if (!row.dataset.checkpoint) return;
    const verdict = row.querySelector("[data-verdict]");
    try {
      const key = await parsedKey(row.dataset.witness, WITNESS);
      const seen = await seenBy(parsedNote(row.dataset.checkpoint), key);
      say(verdict, seen === null ? "warn" : "good", seen === null ? words.noEd25519 : words.witnessGood);
    } catch (error) {
      say(verdict, "bad", words.witnessBad, { error: error.message });
    }
  }

  async function checkReceipt(verdict) {
    const position = verdict.dataset.receipt;
    const answer = (part) => fetch(`/console/log/${position}/${part}`);
    const proof = await answer("proof");
    if (!proof.ok) return say(verdict, "warn", words.failed, { error: String(proof.status) });
    const record = await answer("record");
    if (record.status === 403) {
      for (const link of page.querySelectorAll("[data-page-record], [data-page-receipt]")) link.hidden = true;
      return say(verdict, "warn", words.onlyProof);
    }
    const keys = [...page.querySelectorAll("[data-key]")].map((element) => element.textContent);
    try {
      const found = await proven(new Uint8Array(await record.arrayBuffer()), await proof.text(), keys);
      if (found.position !== Number(position)) throw new Differs(`#${found.position}`);
      const details = { position, size: number(found.receipt.size) };
      say(verdict, found.signers ? "good" : "warn", `${words.proven}${found.signers ? "" : ` ${words.noEd25519}`}`, details);
    } catch (error) {
      say(verdict, "bad", words.notProven, { error: error.message });
    }
  }

  async function check() {
    if (!globalThis.crypto?.subtle) {
      for (const verdict of page.querySelectorAll(".verdict")) say(verdict, "warn", words.insecure);
      return;
    }
    const told = (element) => (error) => say(element, error instanceof Differs ? "bad" : "warn", words.failed, { error: error.message });
    await checkCheckpoint().catch(told(place("since")));
    for (const row of page.querySelectorAll("[data-witness]")) await checkWitness(row);
    const receipt = page.querySelector("[data-receipt]");
    if (receipt) await checkReceipt(receipt).catch(told(receipt));
  }

  place("forget").addEventListener("click", () => {
    localStorage.removeItem(KEPT);
    say(place("since"), "", words.checking);
    check();
  });
  check();
}
