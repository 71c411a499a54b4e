"""Receipts, given out: for each decision, to those who decide and to professionals, as JSON and as PDF."""

import asyncio
import re
from typing import Final

from nexus.consent import store
from nexus.consent.deciding import not_holder
from nexus.consent.holders import holding_now
from nexus.consent.model import Decision, Subject, subject_resource
from nexus.consent.ports import Proofs, Signer
from nexus.consent.receipt_format import content_of, encode, message_of
from nexus.consent.receipt_record import Circumstances
from nexus.consent.requests import GetReceipt, ReceiptFile, ReceiptForm
from nexus.consent.subjects import concerning, no_subject
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Operation

OWN: Final = "consent.own.receipt"
OF_DECISION: Final = "consent.effective.read"
_SAFE: Final = re.compile(r"[^a-z0-9_-]")


class Receipts:
    """The stories about receipts."""

    def __init__(
        self, database: Database, clock: Clock, signer: Signer, proofs: Proofs, circumstances: Circumstances
    ) -> None:
        """`circumstances`: the installation's; site and language come with each receipt."""
        self._database = database
        self._clock = clock
        self._signer = signer
        self._proofs = proofs
        self._circumstances = circumstances

    async def own(self, op: Operation, request: GetReceipt) -> ReceiptFile:
        """The receipt of a decision about a subject for whom the account decides. Raises Denied, NotFound, Unavailable."""
        now = self._clock.now()
        with self._database.read() as tx:
            if holding_now(tx, op.actor.person or op.actor.id, request.subject, now) is None:
                raise not_holder()
        return await self._given(op, OWN, request)

    async def of_decision(self, op: Operation, request: GetReceipt) -> ReceiptFile:
        """The same for a professional who may see what the patient permits."""
        return await self._given(op, OF_DECISION, request)

    async def _given(self, op: Operation, action: str, request: GetReceipt) -> ReceiptFile:
        subject, decision, operation = self._found(request)
        circumstances = Circumstances(
            site=subject.site,
            zone=self._circumstances.zone,
            notice=self._circumstances.notice,
            language=request.language.value,
        )
        content = content_of(decision, circumstances)
        log = await self._proofs.of_operation(operation, decision.id)
        signature = await self._signer.sign(op, message_of(content))
        file = encode(content, signature, log)
        name = f"consent-{_SAFE.sub('', decision.id)}"
        resource = subject_resource(subject.id, subject.site)
        entry = op.allowed(action, resource, decision=decision.id, receipt=request.form.value, key=signature.key)
        await self._database.record(concerning(entry, subject.id))
        if request.form is ReceiptForm.JSON:
            return ReceiptFile(name=f"{name}.json", media_type="application/json", content=file)
        paper = await asyncio.to_thread(_printed, decision, circumstances, f"{name}.json", file)
        return ReceiptFile(name=f"{name}.pdf", media_type="application/pdf", content=paper)

    def _found(self, request: GetReceipt) -> tuple[Subject, Decision, str]:
        with self._database.read() as tx:
            subject = store.subject(tx, request.subject)
            decision = store.decision(tx, request.decision)
            operation = store.operation_of(tx, request.decision)
        if subject is None:
            raise no_subject()
        if decision is None or decision.subject != subject.id:
            raise NotFound("the subject has no such decision", code="consent.no-decision")
        return subject, decision, operation


def _printed(decision: Decision, circumstances: Circumstances, attachment: str, file: bytes) -> bytes:
    from nexus.consent.receipt_pdf import printed  # a large library: loaded only where a receipt is printed

    return printed(decision, circumstances, attachment, file)
