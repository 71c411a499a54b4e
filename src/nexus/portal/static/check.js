// Checks a receipt of the audit log in the browser: by arithmetic, with the log's public key, and asking nobody.
// The form is docs/formats/receipt.md (C2SP tlog-proof, signed-note; RFC 6962).
"use strict";

(() => {
  const form = document.getElementById("check");
  if (!form) return;
  const shown = form.dataset;
  const receipt = document.getElementById("receipt");
  const start = document.getElementById("check-now");
  const utf8 = new TextEncoder();

  const fail = (what) => { throw new Error(what); };
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const join = (...parts) => {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return whole;
  };
  const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
  const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

  // 1. Take it apart: extra data, index, inclusion proof, signed checkpoint.
  const parse = (text) => {
    const cut = text.indexOf("\n\n");
    const lines = text.slice(0, cut).split("\n");
    if (cut < 0 || lines[0] !== "c2sp.org/tlog-proof@v1") fail("form");
    if (!lines[1]?.startsWith("extra ") || !/^index (0|[1-9]\d{0,15})$/.test(lines[2] ?? "")) fail("form");
    const note = text.slice(cut + 2);
    const split = note.indexOf("\n\n");
    if (split < 0) fail("form");
    const body = note.slice(0, split + 1);
    const [origin, size, root] = body.split("\n");
    return {
      extra: bytes(lines[1].slice(6)),
      index: BigInt(lines[2].slice(6)),
      proof: lines.slice(3).map(bytes),
      body,
      signatures: note.slice(split + 2).split("\n").filter((line) => line.startsWith("— ")),
      origin,
      size: BigInt(size),
      root: bytes(root),
    };
  };

  // 2. The leaf: a fingerprint of the entry that the receipt shows, with its salt.
  const leafOf = async (extra) => {
    if (extra[0] !== 1 || extra.length < 34) fail("leaf");
    const [salt, payload] = [extra.slice(1, 33), extra.slice(33)];
    const data = join(Uint8Array.of(1), await sha256(utf8.encode("nexus/audit/leaf/v1\n"), salt, payload));
    return { hash: await sha256(Uint8Array.of(0), data), payload };
  };

  // 3. The path from the leaf to the root (RFC 9162, 2.1.3.2).
  const rootOf = async (hash, index, size, proof) => {
    if (index >= size) fail("path");
    let [place, last] = [index, size - 1n];
    for (const sibling of proof) {
      if (sibling.length !== 32 || last === 0n) fail("path");
      if (place & 1n || place === last) {
        hash = await sha256(Uint8Array.of(1), sibling, hash);
        while (!(place & 1n) && place !== 0n) { place >>= 1n; last >>= 1n; }
      } else {
        hash = await sha256(Uint8Array.of(1), hash, sibling);
      }
      place >>= 1n;
      last >>= 1n;
    }
    if (last !== 0n) fail("path");
    return hash;
  };

  // 4. The log's signature on the checkpoint. Returns false where the browser does not know Ed25519.
  const signed = async (parts) => {
    const [, name, id, encoded] = shown.key.match(/^(.*?)\+([0-9a-f]{8})\+(.*)$/) ?? fail("signature");
    const material = bytes(encoded);
    if (material[0] !== 1 || material.length !== 33 || parts.origin !== shown.origin) fail("signature");
    const expected = (await sha256(utf8.encode(name + "\n"), material)).slice(0, 4);
    if (!same(expected, Uint8Array.from(id.match(/../g), (two) => parseInt(two, 16)))) fail("signature");
    let key;
    try {
      key = await crypto.subtle.importKey("raw", material.slice(1), { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return false;
    }
    let found = false;
    for (const line of parts.signatures) {
      const cut = line.lastIndexOf(" ");
      const value = bytes(line.slice(cut + 1));
      if (line.slice(2, cut) !== name || !same(value.slice(0, 4), expected)) continue;
      if (!(await crypto.subtle.verify("Ed25519", key, value.slice(4), utf8.encode(parts.body)))) fail("signature");
      found = true;
    }
    return found || fail("signature");
  };

  const mark = (name, state) => {
    const step = form.querySelector(`[data-step=${name}]`);
    step.className = state;
    step.querySelector(".mark").textContent = { done: "✓", wrong: "✗", unknown: "?" }[state] ?? "";
  };
  const verdict = (name) => {
    for (const one of form.querySelectorAll("[data-verdict]")) one.hidden = one.dataset.verdict !== name;
  };

  const run = async () => {
    start.disabled = true;
    form.querySelector(".steps").hidden = false;
    for (const step of form.querySelectorAll("[data-step]")) mark(step.dataset.step, "");
    verdict("running");
    let at = "form";
    try {
      const parts = parse(receipt.value.trimEnd() + "\n");
      mark("form", "done");
      at = "leaf";
      const { hash, payload } = await leafOf(parts.extra);
      mark("leaf", "done");
      at = "path";
      if (!same(await rootOf(hash, parts.index, parts.size, parts.proof), parts.root)) fail("path");
      mark("path", "done");
      at = "signature";
      const certain = await signed(parts);
      mark("signature", certain ? "done" : "unknown");
      at = "content";
      const entry = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
      document.getElementById("says").textContent = JSON.stringify(entry, null, 2);
      const matches = entry.operation === shown.operation && entry.at === shown.at && entry.outcome === shown.outcome;
      if (!matches || String(parts.index) !== shown.index) fail("content");
      mark("content", "done");
      verdict(certain ? "good" : "unsigned");
    } catch {
      mark(at, "wrong");
      verdict("bad");
    }
    start.disabled = false;
  };

  start.hidden = false;
  start.addEventListener("click", run);
})();
