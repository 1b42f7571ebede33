"use strict";
// Verifies proofs of events with the browser's crypto.subtle only: the tree of RFC 6962, records in
// MessagePack, receipts and keys in the formats of C2SP. It shares no code with the service, and
// uses neither a page nor a network.

const PROOFS = (() => {
  const encoder = new TextEncoder();
  const utf8 = (text) => encoder.encode(text);

  class Differs extends Error {}

  // --- bytes and hashes

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  const unbase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

  function joined(...parts) {
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

  // Hash in groups: each hash is a promise, so all at once would take too much memory.
  const MANY = 4096;

  async function hashed(count, bytesOf) {
    const digests = [];
    for (let at = 0; at < count; at += MANY) {
      const some = [];
      for (let index = at; index < Math.min(at + MANY, count); index += 1) some.push(sha256(bytesOf(index)));
      for (const digest of await Promise.all(some)) digests.push(digest);
    }
    return digests;
  }

  // --- the tree (RFC 6962, section 2.1)

  const leaf = (bytes) => joined([0], bytes);
  const node = (left, right) => joined([1], left, right);

  async function proves(rootHex, size, index, entry, path) {
    if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) return false;
    let digest = await sha256(leaf(entry));
    let at = index, last = size - 1, used = 0;
    while (last > 0) {
      if (at % 2 || at < last) {
        if (used === path.length) return false;
        const sibling = path[used];
        digest = await sha256(at % 2 ? node(sibling, digest) : node(digest, sibling));
        used += 1;
      }
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    return used === path.length && hex(digest) === rootHex;
  }

  // Returns whether a tree begins with a smaller one (RFC 9162, section 2.1.4.2).
  async function extended(old, oldRootHex, size, rootHex, path) {
    if (!(Number.isSafeInteger(old) && Number.isSafeInteger(size) && old >= 0 && old <= size)) return false;
    if (old === size) return path.length === 0 && oldRootHex === rootHex;
    if (old === 0) return path.length === 0;
    let at = old - 1, last = size - 1;
    while (at % 2) {
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    // A smaller tree whose size is a power of two is a node of the larger one, and not in the path.
    const hashes = at === 0 ? [unhex(oldRootHex), ...path] : path;
    if (!hashes.length) return false;
    let before = hashes[0], after = hashes[0];
    for (const sibling of hashes.slice(1)) {
      if (last === 0) return false;
      if (at % 2 || at === last) {
        before = await sha256(node(sibling, before));
        after = await sha256(node(sibling, after));
        while (at !== 0 && at % 2 === 0) {
          at = Math.floor(at / 2);
          last = Math.floor(last / 2);
        }
      } else after = await sha256(node(after, sibling));
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    return last === 0 && hex(before) === oldRootHex && hex(after) === rootHex;
  }

  // --- an event's record (MessagePack), its receipt (tlog-proof), the keys of logs and witnesses

  function unpacked(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let at = 0;
    const number = (size, read) => {
      const value = read.call(view, at);
      at += size;
      return value;
    };
    const length = (size) => number(size, { 1: view.getUint8, 2: view.getUint16, 4: view.getUint32 }[size]);
    const text = (size) => {
      const value = decoder.decode(bytes.subarray(at, at + size));
      at += size;
      return value;
    };
    // A number that JavaScript cannot hold exactly stays a BigInt.
    const whole = (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
    const list = (size) => Array.from({ length: size }, value);
    const map = (size) => {
      const entries = {};
      for (let left = size; left > 0; left -= 1) {
        const key = value();
        Object.defineProperty(entries, key, { value: value(), enumerable: true });
      }
      return entries;
    };
    function value() {
      const kind = length(1);
      if (kind < 0x80) return kind;
      if (kind < 0x90) return map(kind & 15);
      if (kind < 0xa0) return list(kind & 15);
      if (kind < 0xc0) return text(kind & 31);
      if (kind >= 0xe0) return kind - 256;
      switch (kind) {
        case 0xc0: return null;
        case 0xc2: return false;
        case 0xc3: return true;
        case 0xcb: return number(8, view.getFloat64);
        case 0xcc: case 0xcd: case 0xce: return length(1 << (kind - 0xcc));
        case 0xcf: return whole(number(8, view.getBigUint64));
        case 0xd0: return number(1, view.getInt8);
        case 0xd1: return number(2, view.getInt16);
        case 0xd2: return number(4, view.getInt32);
        case 0xd3: return whole(number(8, view.getBigInt64));
        case 0xd9: case 0xda: case 0xdb: return text(length(1 << (kind - 0xd9)));
        case 0xdc: case 0xdd: return list(length(2 << (kind - 0xdc)));
        case 0xde: case 0xdf: return map(length(2 << (kind - 0xde)));
        default: throw new Differs(`the record holds a value of an unknown kind, ${kind}`);
      }
    }
    const record = value();
    if (at !== bytes.length) throw new Differs("there are more bytes after the record");
    return record;
  }

  function parsedReceipt(given) {
    const cut = given.indexOf("\n\n");
    const [head, ...lines] = given.slice(0, cut).split("\n");
    if (cut < 0 || head !== "c2sp.org/tlog-proof@v1") throw new Differs("this is not a receipt of a log");
    if (lines[0].startsWith("extra ")) lines.shift();
    const index = /^index (0|[1-9][0-9]*)$/.exec(lines[0]);
    if (!index) throw new Differs("the receipt must name an index; it does not");
    return { index: Number(index[1]), path: lines.slice(1).map(unbase64), ...parsedNote(given.slice(cut + 2)) };
  }

  // Returns a checkpoint with its signatures, which are not checked yet.
  function parsedNote(checkpoint) {
    const end = checkpoint.lastIndexOf("\n\n");
    if (end < 0) throw new Differs("the checkpoint has no signatures");
    const body = checkpoint.slice(0, end + 1);
    const [origin, size, rootText] = body.split("\n");
    const signatures = checkpoint.slice(end + 2).split("\n").filter(Boolean).map((line) => {
      const [, name, blob] = /^— ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line) || [];
      if (!name) throw new Differs("a signature of the checkpoint cannot be read");
      return { name, blob: unbase64(blob) };
    });
    return { body, origin, size: Number(size), root: hex(unbase64(rootText)), signatures };
  }

  // The byte that marks each kind of key.
  const LOG = 1, WITNESS = 4;

  async function parsedKey(given, kind = LOG) {
    const [name, id, ...rest] = given.split("+");
    const blob = unbase64(rest.join("+"));
    const expected = hex((await sha256(joined(utf8(`${name}\n`), blob))).subarray(0, 4));
    if (blob.length !== 33 || id !== expected) throw new Differs(`${given} is not a key`);
    if (blob[0] !== kind) throw new Differs(`${given} is not the key of a ${kind === LOG ? "log" : "witness"}`);
    return { name, id, bytes: blob.subarray(1), given };
  }

  // Returns whether a key made an Ed25519 signature; null if this browser cannot check that.
  async function signs(key, signature, message) {
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return null;
    }
    return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
  }

  // Returns when a witness first signed a checkpoint, in milliseconds; null like `signs`.
  async function seenBy(receipt, witness) {
    let first = Infinity;
    for (const { name, blob } of receipt.signatures) {
      if (name !== witness.name || hex(blob.subarray(0, 4)) !== witness.id) continue;
      if (blob.length !== 76) throw new Differs(`the cosignature of ${name} is too short`);
      const seconds = new DataView(blob.buffer, blob.byteOffset).getBigUint64(4);
      const message = utf8(`cosignature/v1\ntime ${seconds}\n${receipt.body}`);
      const good = await signs(witness, blob.subarray(12), message);
      if (good === null) return null;
      if (!good) throw new Differs(`the cosignature of ${name} is wrong`);
      first = Math.min(first, Number(seconds) * 1000);
    }
    if (first === Infinity) throw new Differs(`the checkpoint is not cosigned by ${witness.name}`);
    if (first > 8.64e15) throw new Differs(`the cosignature of ${witness.name} is of no moment`);
    return first;
  }

  // Returns the keys that signed, in their text form; null if this browser cannot check Ed25519.
  async function signedBy(receipt, keys) {
    const signers = [];
    for (const { name, blob } of receipt.signatures) {
      const key = keys.find((known) => known.name === name && known.id === hex(blob.subarray(0, 4)));
      if (!key || name !== receipt.origin) continue; // a key counts only for the log with its name
      const good = await signs(key, blob.subarray(4), utf8(receipt.body));
      if (good === null) return null;
      if (!good) throw new Differs(`the signature of ${name} is wrong`);
      signers.push(key.given);
    }
    if (!signers.length) throw new Differs(`the checkpoint is of the log ${receipt.origin}, and not signed by it`);
    return signers;
  }

  // Returns the event whose record a receipt proves, with the result of `signedBy`.
  async function proven(record, text, keys, what = "the record") {
    const receipt = parsedReceipt(text);
    if (!(await proves(receipt.root, receipt.size, receipt.index, record, receipt.path))) {
      throw new Differs(`${what} is not proven to be in the log`);
    }
    const known = await Promise.all(keys.map((key) => parsedKey(key)));
    const signers = await signedBy(receipt, known);
    return { fields: unpacked(record), position: receipt.index + 1, receipt, signers };
  }

  return {
    Differs, WITNESS, extended, hashed, hex, leaf, node, parsedKey, parsedNote, parsedReceipt, proven, proves,
    seenBy, sha256, signedBy, unbase64, unhex, unpacked, utf8,
  };
})();

globalThis.PROOFS = PROOFS;
