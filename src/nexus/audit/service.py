"""The operations of the audit log: one public method = one story = one audit entry."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from pathlib import Path

from nexus.audit import erasing, model, store
from nexus.audit.export_pages import export_page
from nexus.audit.policy import LogIdentity, TrustPolicy, policy_text
from nexus.audit.reader import AuditReader
from nexus.audit.receipt import verify_receipt
from nexus.audit.verification import LogVerification, Memory
from nexus.audit.witnesses import Witness, WitnessClient
from nexus.kernel.clock import Clock, Instant, SystemClock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.operation import Operation, Resource

PROVE_WAIT_S = 5.0
"""How long a proof waits for the next checkpoint to cover a fresh entry."""
PROVE_POLL_S = 0.1


Names = Callable[[Operation, str], Awaitable[Collection[str]]]
"""Under which names the log speaks of a patient: her own, and those of lists that name her among others."""


async def one_name(op: Operation, subject: str) -> Collection[str]:
    """Where nobody is named in lists."""
    return (subject,)


class AuditService:
    """`reader` is a call, so that a lost lease fails closed: it raises Sealed while there is no private key.

    Reads of the log are entries of the log themselves, written before the answer leaves.
    """

    def __init__(
        self,
        db: Database,
        identity: LogIdentity,
        reader: Callable[[], AuditReader],
        directory: Path,
        *,
        witnesses: WitnessClient | None = None,
        clock: Clock | None = None,
        prove_wait_s: float = PROVE_WAIT_S,
        names: Names = one_name,
    ) -> None:
        """`directory`: `<data>/log`. Without `witnesses`, a verification asks none and says so. `names`: of a patient."""
        self._names = names
        self._prove_wait_s = prove_wait_s
        self._db, self._identity, self._reader, self._directory = db, identity, reader, directory
        self._witnesses = witnesses
        self._clock = clock or SystemClock()

    async def list_entries(self, op: Operation, request: model.ListEntries) -> model.EntryPage:
        """Search the log, newest entries first."""
        names = await self._names(op, request.subject) if request.subject is not None else ()
        page = await asyncio.to_thread(self._reader().page, request, names)
        asked = {name: getattr(request, name) for name in request.__struct_fields__ if name != "limit"}
        details = {name: value for name, value in asked.items() if value is not None} | {"found": len(page.entries)}
        await self._db.record(replace(op.allowed("audit.entry.list", model.LOG), details=details))
        return page

    async def prove_entry(self, op: Operation, request: model.ProveEntry) -> model.Receipt:
        """A receipt for one entry. Waits for the next checkpoint if the entry is too fresh to be covered by one."""
        receipt = await self.receipt(request.index)
        entry = op.allowed("audit.entry.prove", model.LOG, index=request.index, size=receipt.checkpoint_size)
        await self._db.record(entry)
        return receipt

    async def receipt(self, index: int) -> model.Receipt:
        """The same for callers that have made sure that it may be shown, and record that it is."""
        reader, deadline = self._reader(), asyncio.get_running_loop().time() + self._prove_wait_s
        while True:
            try:
                text, checkpoint = await asyncio.to_thread(reader.prove, index)
                break
            except Unavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(PROVE_POLL_S)
        # A receipt that does not verify is never handed out: it would say that the log is whole where it is not.
        unwitnessed = TrustPolicy.parse(policy_text(self._identity, model.LogPolicy()))
        await asyncio.to_thread(verify_receipt, text, unwitnessed)
        return model.Receipt(index=index, text=text, checkpoint_size=checkpoint.size, witnessed=checkpoint.witnessed)

    def log_keys(self) -> tuple[str, tuple[str, ...]]:
        """The log's name, and the public keys that receipts are checked against."""
        return self._identity.origin, tuple(str(key) for key in self._identity.keys)

    async def erase_person(self, op: Operation, request: model.ErasePerson) -> model.Erasure:
        """Destroy the keys of a person's entries. Their leaves stay, so that every proof still verifies."""
        erasing.require_erasable(request.person)
        blocks, after = await asyncio.to_thread(self._reader().blocks_with, request.person)

        def work(tx: Transaction) -> Recorded[model.Erasure]:
            erasure = erasing.erase(tx, op, request.person, blocks, after)
            entry = op.allowed(
                "audit.entry.erase",
                Resource("Identity", request.person),
                epochs=erasure.epochs,
                digest=erasure.digest,
                reason=request.reason,
            )
            # Sealed for nobody in particular: the record of an erasure must outlive the erasure of who did it.
            return Recorded(erasure, replace(entry, subject=erasing.RECORDS))

        return await self._db.write(work)

    async def read_log(self, op: Operation, request: model.ReadLog) -> model.LogState:
        """The latest checkpoint, and what an outsider needs in order to check it."""
        state = await asyncio.to_thread(self._state)
        await self._db.record(op.allowed("audit.log.read", model.LOG, size=state.checkpoint_size))
        return state

    async def verify_log(self, op: Operation, request: model.VerifyLog) -> model.Verification:
        """Recompute everything: entries, tiles, checkpoints, signatures, and what the witnesses remember."""
        memories, unreached = await self._ask_witnesses()
        run = LogVerification(self._db, self._identity, self._directory, self._reader().opener)
        result = await asyncio.to_thread(run.run, memories, unreached)
        await self._db.record(
            op.allowed("audit.log.verify", model.LOG, ok=result.ok, size=result.size, problems=len(result.problems))
        )
        return result

    async def export_log(self, op: Operation, request: model.ExportLog) -> model.ExportPage:
        """A page of a copy of the log, with opened payloads on request."""
        opener = self._reader().opener if request.opened else None
        page = await asyncio.to_thread(export_page, self._db, self._identity, opener, request)
        await self._db.record(
            op.allowed(
                "audit.log.export",
                model.LOG,
                first=request.first,
                entries=len(page.entries),
                size=page.size,
                opened=request.opened,
            )
        )
        return page

    async def configure_log(self, op: Operation, request: model.LogPolicy) -> model.LogState:
        """Replace the witness policy. From the next checkpoint on, it holds."""
        names = [witness.name for witness in request.witnesses]
        if request.quorum > len(names) or len(set(names)) != len(names):
            raise Invalid(
                "the quorum asks for more witnesses than there are, or a name comes twice", code="audit.policy"
            )
        TrustPolicy.parse(policy_text(self._identity, request))

        def work(tx: Transaction) -> Recorded[None]:
            store.put_policy(tx, request)
            return Recorded(
                None,
                op.allowed("audit.log.configure", model.LOG, witnesses=" ".join(names), quorum=request.quorum),
            )

        await self._db.write(work)
        return await asyncio.to_thread(self._state)

    def _state(self) -> model.LogState:
        with self._db.read() as tx:
            head = store.read_head(tx)
            newest = store.latest_checkpoint(tx)
            policy = store.read_policy(tx)
        return model.LogState(
            origin=self._identity.origin,
            size=head.size,
            checkpoint=newest.note if newest else None,
            checkpoint_size=newest.size if newest else 0,
            published_at=Instant(newest.published_at) if newest else None,
            witnessed=newest.witnessed if newest else False,
            keys=tuple(str(key) for key in self._identity.keys),
            policy=policy_text(self._identity, policy),
        )

    async def _ask_witnesses(self) -> tuple[list[Memory], list[str]]:
        """What each witness remembers, and the names of those that did not answer."""
        with self._db.read() as tx:
            policy = store.read_policy(tx)
        answers = await asyncio.gather(*(self._ask(Witness.of(spec)) for spec in policy.witnesses))
        memories = [answer for answer in answers if isinstance(answer, Memory)]
        return memories, [answer for answer in answers if isinstance(answer, str)]

    async def _ask(self, witness: Witness) -> Memory | str:
        if self._witnesses is None:
            return witness.name
        try:
            return Memory(witness.name, await self._witnesses.latest(witness, self._identity.origin))
        except Unavailable:
            return witness.name
