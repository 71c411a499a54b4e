// Passkeys: asks the authenticator for what the page's form says, puts the answer into the form and sends it.
// It speaks to nobody: the only thing that leaves the page is the form.
"use strict";

(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const asked = form.dataset;
  const trouble = document.getElementById("passkey-trouble");
  const start = form.querySelector("[data-start]");

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const text = (buffer) => btoa(Array.from(new Uint8Array(buffer ?? []), (byte) => String.fromCharCode(byte)).join(""));
  const keys = (list) => list.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) }));

  const put = (values) => {
    for (const [name, value] of Object.entries(values)) {
      form.elements.namedItem((asked.prefix ?? "") + name).value = value;
    }
  };

  const get = async () => {
    const made = await navigator.credentials.get({
      publicKey: {
        challenge: bytes(asked.challenge),
        rpId: asked.rp,
        allowCredentials: keys(asked.allow),
        userVerification: "required",
      },
    });
    put({
      credential: text(made.rawId),
      client_data: text(made.response.clientDataJSON),
      authenticator_data: text(made.response.authenticatorData),
      signature: text(made.response.signature),
      user_handle: text(made.response.userHandle),
    });
  };

  const create = async () => {
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(asked.challenge),
        rp: { id: asked.rp, name: asked.rpName },
        user: { id: bytes(asked.handle), name: asked.login, displayName: asked.displayName },
        pubKeyCredParams: asked.algorithms.split(" ").map((alg) => ({ type: "public-key", alg: Number(alg) })),
        excludeCredentials: keys(asked.exclude),
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
        attestation: "none",
      },
    });
    put({ client_data: text(made.response.clientDataJSON), attestation: text(made.response.attestationObject) });
  };

  const run = async () => {
    trouble.hidden = true;
    start.disabled = true;
    try {
      await (asked.passkey === "create" ? create() : get());
      form.submit();
    } catch {
      trouble.hidden = false; // the person said no, had no passkey, or took too long: the browser does not say which
      trouble.focus();
      start.disabled = false;
    }
  };

  start.hidden = false;
  start.addEventListener("click", run);
  if ("now" in asked) run();
})();
