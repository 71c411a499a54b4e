"""The stories of providers and their deliveries, as the operations call them."""

import re
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NexusError
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Detail, Entry, Operation, Resource
from nexus.objects.model import BucketKind, bucket_resource
from nexus.warehouse.intake import chaining, deciding, store, views
from nexus.warehouse.intake.agreement import require_sound
from nexus.warehouse.intake.handing_in import HandingIn
from nexus.warehouse.intake.ingress import Ingress
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider, no_delivery, no_provider
from nexus.warehouse.intake.ports import Gate, Proofs, Signer
from nexus.warehouse.intake.receipts import Receipts
from nexus.warehouse.intake.report import Fault, Problem, Report
from nexus.warehouse.intake.requests import (
    ChangeAgreement,
    Deliveries,
    DeliveryReceipt,
    DeliveryView,
    EndProvider,
    JudgeDelivery,
    ListDeliveries,
    ListProviders,
    NamedDelivery,
    NamedProvider,
    Providers,
    ProviderView,
    RegisterProvider,
    SubmitDelivery,
)

SCANNED: Final = 1_000
"""Providers looked at for one page of those that somebody may see."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,62}", re.ASCII)


class IntakeService:
    """One method for each operation."""

    def __init__(
        self, database: Database, gate: Gate, clock: Clock, ingress: Ingress, *, signer: Signer, proofs: Proofs
    ) -> None:
        self._database = database
        self._gate = gate
        self._clock = clock
        self._ingress = ingress
        self._handing_in = HandingIn(database, ingress, clock)
        self._receipts = Receipts(database, signer, proofs)

    def resource(self, name: str) -> Resource:
        """A provider as the gate and the log see it: its bucket. One that does not exist is nobody's."""
        with self._database.read() as tx:
            found = store.provider(tx, name)
        return bucket_resource("unknown", "", "", BucketKind.STANDARD) if found is None else found.resource

    def bucket_resource(self, name: str) -> Resource:
        """The bucket of a provider to be; one that does not exist, or is of another kind, is nobody's."""
        try:
            return self._ingress.bucket(name).resource
        except NexusError:
            return bucket_resource(name, "", "", BucketKind.STANDARD)

    # Providers

    async def register(self, op: Operation, request: RegisterProvider) -> ProviderView:
        """Raises Invalid (name, bucket, agreement), NotFound, Conflict if the name was ever used or the bucket is taken."""
        if _NAME.fullmatch(request.name) is None:
            raise Invalid("a name is small letters, digits and hyphens", code="intake.provider-name")
        require_sound(request.agreement)
        bucket = self._ingress.bucket(request.bucket)
        new = Provider(
            id=new_id("prv"),
            name=request.name,
            title=request.title,
            site=bucket.site,
            bucket=bucket.name,
            agreement=request.agreement,
            revision=1,
            registered_by=op.actor.id,
            registered_at=self._clock.now(),
        )

        def work(tx: Transaction) -> Recorded[ProviderView]:
            if store.provider(tx, new.name) is not None:
                raise Conflict("a provider of this name exists, or existed", code="intake.name-taken")
            if store.provider_of_bucket(tx, new.bucket) is not None:
                raise Conflict("another provider delivers into this bucket", code="intake.bucket-taken")
            store.add_provider(tx, new)
            return Recorded(views.provider(new), _entry(op, "intake.provider.register", new))

        return await self._database.write(work)

    async def read(self, op: Operation, request: NamedProvider) -> ProviderView:
        """A provider with its agreement. Raises NotFound."""
        found = self._find(request.provider)
        await self._database.record(_entry(op, "intake.provider.read", found))
        return views.provider(found)

    async def list(self, op: Operation, request: ListProviders) -> Providers:
        """The providers that the actor may see, by name, without their agreements."""
        with self._database.read() as tx:
            found = store.providers(tx, request.after, SCANNED)
        seen = [each for each in found if self._may_see(op, each)]
        shown = seen[: request.limit]
        more = len(seen) > request.limit or len(found) == SCANNED
        last = shown[-1].name if len(seen) > request.limit else found[-1].name if found else None
        await self._database.record(op.allowed("intake.provider.list", PLATFORM, rows=len(shown)))
        return Providers(
            providers=tuple(views.provider(each, whole=False) for each in shown), next=last if more else None
        )

    async def agree(self, op: Operation, request: ChangeAgreement) -> ProviderView:
        """Another agreement, at once. Raises Invalid, NotFound, Conflict if the provider was ended."""
        require_sound(request.agreement)

        def work(tx: Transaction) -> Recorded[ProviderView]:
            _active(store.provider(tx, request.provider))
            found = _known(store.provider(tx, request.provider))
            store.agree(tx, found.id, request.agreement)
            now = _known(store.provider(tx, request.provider))
            return Recorded(views.provider(now), _entry(op, "intake.provider.agree", now, revision=now.revision))

        return await self._database.write(work)

    async def end(self, op: Operation, request: EndProvider) -> ProviderView:
        """It delivers no more; what it delivered stays. Raises NotFound, Conflict if it was ended before."""

        def work(tx: Transaction) -> Recorded[ProviderView]:
            found = _active(store.provider(tx, request.provider))
            store.end_provider(tx, found.id, self._clock.now())
            now = _known(store.provider(tx, request.provider))
            return Recorded(views.provider(now), _entry(op, "intake.provider.end", now, reason=request.reason))

        return await self._database.write(work)

    # Deliveries

    async def submit(self, op: Operation, request: SubmitDelivery) -> DeliveryView:
        """Hand a delivery in: it waits for its check. Raises Invalid (manifest), NotFound, Conflict."""
        provider = _active(self._find(request.provider))
        found = await self._handing_in.submit(op, provider, request.manifest)
        with self._database.read() as tx:
            return views.delivery(provider, found, chaining.numbers(tx, found))

    async def deliveries(self, op: Operation, request: ListDeliveries) -> Deliveries:
        """What a provider handed in, the newest first. Raises NotFound."""
        provider = self._find(request.provider)
        with self._database.read() as tx:
            found = store.deliveries(tx, provider.id, request.before, request.limit + 1)
        shown = found[: request.limit]
        await self._database.record(_entry(op, "intake.delivery.read", provider, rows=len(shown)))
        more = shown[-1].id if len(found) > len(shown) else None
        return Deliveries(deliveries=tuple(views.listed(provider, each) for each in shown), next=more)

    async def delivery(self, op: Operation, request: NamedDelivery) -> DeliveryView:
        """A delivery with its report. Raises NotFound."""
        provider, found = self._find_delivery(request)
        with self._database.read() as tx:
            chain = chaining.numbers(tx, found)
        await self._database.record(_entry(op, "intake.delivery.read", provider, delivery=found.id))
        return views.delivery(provider, found, chain)

    async def accept(self, op: Operation, request: JudgeDelivery) -> DeliveryView:
        """The steward's last word where one was agreed. Raises NotFound, Conflict unless every check passed."""
        return await self._judge(op, request, DeliveryState.ACCEPTED)

    async def refuse(self, op: Operation, request: JudgeDelivery) -> DeliveryView:
        """The same, against it; also while it waits. Raises NotFound, Conflict if it was decided before."""
        return await self._judge(op, request, DeliveryState.REFUSED)

    async def receipt(self, op: Operation, request: NamedDelivery) -> DeliveryReceipt:
        """The signed receipt of what was decided. Raises NotFound, Conflict, Sealed, Unavailable."""
        return await self._receipts.give(op, *self._find_delivery(request))

    async def _judge(self, op: Operation, request: JudgeDelivery, state: DeliveryState) -> DeliveryView:
        def work(tx: Transaction) -> Recorded[DeliveryView]:
            provider = _known(store.provider(tx, request.provider))
            found = _there(store.delivery(tx, provider.id, request.number))
            if state is DeliveryState.ACCEPTED and found.state is DeliveryState.WAITING:
                raise Conflict("its check is not over", code="intake.state")
            if state is DeliveryState.ACCEPTED:
                self._require_newest(tx, provider, found)
            judged = replace(found, reason=request.reason)
            if state is DeliveryState.REFUSED:
                judged = replace(judged, report=_with(found.report, Problem(fault=Fault.JUDGED, hint="see the reason")))
            made = deciding.decide(tx, op, provider, judged, state=state, now=self._clock.now())
            return Recorded(views.delivery(provider, made.value, chaining.numbers(tx, made.value)), made.entry)

        return await self._database.write(work)

    def _require_newest(self, tx: Transaction, provider: Provider, found: Delivery) -> None:
        """Raises Conflict if something was accepted since the check that this delivery cannot come before."""
        last = store.last_accepted(tx, provider.id)
        if last > found.number:
            raise Conflict(
                f"delivery {last} was accepted since", code="intake.overtaken", hint="give it a higher number"
            )
        bucket = self._ingress.bucket(provider.bucket)
        for problem in chaining.faults(tx, found, partial(self._ingress.holds, tx, bucket)):
            raise Conflict("these changes cannot be applied any more", code="intake.overtaken", hint=problem.hint)

    def _find(self, name: str) -> Provider:
        with self._database.read() as tx:
            return _known(store.provider(tx, name))

    def _find_delivery(self, request: NamedDelivery) -> tuple[Provider, Delivery]:
        with self._database.read() as tx:
            provider = _known(store.provider(tx, request.provider))
            return provider, _there(store.delivery(tx, provider.id, request.number))

    def _may_see(self, op: Operation, provider: Provider) -> bool:
        try:
            self._gate.check(op, "intake.provider.read", provider.resource)
        except NexusError:
            return False
        return True


def _known(found: Provider | None) -> Provider:
    if found is None:
        raise no_provider()
    return found


def _active(found: Provider | None) -> Provider:
    known = _known(found)
    if known.ended_at is not None:
        raise Conflict("this provider delivers no more", code="intake.provider-ended")
    return known


def _there(found: Delivery | None) -> Delivery:
    if found is None:
        raise no_delivery()
    return found


def _with(report: Report, problem: Problem) -> Report:
    return msgspec.structs.replace(report, problems=(*report.problems, problem))


def _entry(op: Operation, action: str, provider: Provider, **details: Detail) -> Entry:
    return op.allowed(action, provider.resource, provider=provider.name, **details)
