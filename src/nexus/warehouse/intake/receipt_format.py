"""Receipts of deliveries, as files: what they say, how they are signed and verified. Pure. docs/formats/delivery.md.

`delivery` says what was decided about which files; its digest stands in the entry of the audit log that was committed with
the decision. `signature` covers it; `log` is the proof (C2SP tlog-proof) of that entry.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from msgspec import Struct

from nexus.audit.model import ProvenEntry
from nexus.crypto.signatures import ALGORITHM, Signature
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Outcome
from nexus.warehouse.intake.manifest import Follows
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider

FORMAT: Final = "nexus.delivery-receipt/1"
LABEL: Final = b"nexus/delivery-receipt/v1\n"
MAX_RECEIPT_BYTES: Final = 8 << 20
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
Prove = Callable[[str], ProvenEntry]
"""Verifies a proof of the log against keys that are trusted. Raises Damaged or Invalid."""


class ReceivedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file as it was found."""

    name: str
    sha256: str
    bytes: int
    rows: int


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was decided about a delivery. `faults`: why, if it was refused; the report says where."""

    id: str
    provider: str
    site: str
    number: int
    attempt: int
    state: DeliveryState
    submitted: str
    decided: str
    manifest_sha256: str
    files: tuple[ReceivedFile, ...]
    faults: tuple[str, ...]
    report_sha256: str
    """Of the report in canonical JSON."""
    follows: Follows | None = None
    """Of changes; not there for a whole delivery."""

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        return hashlib.sha256(_ENCODER.encode(self)).hexdigest()


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    format: str
    delivery: Content
    signature: Signature
    log: str
    """The proof that the entry of the decision stands in the audit log."""


class Verified(Struct, frozen=True, kw_only=True):
    """What a valid receipt proves."""

    provider: str
    number: int
    state: DeliveryState
    follows: int | None
    """The number of the delivery that changes apply to."""
    files: int
    rows: int
    issued_by: str
    origin: str
    index: int
    recorded: str
    cosigned: dict[str, str]


def content_of(provider: Provider, delivery: Delivery) -> Content:
    """What a receipt of a decided delivery says."""
    report = delivery.report
    return Content(
        id=delivery.id,
        provider=provider.name,
        site=provider.site,
        number=delivery.number,
        attempt=delivery.attempt,
        state=delivery.state,
        submitted=rfc3339(delivery.submitted_at),
        decided=rfc3339(delivery.decided_at or 0),
        manifest_sha256=delivery.manifest_sha256,
        files=tuple(
            ReceivedFile(name=file.name, sha256=file.sha256, bytes=file.bytes, rows=file.rows) for file in report.files
        ),
        faults=tuple(sorted({problem.fault.value for problem in report.problems})),
        report_sha256=hashlib.sha256(_ENCODER.encode(report)).hexdigest(),
        follows=delivery.follows,
    )


def message_of(content: Content) -> bytes:
    """The bytes that are signed: a label, then canonical JSON."""
    return LABEL + _ENCODER.encode({"delivery": content, "format": FORMAT})


def encode(content: Content, signature: Signature, log: str) -> bytes:
    """The file: canonical JSON, UTF-8."""
    return _ENCODER.encode(Receipt(format=FORMAT, delivery=content, signature=signature, log=log))


def verify(file: bytes, prove: Prove) -> Verified:
    """Check a receipt with public keys alone. Raises Damaged if it proves nothing, Invalid if it is no receipt."""
    # Step 1. Take it apart.
    receipt = _parsed(file)
    # Step 2. The signature covers the content.
    _check_signature(receipt)
    # Step 3. The proof leads to the log that is trusted, and shows an entry.
    proven = prove(receipt.log)
    if proven.content is None:
        raise Damaged("the entry of the decision was erased from this proof", code="intake.receipt-erased")
    # Step 4. The entry recorded this very decision.
    entry, content = proven.content, receipt.delivery
    said = {name: entry.details.get(name) for name in ("delivery", "digest", "state")}
    made = {"delivery": content.id, "digest": content.digest(), "state": content.state.value}
    if said != made or entry.outcome is not Outcome.ALLOWED or entry.resource.attributes.get("site") != content.site:
        raise Damaged("the log holds another decision than the receipt", code="intake.receipt-entry")
    return Verified(
        provider=content.provider,
        number=content.number,
        state=content.state,
        follows=None if content.follows is None else content.follows.number,
        files=len(content.files),
        rows=sum(each.rows for each in content.files),
        issued_by=receipt.signature.signer,
        origin=proven.origin,
        index=proven.index,
        recorded=entry.recorded,
        cosigned=proven.cosigned,
    )


def _parsed(file: bytes) -> Receipt:
    if len(file) > MAX_RECEIPT_BYTES:
        raise Invalid(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes", code="intake.receipt-form")
    try:
        receipt = msgspec.json.decode(file, type=Receipt)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid("this is no receipt of a delivery", code="intake.receipt-form") from error
    if receipt.format != FORMAT or receipt.signature.algorithm != ALGORITHM:
        raise Invalid("this receipt is of another format", code="intake.receipt-form", hint=f"known: {FORMAT}")
    return receipt


def _check_signature(receipt: Receipt) -> None:
    try:
        receipt.signature.check(message_of(receipt.delivery))
    except InvalidSignature as error:
        raise Damaged("the signature of the receipt does not verify", code="intake.receipt-signature") from error
