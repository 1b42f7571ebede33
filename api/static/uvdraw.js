"use strict";
// A second implementation of UVDRAW-1, and the check of draw files and receipts, with the browser's
// functions and proofs.js only. It is written from the description of the algorithm and shares no code
// with the service; tests compare the results of both. It uses neither a page nor a network.

const UVDRAW = (() => {
  const ALGORITHM = "UVDRAW-1", FILE = "uvdraw-file/1";
  const {
    Differs, WITNESS, hashed, hex, leaf, node, parsedKey, parsedReceipt, proven, proves, seenBy,
    sha256, unbase64, unhex, utf8,
  } = PROOFS;

  // Compare by code point, like UTF-8 bytes. In UTF-16 order surrogates would precede U+E000.
  const place = (unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

  function before(a, b) {
    for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
      const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
      if (left !== right) return place(left) - place(right);
    }
    return a.length - b.length;
  }

  // --- the roster

  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const keys = Object.keys(value).sort(before);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }

  function rosterLines(entries) {
    const byCode = new Map();
    for (const entry of entries) {
      const code = entry.uscc;
      if (typeof code !== "string" || !code || code.includes("|")) throw new Differs(`${canonical(entry)} has no uscc`);
      if (byCode.has(code)) throw new Differs(`${code} stands on the roster twice`);
      byCode.set(code, canonical(entry));
    }
    return [...byCode.keys()].sort(before).map((code) => byCode.get(code));
  }

  const listHash = async (lines) => hex(await sha256(utf8(`[${lines.join(",")}]`)));

  // --- the tree over lines

  async function root(lines) {
    if (!lines.length) return hex(await sha256(new Uint8Array()));
    let level = await hashed(lines.length, (index) => leaf(utf8(lines[index])));
    while (level.length > 1) {
      const below = level;
      level = await hashed(below.length >> 1, (index) => node(below[2 * index], below[2 * index + 1]));
      if (below.length % 2) level.push(below[below.length - 1]);
    }
    return hex(level[0]);
  }

  // --- seed, quota, chances: only whole numbers

  function seedOf(values) {
    if (!values.length) throw new Differs("a seed needs at least one value");
    for (const value of values) {
      if (!value || value.includes("|")) throw new Differs(`${JSON.stringify(value)} is no value of a seed`);
    }
    return values.join("|");
  }

  function quota(size, ratio) {
    const parts = /^([01])(?:\.([0-9]{1,4}))?$/.exec(ratio);
    const share = parts && Number(parts[1] + (parts[2] || "").padEnd(4, "0"));
    if (!parts || share > 10000) throw new Differs(`${ratio} is no ratio`);
    return Number((BigInt(size) * BigInt(share) + 9999n) / 10000n);
  }

  // part ÷ whole, rounded to four places, half to even; 0 or 1 only if it is exactly that.
  function shown(part, whole) {
    if (part === 0n || whole === 0n) return "0";
    if (part === whole) return "1";
    let [places, rest] = [(part * 10000n) / whole, (part * 10000n) % whole];
    if (2n * rest > whole || (2n * rest === whole && places % 2n === 1n)) places += 1n;
    if (places < 1n) places = 1n;
    if (places > 9999n) places = 9999n;
    return `0.${String(places).padStart(4, "0").replace(/0+$/, "")}`;
  }

  const BITS = 256n, ONE = 1n << BITS;

  function power(base, exponent) {
    let [result, square] = [ONE, base];
    for (let left = exponent; left > 0; left >>= 1) {
      if (left & 1) result = (result * square) >> BITS;
      square = (square * square) >> BITS;
    }
    return result;
  }

  // The probability of being drawn, for each weight w: 1 − (1 − t)^w. Here t is the ticket below which
  // the expected number of businesses equals the quota.
  function chances(tickets, due) {
    const counts = new Map();
    for (const held of tickets) counts.set(held, (counts.get(held) || 0) + 1);
    if (counts.size < 2 || due === 0 || due === tickets.length) {
      const one = shown(BigInt(due), BigInt(tickets.length));
      return () => one;
    }
    let [low, high] = [0n, ONE];
    for (let step = 0; step < 120; step += 1) {
      const keep = (low + high) / 2n;
      let drawn = 0n;
      for (const [held, count] of counts) drawn += (ONE - power(keep, held)) * BigInt(count);
      if (drawn > BigInt(due) * ONE) low = keep; else high = keep;
    }
    const by = new Map();
    for (const held of counts.keys()) {
      const chance = ONE - power(high, held);
      by.set(held, shown(chance < 1n ? 1n : chance, ONE + (chance >= ONE ? 1n : 0n)));
    }
    return (held) => by.get(held);
  }

  // --- the draw

  // Limits the hashing that a forged line can cause.
  const MAX_WEIGHT = 1000;

  async function ticket(seed, draw, stratum, uscc, weight) {
    const base = `${seed}|${draw}|${stratum}|${uscc}`;
    if (weight === undefined) return hex(await sha256(utf8(base)));
    if (!(Number.isSafeInteger(weight) && weight >= 1 && weight <= MAX_WEIGHT)) {
      throw new Differs(`${uscc} has weight ${weight}; a weight counts tickets, from 1 to ${MAX_WEIGHT}`);
    }
    const all = await hashed(weight, (index) => utf8(`${base}|${index + 1}`));
    return all.map(hex).sort()[0];
  }

  async function ticketsOf(seed, draw, stratum, members) {
    const weighted = members.some((entry) => entry.weight !== undefined);
    if (!weighted) {
      const base = `${seed}|${draw}|${stratum}|`;
      return (await hashed(members.length, (index) => utf8(base + members[index].uscc))).map(hex);
    }
    const tickets = [];
    for (const entry of members) tickets.push(await ticket(seed, draw, stratum, entry.uscc, entry.weight));
    return tickets;
  }

  // Returns one object for each stratum, in the order of `strata`, a list of [key, ratio].
  async function draw(entries, drawId, seed, strata, by, reserves) {
    const members = new Map(strata.map(([key]) => [key, []]));
    for (const entry of entries) {
      if (!members.has(entry[by])) throw new Differs(`${entry.uscc} is of ${by} ${entry[by]}, which has no ratio`);
      members.get(entry[by]).push(entry);
    }
    const made = [];
    for (const [key, ratio] of strata) {
      const held = members.get(key);
      const due = quota(held.length, ratio);
      const tickets = await ticketsOf(seed, drawId, key, held);
      const chance = chances(held.map((entry) => entry.weight || 1), due);
      const order = held.map((entry, index) => index).sort((a, b) => {
        if (tickets[a] !== tickets[b]) return tickets[a] < tickets[b] ? -1 : 1;
        return before(held[a].uscc, held[b].uscc);
      });
      const picked = order.slice(0, due + reserves).map((index, place) => ({
        inclusion_prob: chance(held[index].weight || 1),
        rank: place + 1,
        stratum: key,
        ticket: tickets[index],
        uscc: held[index].uscc,
      }));
      made.push({ key, size: held.length, quota: due, picked });
    }
    return made;
  }

  async function officerOrder(seed, drawId, uscc, officers) {
    const names = [...new Set(officers)];
    const digests = await hashed(names.length, (index) => utf8(`${seed}|${drawId}|OFFICER|${uscc}|${names[index]}`));
    const order = names.map((name, index) => [hex(digests[index]), name]);
    return order.sort((a, b) => (a[0] === b[0] ? before(a[1], b[1]) : a[0] < b[0] ? -1 : 1)).map(([, name]) => name);
  }

  // --- checking files

  function same(what, found, due) {
    const [left, right] = [canonical(found ?? null), canonical(due ?? null)];
    if (left !== right) throw new Differs(`${what} ${left}; it should be ${right}`);
  }

  function moment(text) {
    const value = /(Z|[+-]\d\d:\d\d)$/.test(text || "") ? Date.parse(text) : NaN;
    if (Number.isNaN(value)) throw new Differs(`${text} is no moment`);
    return value;
  }

  // The file chooses the keys of strata; they may be names that every object has.
  const sizeOf = (announced, key) => (Object.hasOwn(announced.roster_strata, key) ? announced.roster_strata[key] : 0);

  // Checks only the structure of the file; its content is checked later.
  function checkShape(file) {
    const text = (value) => typeof value === "string";
    const absent = (value) => value === undefined || value === null;
    const wrong = (where, due) => {
      throw new Differs(`${where} should be ${due}`);
    };
    if (!absent(file.keys) && !(Array.isArray(file.keys) && file.keys.every(text))) wrong("`keys`", "a list of texts");
    for (const name of ["announcement", "seed", "execution"]) {
      const event = file[name];
      if (absent(event) && name !== "announcement") continue;
      if (!event || typeof event.body !== "object" || !event.body) wrong(`\`${name}\``, "an event with its body");
      if (!Number.isSafeInteger(event.position)) wrong(`\`${name}.position\``, "a whole number");
      for (const part of ["record", "receipt"]) {
        if (!absent(event[part]) && !(text(event[part]) && event[part])) wrong(`\`${name}.${part}\``, "a text");
      }
      if (!absent(event.signed_at)) moment(event.signed_at);
    }
    for (const name of ["roster", "selection", "officers", "assignments", "parts"]) {
      // In a receipt the first two are not lists but places, which `checkReceipt` checks.
      if (file.format === FILE && !absent(file[name]) && !Array.isArray(file[name])) wrong(`\`${name}\``, "a list");
    }
    for (const { revealed } of (file.seed && file.seed.body.values) || []) {
      if (revealed !== undefined && typeof revealed !== "boolean") wrong("`revealed`", "true or false");
    }
  }

  // Fields missing in an event have their default values.
  function announcementOf(body) {
    return { reserves: 0, algorithm: ALGORITHM, ...body };
  }

  async function checkEvent(what, topic, event, keys, report) {
    if (event.record == null || event.receipt == null) {
      report.unchecked.push(`nothing proves that ${what} stands in the log`);
      return null;
    }
    const { fields, position, receipt, signers } = await proven(unbase64(event.record), event.receipt, keys, what);
    same(`the position of ${what} is`, position, event.position);
    same(`the record of ${what} is a`, fields.type, topic);
    same(`the record of ${what} says`, fields.body, event.body);
    const where = `${what} is event ${event.position} of the log ${receipt.origin}, under its checkpoint of ${receipt.size}`;
    if (signers) report.held.push(`${where} signed by ${signers.join(", ")}`);
    else report.unchecked.push(`${where}, whose Ed25519 signature this browser cannot check`);
    const recorded = moment(fields.recorded_at);
    if (event.signed_at != null && moment(event.signed_at) < recorded) {
      throw new Differs(`the checkpoint was signed at ${event.signed_at}, before ${what} was recorded at ${fields.recorded_at}`);
    }
    return recorded;
  }

  async function checkTime(event, announced, recorded, witnesses, report) {
    if (recorded === null) return;
    const first = announced.sources.reduce((a, b) => (moment(b.publication_at) < moment(a.publication_at) ? b : a));
    const signed = moment(event.signed_at);
    const out = `${first.name} was out at ${first.publication_at}`;
    if (signed >= moment(first.publication_at)) {
      throw new Differs(`the announcement was covered by that checkpoint at ${event.signed_at} only; ${out}`);
    }
    report.held.push(`by its record the announcement was made at ${new Date(recorded).toISOString()}, before ${out}`);
    if (!witnesses.length) {
      report.unchecked.push(`that the announcement was covered by that checkpoint at ${event.signed_at} is only this file's word: `
        + "no signature says when; one that does is a witness's, whose key you know");
    }
    for (const given of witnesses) {
      const witness = await parsedKey(given, WITNESS);
      const seen = await seenBy(parsedReceipt(event.receipt), witness);
      if (seen === null) {
        report.unchecked.push(`this browser cannot check the Ed25519 signature of ${witness.name}`);
        continue;
      }
      const at = new Date(seen).toISOString();
      if (seen >= moment(first.publication_at)) throw new Differs(`the witness ${witness.name} signed at ${at} only; ${out}`);
      report.held.push(`the witness ${witness.name} saw that checkpoint at ${at}, before ${out}`);
    }
  }

  async function checkSeed(announced, seed, report) {
    same("the seed is of", seed.draw, announced.draw);
    same("the values come from", seed.values.map((one) => one.source), announced.sources.map((one) => one.name));
    const known = announced.sources.filter((one) => one.kind !== "commitment").map((one) => moment(one.publication_at));
    for (const [index, source] of announced.sources.entries()) {
      const { value, revealed = true } = seed.values[index];
      if (!revealed) same(`for ${source.name} stands`, value, source.fallback);
      else if (source.kind === "commitment") {
        same(`the SHA-256 of what ${source.name} revealed is`, hex(await sha256(utf8(value))), source.commitment);
        if (known.some((at) => moment(source.publication_at) > at)) {
          throw new Differs(`${source.name} could wait for a public value, and then choose`);
        }
      }
    }
    same("the seed is", seed.seed, seedOf(seed.values.map((one) => one.value)));
    report.held.push(`the seed is made of the announced sources: ${seed.seed}`);
    for (const [index, source] of announced.sources.entries()) {
      const { value, revealed = true } = seed.values[index];
      if (revealed && source.kind !== "commitment") {
        report.beyond.push(`that ${value} is what was published no file can show: compare it with ${source.name} of ${source.publication_at}`);
      }
    }
  }

  function checkExecution(file, announced, seed, execution, recorded, report) {
    if (!seed) throw new Differs("the file has an outcome and no seed");
    if (file.execution.position <= file.seed.position) throw new Differs("the outcome stands in the log before the seed");
    for (const source of announced.sources) {
      if (recorded !== null && recorded < moment(source.publication_at)) {
        throw new Differs(`the draw was made before ${source.name} was out at ${source.publication_at}`);
      }
    }
    same("the outcome is of", execution.draw, announced.draw);
    same("it was drawn from the roster", execution.roster_hash, announced.roster_hash);
    same("it was drawn with the seed", execution.seed, seed.seed);
    const due = announced.strata.map(({ key, ratio }) => {
      const size = sizeOf(announced, key);
      return { key, quota: quota(size, ratio), size };
    });
    same("the strata are", execution.strata, due);
    same("the number of those drawn is", execution.selected, due.reduce((sum, one) => sum + one.quota, 0));
    const lines = due.reduce((sum, one) => sum + Math.min(one.size, one.quota + announced.reserves), 0);
    same("with the reserves there are", execution.selection_count, lines);
    report.held.push(`as many were drawn as announced: ${due.map((one) => `${one.key} ${one.quota}/${one.size}`).join(", ")}`);
  }

  function checkStage(file, seed, execution, report) {
    if (file.stage === "voided") {
      report.unchecked.push("that the draw was voided is only this file's word");
      return;
    }
    same("by what is in the file the stage is", file.stage, !seed ? "announced" : !execution ? "seed_revealed" : "executed");
    report.beyond.push("whether the draw was voided since no file can show: ask the ledger");
  }

  function nothingWithheld(file) {
    if (file.withheld) throw new Differs(`the file says that something is withheld (${file.withheld}), and nothing is missing`);
  }

  async function checkLogged(file, { keys, known, witnesses }, report) {
    const announced = announcementOf(file.announcement.body);
    same("the announcement is of", announced.draw, file.draw);
    same("the algorithm is", announced.algorithm, ALGORITHM);
    const sizes = Object.values(announced.roster_strata);
    same("the strata add up to", sizes.reduce((sum, size) => sum + size, 0), announced.roster_count);
    const recorded = await checkEvent("the announcement", "draws.draw-announced", file.announcement, keys, report);
    if (recorded !== null && !known) {
      report.unchecked.push(`that the log signs with ${keys.join(", ")} is only this file's word: compare it with the key that you know, or give that one`);
    }
    const out = Object.entries(announced.excluded || {}).filter(([, count]) => count).sort(([one], [other]) => (one < other ? -1 : 1));
    if (out.length) {
      report.beyond.push(`who is not on the roster because a cap is used up no file can show: the announcement counts ${out.map(([key, count]) => `${count} of ${key}`).join(", ")}`);
    }
    await checkTime(file.announcement, announced, recorded, witnesses, report);
    const seed = file.seed && file.seed.body;
    if (seed) {
      if (file.seed.position <= file.announcement.position) throw new Differs("the seed stands in the log before the announcement");
      await checkSeed(announced, seed, report);
    }
    const execution = file.execution && file.execution.body;
    if (execution) {
      const at = await checkEvent("the outcome", "draws.draw-executed", file.execution, keys, report);
      if (file.announcement.receipt != null && file.execution.receipt != null) {
        const origin = (event) => parsedReceipt(event.receipt).origin;
        same("the outcome stands in the log", origin(file.execution), origin(file.announcement));
      }
      checkExecution(file, announced, seed, execution, at, report);
    }
    checkStage(file, seed, execution, report);
    return { announced, seed, execution };
  }

  async function checkRoster(roster, announced, report) {
    const lines = rosterLines(roster);
    same("the hash of the roster is", await listHash(lines), announced.roster_hash);
    same("the root of the roster is", await root(lines), announced.roster_root);
    same("the roster has", lines.length, announced.roster_count);
    const sizes = Object.create(null);
    for (const entry of roster) sizes[entry[announced.by]] = (sizes[entry[announced.by]] || 0) + 1;
    same("the strata of the roster are", sizes, announced.roster_strata);
    report.held.push(`the roster of ${lines.length} is the announced one: ${announced.roster_hash}`);
  }

  async function checkSelection(file, announced, seed, execution, report) {
    const strata = announced.strata.map(({ key, ratio }) => [key, ratio]);
    const made = await draw(file.roster, announced.draw, seed.seed, strata, announced.by, announced.reserves);
    const picked = made.flatMap((stratum) => stratum.picked);
    if (!file.selection) report.unchecked.push("the selection is not in the file; its hash and root are checked");
    else {
      for (let index = 0; index < Math.min(picked.length, file.selection.length); index += 1) {
        const { stratum, rank } = picked[index];
        for (const name of Object.keys({ ...picked[index], ...file.selection[index] }).sort()) {
          same(`line ${index + 1} of the selection (${stratum}, rank ${rank}): ${name} is`,
            file.selection[index][name], picked[index][name]);
        }
      }
      same("the lines of the selection are", file.selection.length, picked.length);
    }
    const lines = picked.map(canonical);
    await sameSelection(lines, execution);
    const reserves = lines.length - execution.selected;
    report.held.push(`made again, the draw gives the same ${execution.selected} businesses and ${reserves} reserves: ${execution.selection_hash}`);
  }

  async function sameSelection(lines, execution) {
    same("the hash of the selection is", execution.selection_hash, await listHash(lines));
    same("the root of the selection is", execution.selection_root, await root(lines));
  }

  // The law requires at least this many officers on each visit.
  const TOGETHER = 2;

  async function checkOfficers(file, announced, seed, execution, report) {
    const assignments = file.assignments || [];
    const parts = file.parts || [];
    if (!file.officers) {
      if (assignments.length || parts.length) throw new Differs("the file has assignments and no officers");
      return;
    }
    const further = (announced.parts || []).filter((part) => part.unit !== announced.unit);
    const rosters = [{ whose: "", officers: file.officers, announced: announced.officer_roster_hash, assignments }];
    if (parts.length || !further.length) {
      same("the further units are", parts.map((part) => part.unit), further.map((part) => part.unit));
    } else {
      report.unchecked.push(`the officers of ${further.map((part) => part.unit).join(", ")} are not in the file`);
    }
    parts.forEach((part, index) => rosters.push({
      whose: ` of ${part.unit}`, officers: part.officers, announced: further[index].officer_roster_hash, assignments: part.assignments,
    }));
    for (const roster of rosters) {
      const found = hex(await sha256(utf8(canonical([...roster.officers].sort(before)))));
      same(`the hash of the officer roster${roster.whose} is`, found, roster.announced);
      report.held.push(`the officer roster${roster.whose} is the announced one: ${found}`);
    }
    if (!seed || !execution) {
      same("before the draw was made the assignments are", rosters.reduce((sum, one) => sum + one.assignments.length, 0), 0);
      return;
    }
    for (const roster of rosters) await checkOrder(roster, announced, seed);
    checkAssigned(file, assignments, announced, report);
    const visited = (roster) => roster.assignments.map((one) => one.entity).sort(before);
    for (const roster of rosters.slice(1)) {
      // The units visit together, so all units visit the same businesses.
      same(`the businesses visited by the officers${roster.whose} are`, visited(roster), visited(rosters[0]));
    }
    if (assignments.length) {
      const passed = rosters.flatMap((one) => one.assignments).reduce((sum, one) => sum + one.skipped.length, 0);
      report.held.push(`the officers of ${assignments.length} visits were asked in the drawn order`);
      report.unchecked.push("that these assignments are the recorded ones is only this file's word, "
        + `and so are the reasons for which ${passed} were passed over`);
    }
  }

  async function checkOrder({ whose, officers: roster, assignments }, announced, seed) {
    for (const { entity, officers, skipped } of assignments) {
      if (officers.length < TOGETHER) {
        throw new Differs(`${entity} is visited by ${officers.length}${whose}; it should be by ${TOGETHER}`);
      }
      const order = await officerOrder(seed.seed, announced.draw, entity, roster);
      const passed = skipped.map((one) => one.officer);
      const asked = order.slice(0, officers.length + passed.length);
      same(`the officers${whose} of ${entity} are`, officers, asked.filter((name) => !passed.includes(name)));
      same(`passed over${whose} for ${entity} were`, passed, asked.filter((name) => passed.includes(name)));
    }
  }

  function checkAssigned(file, assignments, announced, report) {
    const visited = new Set(assignments.map((one) => one.entity));
    if (visited.size !== assignments.length) throw new Differs("a business has officers twice");
    if (!file.selection) {
      if (visited.size) report.unchecked.push("whether those visited were drawn: the selection is not in the file");
      return;
    }
    const listed = new Set(file.selection.map((line) => line.uscc));
    for (const one of visited) {
      if (!listed.has(one)) throw new Differs(`${one} has officers, and does not stand in the selection`);
    }
    const due = new Map(announced.strata.map(({ key, ratio }) => [key, quota(sizeOf(announced, key), ratio)]));
    const drawn = file.selection.filter((line) => line.rank <= due.get(line.stratum)).map((line) => line.uscc);
    const left = drawn.filter((one) => !visited.has(one));
    if (left.length) {
      report.unchecked.push(`to ${left.length} of ${drawn.length} drawn no officers were sent by this file, ${left[0]} first: `
        + "it may be too early, or they were exempted");
    }
  }

  async function checkDraw(file, keys, report) {
    const { announced, seed, execution } = await checkLogged(file, keys, report);
    if (!seed) report.unchecked.push(`the draw is ${file.stage}: it has no seed yet`);
    if (file.roster == null) report.unchecked.push(`the roster is not in the file: ${file.withheld || "no reason is given"}`);
    else {
      nothingWithheld(file);
      await checkRoster(file.roster, announced, report);
    }
    if (seed && !execution) report.unchecked.push(`the draw is ${file.stage}: it was not made`);
    if (file.selection && !execution) throw new Differs("the file has a selection and no outcome");
    if (seed && execution && file.roster) await checkSelection(file, announced, seed, execution, report);
    else if (file.selection) await sameSelection(file.selection.map(canonical), execution);
    await checkOfficers(file, announced, seed, execution, report);
  }

  // Returns the ticket of a business in the receipt's stratum; its line must be on the roster.
  async function ticketOnRoster(entity, stratum, place, announced, seed) {
    const stands = await proves(announced.roster_root, announced.roster_count, place.index, utf8(place.line), digests(place));
    if (!stands) throw new Differs(`the line of ${entity} is not proven to stand on the announced roster`);
    const entry = JSON.parse(place.line);
    same("the line is of", entry.uscc, entity);
    same("its stratum is", entry[announced.by], stratum);
    return ticket(seed.seed, announced.draw, stratum, entity, entry.weight);
  }

  // Returns the rank of a business; its line must belong to the outcome.
  async function rankInSelection(entity, stratum, own, place, execution) {
    const line = JSON.parse(place.line);
    same("the selection has", [line.uscc, line.stratum, line.ticket], [entity, stratum, own]);
    if (!Number.isSafeInteger(line.rank) || line.rank < 1) throw new Differs(`the rank of ${entity} is ${line.rank}`);
    const listed = await proves(execution.selection_root, execution.selection_count, place.index, utf8(place.line), digests(place));
    if (!listed) throw new Differs(`rank ${line.rank} of ${entity} is not proven to be the outcome's`);
    return line.rank;
  }

  function digests(place) {
    if (place.path.some((one) => !/^[0-9a-f]{64}$/.test(one))) throw new Differs("a path holds 64 hex digits for each step");
    return place.path.map(unhex);
  }

  async function checkThreshold(file, announced, seed, execution, due, report) {
    const { stratum, threshold, last, withheld } = file;
    if (!last) {
      report.unchecked.push(`that the last drawn ticket is this one is only this file's word: ${withheld || "no reason is given"}`);
      return;
    }
    nothingWithheld(file);
    const { uscc } = JSON.parse(last.selected.line);
    const found = await ticketOnRoster(uscc, stratum, last.roster, announced, seed);
    const rank = await rankInSelection(uscc, stratum, found, last.selected, execution);
    same(`the rank of ${uscc}, which is named as the last one drawn, is`, rank, due);
    same("the last drawn ticket is", threshold, found);
    report.held.push(`the last drawn ticket is that of ${uscc}, rank ${rank} in the selection`);
  }

  async function checkReceipt(file, keys, report) {
    const { announced, seed, execution } = await checkLogged(file, keys, report);
    if (!seed || !execution) throw new Differs("the receipt lacks the seed or the outcome");
    const { entity, stratum, threshold, drawn, selected } = file;
    const ratio = (announced.strata.find((one) => one.key === stratum) || {}).ratio;
    if (ratio === undefined) throw new Differs(`${stratum} is no stratum of the draw`);
    const own = await ticketOnRoster(entity, stratum, file.roster, announced, seed);
    report.held.push(`${entity} stood on the announced roster, in stratum ${stratum}`);
    same("its ticket is", file.ticket, own);
    const size = sizeOf(announced, stratum);
    const due = quota(size, ratio);
    if (threshold !== null && !/^[0-9a-f]{64}$/.test(threshold)) throw new Differs(`${threshold} is no ticket`);
    if ((threshold === null) !== (due === 0)) throw new Differs(`${due} are drawn from ${stratum}; the last ticket is ${threshold}`);
    same("by the last drawn ticket, drawn is", drawn, threshold !== null && own <= threshold);
    if (!selected && (drawn || due === size)) throw new Differs(`${entity} was drawn, and its line of the selection is missing`);
    let rank = null;
    if (selected) {
      rank = await rankInSelection(entity, stratum, own, selected, execution);
      if ((rank <= due) !== drawn) throw new Differs(`${due} were drawn, and the rank is ${rank}; drawn is ${drawn}`);
      report.held.push(`rank ${rank} stands in the selection that the outcome names`);
    }
    if (rank === due || !due) nothingWithheld(file);
    if (rank !== null && rank === due) same("the last drawn ticket is", threshold, own);
    else if (due) await checkThreshold(file, announced, seed, execution, due, report);
    const fate = drawn ? "was drawn" : "was not drawn";
    report.held.push(`its ticket is ${own}, the last of ${due} drawn from ${size} in ${stratum} ${threshold}: ${entity} ${fate}`);
  }

  const KINDS = new Map([[FILE, checkDraw], ["uvdraw-receipt/1", checkReceipt]]);

  // Checks the text of a file. Reports what is right, what could not be checked, and the first difference.
  // `keys`: the log's keys, if known from another source; otherwise those in the file. `witnesses`: the
  // keys of witnesses; all must have cosigned the announcement before the first value was published.
  async function verify(text, keys = [], witnesses = []) {
    const report = { held: [], unchecked: [], beyond: [], differs: null };
    try {
      const file = JSON.parse(text);
      const check = KINDS.get(file.format);
      if (!check) throw new Differs(`${file.format} is no draw file and no draw receipt`);
      checkShape(file);
      const known = keys.length > 0;
      await check(file, { keys: known ? keys : file.keys || [], known, witnesses }, report);
    } catch (error) {
      // A file with missing parts counts as different, too.
      report.differs = error.message;
    }
    return report;
  }

  return { draw, listHash, root, rosterLines, canonical, officerOrder, quota, verify };
})();

globalThis.UVDRAW = UVDRAW;
