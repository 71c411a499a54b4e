"""What the log says of a subject, for whoever decides for him: page by page, and proved entry by entry."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from nexus.audit.concerning import Concerning, Wanted
from nexus.audit.model import EntryContent
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Entry, Operation, Resource
from nexus.portal.ports import Proofs
from nexus.portal.requests import Accesses, AccessView, Kind, OwnAccesses, OwnProof, OwnReceipt

ACCESSES: Final = "consent.own.accesses"
PROOF: Final = "consent.own.proof"
CHOICES: Final = (
    "consent.own.decide",
    "consent.own.withdraw",
    "consent.own.object",
    "consent.own.lift-objection",
    "consent.own.ask",
)
RECORDED: Final = ("consent.decision.", "consent.representative.", "consent.holder.", "consent.request.")
"""What others record for a patient."""
IDENTIFIED: Final = "pseudonyms.person."
"""Somebody learned who stands behind a pseudonym: to a patient, no less than a read of her data."""
LOOKED: Final = ("objects.subject.holdings", "objects.withdrawal.reached")
"""Looks at what there is, without a byte of it."""


Names = Callable[[Operation, str], Awaitable[tuple[Sequence[str], bool]]]
"""Under which names the log speaks of a subject: his own, and those of manifests that name him; and whether that is all."""


class Histories:
    """Reads of the log by the person concerned. Each is an entry itself, under the same person's key."""

    def __init__(self, db: Database, concerning: Callable[[], Concerning], proofs: Proofs, names: Names) -> None:
        """`concerning` is a call, so that a lost lease fails closed: it raises Sealed while the log cannot be opened."""
        self._names = names
        self._db = db
        self._concerning = concerning
        self._proofs = proofs

    async def accesses(self, op: Operation, request: OwnAccesses) -> Accesses:
        """A page of the history. The gate has made sure that the account decides for the subject now."""
        names, complete = await self._names(op, request.subject)
        wanted = Wanted(
            lambda content: _fits(request, content, names), request.since, request.until, request.before, request.limit
        )
        page = await asyncio.to_thread(self._concerning().page, names, wanted)
        await self._db.record(_entry(op, ACCESSES, request.subject, found=len(page.entries)))
        entries = tuple(view(place, content, request.subject) for place, content in page.entries)
        return Accesses(entries=entries, next=page.next, complete=complete)

    async def proof(self, op: Operation, request: OwnProof) -> OwnReceipt:
        """A receipt for one entry of the history. Raises NotFound for any other entry, as if there were none."""
        names, _ = await self._names(op, request.subject)
        content = await asyncio.to_thread(self._concerning().find, names, request.index)
        if content is None or content.subject not in names:
            raise NotFound("there is no such entry about this subject", code="portal.no-entry")
        receipt = await self._proofs.receipt(request.index)
        origin, keys = self._proofs.log_keys()
        await self._db.record(_entry(op, PROOF, request.subject, index=request.index))
        return OwnReceipt(
            index=request.index,
            entry=view(request.index, content, request.subject),
            text=receipt.text,
            checkpoint_size=receipt.checkpoint_size,
            witnessed=receipt.witnessed,
            origin=origin,
            keys=keys,
        )


def kind_of(content: EntryContent) -> Kind:
    """What an entry is to the patient."""
    if content.action.startswith(IDENTIFIED):
        return Kind.DATA
    if content.action.startswith("objects.") and content.action not in LOOKED:
        return Kind.DATA
    chosen = content.action in CHOICES or content.action.startswith(RECORDED)
    return Kind.CHOICES if chosen else Kind.FILE


def view(place: int, content: EntryContent, subject: str) -> AccessView:
    """An entry as the patient sees it."""
    attributes, details, resource = content.resource.attributes, content.details, content.resource
    return AccessView(
        index=place,
        operation=content.operation,
        at=content.at,
        kind=kind_of(content),
        action=content.action,
        outcome=content.outcome,
        purpose=content.purpose,
        actor=content.actor.id,
        actor_kind=content.actor.kind,
        name=content.actor.name,
        site=str(attributes.get("site", "")),
        project=str(attributes.get("project", "")),
        bucket=resource.id if resource.type == "Bucket" else "",
        break_glass="break_glass" in details,
        reason=str(details.get("ruling") or details.get("reason") or details.get("consent") or ""),
        door=content.door,
        shared=content.subject != subject,
    )


def _fits(request: OwnAccesses, content: EntryContent, names: Collection[str]) -> bool:
    return (
        content.subject in names
        and kind_of(content) is request.kind
        and request.purpose in {"", content.purpose}
        and request.outcome in {None, content.outcome}
    )


def _entry(op: Operation, action: str, subject: str, **details: int) -> Entry:
    return replace(op.allowed(action, Resource("Subject", subject), **details), subject=subject)
