"""Consent receipts, as files: what they say, how they are signed, how they are verified. Pure. docs/formats/consent-receipt.md.

A receipt has three parts. `decision` is the decision itself, whose digest stands in the entry of the audit log that was
committed with it. `record` says the same in the fields of ISO/IEC TS 27560; it follows from the decision, and whoever
verifies computes it again. `signature` covers both; `log` is the proof (C2SP tlog-proof) of the entry.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from msgspec import Struct

from nexus.audit.model import EntryContent, ProvenEntry
from nexus.consent.model import Decision, DecisionKind, Effect, Provision
from nexus.consent.receipt_record import Circumstances, record_of
from nexus.crypto.signatures import ALGORITHM, Signature
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Outcome

FORMAT: Final = "nexus.consent-receipt/1"
LABEL: Final = b"nexus/consent-receipt/v1\n"
MAX_RECEIPT_BYTES: Final = 1 << 20
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
Prove = Callable[[str], ProvenEntry]
"""Verifies a proof of the log against keys that are trusted. Raises Damaged or Invalid."""


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    format: str
    circumstances: Circumstances
    decision: dict[str, Any]
    record: dict[str, Any]
    signature: Signature
    log: str
    """The proof that the entry of the decision stands in the audit log."""


class Verified(Struct, frozen=True, kw_only=True):
    """What a valid receipt proves."""

    decision: str
    subject: str
    kind: DecisionKind
    site: str
    issued_by: str
    """The key that signed the receipt."""
    origin: str
    """The log."""
    index: int
    """Of the entry in the log."""
    recorded: str
    """When the entry was written."""
    checkpoint_size: int
    cosigned: dict[str, str]
    permits: tuple[str, ...]
    denies: tuple[str, ...]
    """Purposes that the decision permits and denies, whatever has been decided since."""


def content_of(decision: Decision, circumstances: Circumstances) -> dict[str, Any]:
    """What is signed, in plain values."""
    return {
        "format": FORMAT,
        "circumstances": msgspec.to_builtins(circumstances),
        "decision": decision.content(),
        "record": record_of(decision, circumstances),
    }


def message_of(content: dict[str, Any]) -> bytes:
    """The bytes that are signed: a label, then canonical JSON."""
    return LABEL + _ENCODER.encode(content)


def encode(content: dict[str, Any], signature: Signature, log: str) -> bytes:
    """The file: canonical JSON, UTF-8."""
    return _ENCODER.encode({**content, "signature": msgspec.to_builtins(signature), "log": log})


def verify(file: bytes, prove: Prove) -> Verified:
    """Check a receipt with public keys alone. Raises Damaged if it proves nothing, Invalid if it is no receipt."""
    # Step 1. Take it apart.
    receipt, decision = _parsed(file)
    # Step 2. The signature covers circumstances, decision and record.
    _check_signature(receipt)
    # Step 3. The record says what the decision says.
    if receipt.record != record_of(decision, receipt.circumstances):
        raise Damaged("the record does not follow from the decision", code="consent.receipt-record")
    # Step 4. The proof leads to the log that is trusted, and shows an entry.
    proven = prove(receipt.log)
    if proven.content is None:
        raise Damaged("the entry of the decision was erased from this proof", code="consent.receipt-erased")
    # Step 5. The entry recorded this very decision.
    _check_entry(proven.content, decision, receipt.circumstances)
    return _verified(receipt, decision, proven, proven.content.recorded)


def _parsed(file: bytes) -> tuple[Receipt, Decision]:
    if len(file) > MAX_RECEIPT_BYTES:
        raise Invalid(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes", code="consent.receipt-form")
    try:
        receipt = msgspec.json.decode(file, type=Receipt)
        decision = msgspec.convert(receipt.decision, Decision)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid("this is no receipt of a decision", code="consent.receipt-form") from error
    if receipt.format != FORMAT or receipt.signature.algorithm != ALGORITHM:
        raise Invalid("this receipt is of another format", code="consent.receipt-form", hint=f"known: {FORMAT}")
    if decision.content() != receipt.decision:
        raise Damaged("the decision is not in its canonical form", code="consent.receipt-form")
    return receipt, decision


def _check_signature(receipt: Receipt) -> None:
    plain = msgspec.to_builtins(receipt)
    content = {name: plain[name] for name in ("format", "circumstances", "decision", "record")}
    try:
        receipt.signature.check(message_of(content))
    except InvalidSignature as error:
        raise Damaged("the signature of the receipt does not verify", code="consent.receipt-signature") from error


def _check_entry(entry: EntryContent, decision: Decision, circumstances: Circumstances) -> None:
    said = {name: entry.details.get(name) for name in ("decision", "digest", "kind", "version")}
    made = {
        "decision": decision.id,
        "digest": decision.digest(),
        "kind": decision.kind.value,
        "version": decision.number,
    }
    about = (entry.resource.type, entry.resource.id, entry.subject, entry.resource.attributes.get("site"))
    right = (
        said == made
        and entry.outcome is Outcome.ALLOWED
        and not entry.details.get("repeated")
        and about == ("Subject", decision.subject, decision.subject, circumstances.site)
    )
    if not right:
        raise Damaged("the log holds another decision than the receipt", code="consent.receipt-entry")


def _verified(receipt: Receipt, decision: Decision, proven: ProvenEntry, recorded: str) -> Verified:
    return Verified(
        decision=decision.id,
        subject=decision.subject,
        kind=decision.kind,
        site=receipt.circumstances.site,
        issued_by=receipt.signature.signer,
        origin=proven.origin,
        index=proven.index,
        recorded=recorded,
        checkpoint_size=proven.checkpoint_size,
        cosigned=proven.cosigned,
        permits=_purposes(decision.provisions, Effect.PERMIT),
        denies=_purposes(decision.provisions, Effect.DENY),
    )


def _purposes(provisions: tuple[Provision, ...], effect: Effect) -> tuple[str, ...]:
    return tuple(sorted({purpose.value for each in provisions if each.effect is effect for purpose in each.purposes}))
