"""How a delivery is handed in: its manifest is read, and it waits for its check. The same manifest twice is one delivery."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation
from nexus.warehouse.intake import manifest, store
from nexus.warehouse.intake.ingress import Delivered, Ingress
from nexus.warehouse.intake.manifest import Manifest
from nexus.warehouse.intake.model import UNREAD, Delivery, DeliveryState, Provider, no_provider
from nexus.warehouse.intake.report import Fault, FaultyError, Problem, Report

SUBMIT: Final = "intake.delivery.submit"


@dataclass(frozen=True, slots=True)
class _Read:
    """A manifest as it lies in the bucket; what it says, or why it says nothing."""

    found: Delivered
    sha256: str
    said: Manifest | None
    report: Report


class HandingIn:
    """Both ways: somebody submits a delivery, or the platform notices its manifest."""

    def __init__(self, database: Database, ingress: Ingress, clock: Clock) -> None:
        self._database = database
        self._ingress = ingress
        self._clock = clock

    async def submit(self, op: Operation, provider: Provider, key: str) -> Delivery:
        """Raises Invalid with what is wrong with the manifest, NotFound, Conflict if the number is another delivery's."""
        read = await self._read(op, provider, key)
        if read.said is None:
            problem = read.report.problems[0]
            raise Invalid("the manifest cannot be read", code="intake.manifest", hint=problem.hint)
        return await self._enter(op, provider, read, again=True)

    async def notice(self, op: Operation, provider: Provider, key: str) -> Delivery:
        """The same for a manifest that lies there unannounced. What is wrong with it becomes a refused delivery."""
        read = await self._read(op, provider, key)
        try:
            return await self._enter(op, provider, read, again=False)
        except Conflict as error:
            taken = Problem(fault=Fault.DUPLICATE, file=manifest.NAME, hint=f"{error.message}: {error.hint}")
            return await self._enter(
                op, provider, replace(read, said=None, report=Report(problems=(taken,))), again=False
            )

    async def _read(self, op: Operation, provider: Provider, key: str) -> _Read:
        found, content = await self._ingress.manifest(op, self._ingress.bucket(provider.bucket), key)
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            return _Read(found, sha256, manifest.read(content), Report())
        except FaultyError as error:
            return _Read(found, sha256, None, Report(problems=(error.problem,)))

    async def _enter(self, op: Operation, provider: Provider, read: _Read, *, again: bool) -> Delivery:
        """`again`: somebody says that a refused delivery is to be looked at once more, as it lies there now."""
        now, fresh = self._clock.now(), new_id("dlv")

        def work(tx: Transaction) -> Recorded[Delivery]:
            whose = store.provider(tx, provider.name)
            if whose is None or whose.ended_at is not None:
                raise no_provider()
            number = UNREAD if read.said is None else read.said.number
            before = store.delivery(tx, whose.id, number)
            if before is not None and _is_same(before, read, again=again):
                store.repeats(tx, whose.id, read.found.version)
                return Recorded(before, _entry(op, whose, before, repeated=True))
            attempt = 1 if before is None else before.attempt + 1
            made = _new(op, whose, read, fresh, number=number, attempt=attempt, now=now)
            store.add_delivery(tx, made)
            return Recorded(made, _entry(op, whose, made, repeated=False))

        return await self._database.write(work)


def _is_same(before: Delivery, read: _Read, *, again: bool) -> bool:
    """Whether it was handed in already. Raises Conflict if the number was, and is not this."""
    same = before.manifest_sha256 == read.sha256 and before.manifest_key == read.found.key
    if before.state is DeliveryState.REFUSED:
        return same and not again and before.manifest_version == read.found.version
    if not same:
        raise Conflict(
            f"delivery {before.number} is {before.state.value}, with another manifest",
            code="intake.number-taken",
            hint="give a correction the next number",
        )
    return True


def _new(
    op: Operation, provider: Provider, read: _Read, fresh: str, *, number: int, attempt: int, now: Instant
) -> Delivery:
    made = Delivery(
        id=fresh,
        provider=provider.id,
        number=number,
        attempt=attempt,
        state=DeliveryState.WAITING,
        manifest_key=read.found.key,
        manifest_version=read.found.version,
        manifest_sha256=read.sha256,
        manifest=read.said,
        submitted_by=op.actor.id,
        submitted_at=now,
    )
    if read.said is None:
        refused = DeliveryState.REFUSED
        return replace(made, state=refused, decided_by=op.actor.id, decided_at=now, operation=op.id, report=read.report)
    digests = "".join(sorted(file.sha256 for file in read.said.files))
    if read.said.follows is not None:  # a value that changes back and forth is told by the same files
        digests += f" after {read.said.follows.manifest_sha256}"
    return replace(made, content=hashlib.sha256(digests.encode()).hexdigest())


def _entry(op: Operation, provider: Provider, made: Delivery, *, repeated: bool) -> Entry:
    return op.allowed(
        SUBMIT,
        provider.resource,
        provider=provider.name,
        delivery=made.id,
        number=made.number,
        attempt=made.attempt,
        manifest=made.manifest_sha256,
        state=made.state.value,
        **({"repeated": True} if repeated else {}),
    )
