"use strict";
// Shows the event from the record in this receipt, and checks the receipt. Content is always inserted
// as text, never as markup.

(() => {
  const given = JSON.parse(document.getElementById("receipt").textContent);
  const record = PROOFS.unbase64(given.record);
  const at = (id) => document.getElementById(id);

  const TERMS = {
    type: "类型", schema_version: "格式版本", event_id: "事件标识", occurred_at: "发生时间", recorded_at: "入账时间",
    actor: "经办", unit_id: "单位", person_id: "人员", role: "角色", body: "内容", legal_basis: "法律依据",
    policy_refs: "所依政策版本", visibility: "公开范围", provenance: "来源",
  };

  function element(name, content, className) {
    const made = document.createElement(name);
    made.append(...[content].flat());
    if (className) made.className = className;
    return made;
  }

  // Characters that control a display or reorder text are shown by their number.
  const plain = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

  function shown(value) {
    if (Array.isArray(value)) return element("ul", value.map((entry) => element("li", shown(entry))));
    if (value === null || typeof value !== "object") return document.createTextNode(plain(String(value)));
    const rows = Object.entries(value).flatMap(([name, inside]) => [
      element("dt", Object.hasOwn(TERMS, name) ? `${TERMS[name]} ${name}` : plain(name)),
      element("dd", shown(inside)),
    ]);
    return element("dl", rows);
  }

  function say(verdict, lines, className) {
    at("verdict").textContent = verdict;
    at("verdict").className = className;
    at("report").replaceChildren(...lines.map(([mark, text, name]) => element("li", `${mark} ${text}`, name)));
  }

  async function check() {
    const keys = (id) => at(id).value.trim().split(/\s+/).filter(Boolean);
    const lines = [];
    const unchecked = (text) => lines.push(["?", text, "unchecked"]);
    try {
      const known = keys("key");
      const proven = await PROOFS.proven(record, given.proof, known.length ? known : given.keys);
      const { origin, size } = proven.receipt;
      if (proven.position !== given.position) throw new PROOFS.Differs(`it is the receipt of event ${proven.position}`);
      const where = `in the tree of the checkpoint of ${size} events of the log ${origin}`;
      lines.push(["✓", `this record is event ${proven.position}, byte for byte, ${where}`, "held"]);
      if (!proven.signers) unchecked("this browser cannot check the Ed25519 signature of that checkpoint");
      else if (known.length) lines.push(["✓", "that checkpoint was signed with the key that you gave", "held"]);
      else unchecked(`that checkpoint was signed with the key in this page; compare it: ${given.keys.join(", ")}`);
      for (const text of keys("witness")) {
        const witness = await PROOFS.parsedKey(text, PROOFS.WITNESS);
        const seen = await PROOFS.seenBy(proven.receipt, witness);
        if (seen === null) unchecked(`this browser cannot check the Ed25519 signature of ${witness.name}`);
        else lines.push(["✓", `the witness ${witness.name} saw that checkpoint at ${new Date(seen).toISOString()}`, "held"]);
      }
      if (proven.signers && known.length) say("该事件在台账之中，一字未改。 The event is in the log, unchanged.", lines, "held");
      else say("自身相符；须比对之处见下。 The receipt is consistent in itself; the list below shows what you must still compare.", lines, "unchecked");
    } catch (error) {
      // A receipt with missing parts counts as different, too.
      lines.push(["✗", error.message, "differs"]);
      say("核验不符。 Something differs.", lines, "differs");
    }
  }

  function offer(id, name, bytes) {
    at(id).download = name;
    at(id).href = `data:application/octet-stream;base64,${btoa(bytes)}`;
  }

  at("position").textContent = given.position;
  at("kind").textContent = given.kind;
  offer("record", `event-${given.position}.msgpack`, atob(given.record));
  offer("proof", `event-${given.position}.tlog-proof`, String.fromCharCode(...new TextEncoder().encode(given.proof)));
  at("check").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  try {
    const fields = PROOFS.unpacked(record);
    // In the order that readers expect: what, when, who, then the rest.
    const first = ["type", "occurred_at", "recorded_at", "actor", "body"].filter((name) => Object.hasOwn(fields, name));
    const order = new Set([...first, ...Object.keys(fields)]);
    at("event").replaceWith(shown(Object.fromEntries([...order].map((name) => [name, fields[name]]))));
  } catch (error) {
    at("event").textContent = error.message;
  }
  if (globalThis.crypto && crypto.subtle) check();
  else say("本浏览器在此处不能计算摘要：请保存本页后打开。 This browser cannot compute hashes here: save the page and open the saved file.", [], "unchecked");
})();
