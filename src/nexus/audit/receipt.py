"""Receipts: one entry, proved to be in the log, verifiable offline (C2SP tlog-proof). docs/formats/receipt.md.

The extra data open the leaf:

    0x01 || salt (32) || payload    the entry itself
    0x02 || leaf data               an entry that has been erased: its place in the log is proved, its content is gone
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexus.audit.model import EntryContent
from nexus.audit.payload import LEAF_BYTES, SALT_BYTES, Opened
from nexus.audit.policy import TrustPolicy
from nexus.crypto.base64 import strict_b64decode
from nexus.crypto.merkle import MAX_PROOF_HASHES, leaf_hash, verify_inclusion
from nexus.crypto.notes import Checkpoint, Note, parse_size
from nexus.kernel.errors import Damaged, Invalid

MAX_RECEIPT_BYTES = 262_144
HEADER = "c2sp.org/tlog-proof@v1"

_OPENED = b"\x01"
_ERASED = b"\x02"


@dataclass(frozen=True, slots=True)
class Proven:
    """What a valid receipt proves: this content (None once erased) stands at `index` of a log of this checkpoint."""

    index: int
    content: EntryContent | None
    leaf: bytes
    checkpoint: Checkpoint
    cosigned: Mapping[str, int]
    """Witness name -> time (s since 1970) at which it vouched for the log up to this checkpoint."""


def encode_receipt(index: int, entry: Opened | bytes, proof: Sequence[bytes], note: str) -> str:
    """`entry`: the opened entry, or the leaf data of one that has been erased. `note`: the signed checkpoint."""
    extra = _ERASED + entry if isinstance(entry, bytes) else _OPENED + entry.salt + entry.payload
    lines = [HEADER, f"extra {b64encode(extra).decode()}", f"index {index}"]
    lines += [b64encode(value).decode() for value in proof]
    return "\n".join(lines) + "\n\n" + note


def verify_receipt(text: str, policy: TrustPolicy) -> Proven:
    """Check a receipt with public keys alone. Raises Damaged if it proves nothing, Invalid if it is no receipt."""
    # Step 1. Take it apart: extra data, index, proof, checkpoint.
    index, extra, proof, note = _parse(text)
    # Step 2. Compute the leaf from the entry that the receipt shows.
    entry = _open_extra(extra)
    leaf = entry if isinstance(entry, bytes) else entry.leaf
    # Step 3. The checkpoint is signed with every key of a log that the policy lists.
    attestation = policy.verify(note)
    # Step 4. Enough witnesses have cosigned it.
    policy.require_witnesses(attestation)
    # Step 5. The leaf stands at its index in the tree of the checkpoint.
    checkpoint = attestation.checkpoint
    verify_inclusion(leaf_hash(leaf), index, checkpoint.size, proof, checkpoint.root)
    content = None if isinstance(entry, bytes) else entry.content()
    return Proven(index, content, leaf, checkpoint, attestation.cosigned)


def _parse(text: str) -> tuple[int, bytes, list[bytes], Note]:
    if len(text) > MAX_RECEIPT_BYTES:
        raise Invalid(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes", code="receipt.too-large")
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or len(lines) < 3 or lines[0] != HEADER or len(lines) > 3 + MAX_PROOF_HASHES:
        raise Invalid("this is not a receipt in the tlog-proof form, version 1", code="receipt.form")
    extra = strict_b64decode(_after("extra ", lines[1]), "extra data of the receipt")
    index = parse_size(_after("index ", lines[2]))
    return index, extra, [strict_b64decode(line, "inclusion proof") for line in lines[3:]], Note.parse(note)


def _after(prefix: str, line: str) -> str:
    if not line.startswith(prefix):
        raise Invalid(f"a receipt has a line {prefix.strip()!r}", code="receipt.form")
    return line.removeprefix(prefix)


def _open_extra(extra: bytes) -> Opened | bytes:
    kind, body = extra[:1], extra[1:]
    if kind == _OPENED and len(body) > SALT_BYTES:
        return Opened(body[:SALT_BYTES], body[SALT_BYTES:])
    if kind == _ERASED and len(body) == LEAF_BYTES:
        return body
    raise Damaged("the receipt does not show an entry", code="receipt.extra")
