"""The log's side of the tlog-witness protocol: ask witnesses to cosign, and ask them what they remember."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import httpx

from nexus.audit.model import WitnessSpec
from nexus.crypto.notes import MAX_NOTE_BYTES, Note, NoteSignature, VerifierKey, parse_size, verify_note
from nexus.kernel.errors import Invalid, Unavailable

TIMEOUT_S = 5.0
"""How long a witness may take to answer, connection included."""


class Refused(Exception):
    """The witness did not cosign because it remembers something else.

    `size`: the size that it says it remembers, or None where it says that the histories differ. A mere claim: only a
    checkpoint with the log's own signature is evidence.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness as the log sees it."""

    name: str
    url: str
    keys: tuple[VerifierKey, ...]

    @classmethod
    def of(cls, spec: WitnessSpec) -> "Witness":
        """From its configured form. Raises Invalid on a malformed key."""
        return cls(spec.name, spec.url.rstrip("/"), tuple(VerifierKey.parse(text) for text in spec.keys))

    def has_signed(self, note: Note) -> bool:
        """Whether the note carries a valid cosignature of each of its keys. Raises Damaged on an invalid one."""
        return len(verify_note(note, self.keys)) == len(self.keys)


class WitnessClient:
    """Talks to witnesses over HTTP. Every failure of a witness is an Unavailable of that witness."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """`http`: configured by app with the certificate authorities that it trusts."""
        self._http = http

    async def cosign(
        self, witness: Witness, note: Note, old_size: int, proof: Sequence[bytes]
    ) -> tuple[NoteSignature, ...]:
        """Its signature lines for `note`; the caller verifies them. `proof` leads from `old_size` to the note's size.

        Raises Refused where it remembers something else, Unavailable where it gives no usable answer.
        """
        lines = [f"old {old_size}", *(b64encode(value).decode() for value in proof)]
        body = "\n".join(lines) + f"\n\n{note}"
        status, text = await self._send(witness, "POST", "add-checkpoint", body.encode())
        try:
            if status == httpx.codes.CONFLICT:
                raise Refused(parse_size(text.removesuffix("\n")))
            if status == httpx.codes.UNPROCESSABLE_ENTITY:
                raise Refused(None)
            if status == httpx.codes.OK:
                lines = text.removesuffix("\n").split("\n")
                return tuple(s for s in map(NoteSignature.parse, lines) if any(s.is_by(key) for key in witness.keys))
        except Invalid as error:
            raise _unusable(witness, error.message) from None
        raise _unusable(witness, f"status {status}")

    async def latest(self, witness: Witness, origin: str) -> Note | None:
        """The newest checkpoint of the log that it shows, unverified; None if it has seen none."""
        path = f"{sha256(origin.encode()).hexdigest()}/checkpoint"
        status, text = await self._send(witness, "GET", path, None)
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise _unusable(witness, f"status {status}")
        try:
            return Note.parse(text)
        except Invalid as error:
            raise _unusable(witness, error.message) from None

    async def _send(self, witness: Witness, method: str, path: str, body: bytes | None) -> tuple[int, str]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                async with self._http.stream(method, f"{witness.url}/{path}", content=body) as answer:
                    return answer.status_code, (await _read(answer)).decode()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            raise _unusable(witness, type(error).__name__) from error


async def _read(answer: httpx.Response) -> bytes:
    """The body, of bounded size."""
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_NOTE_BYTES:
            raise httpx.DecodingError("the answer is too long", request=answer.request)
    return bytes(body)


def _unusable(witness: Witness, why: str) -> Unavailable:
    return Unavailable(
        f"witness {witness.name} gave no usable answer: {why}",
        code="audit.witness-unavailable",
        hint="check that it runs and that its address and keys are those of the log's policy",
    )
