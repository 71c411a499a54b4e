"""The check of whole deliveries: the oldest that waits, file by file, beside everything else that the platform does.

1. The manifest agrees with the agreement, the calendar, what lies beside it and, if it says that it holds changes, with what
   was accepted before.
2. Each file is checked (`checking`), on a thread; what is done is kept, so that an interrupted check goes on.
3. The decision commits with its entry, if the delivery still waits, the agreement is still the same and every version is
   still there. Whatever comes before that, a crash included, leaves a delivery that waits.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from nexus.kernel.clock import SECOND, Clock
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NexusError, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket
from nexus.warehouse.intake import deciding, manifest, store
from nexus.warehouse.intake.agreement import REMOVED, Agreement, Table
from nexus.warehouse.intake.handing_in import HandingIn
from nexus.warehouse.intake.ingress import Delivered, Ingress, StoredFile
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider
from nexus.warehouse.intake.ports import RowKeys
from nexus.warehouse.intake.report import MAX_FAULTS, Checked, Fault, Problem, Report

if TYPE_CHECKING:
    from nexus.warehouse.intake.removals import Removals

PROVIDERS: Final = 1_000
"""Providers whose buckets are looked through for manifests."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A delivery, whose it is, and what lies beside its manifest."""

    delivery: Delivery
    provider: Provider
    bucket: Bucket
    files: Mapping[str, Delivered]


class Examining:
    """There must be one for each platform: the worker."""

    def __init__(
        self,
        database: Database,
        ingress: Ingress,
        handing_in: HandingIn,
        clock: Clock,
        operation: Callable[[], Operation],
        *,
        keys: RowKeys,
    ) -> None:
        """`operation`: one that the platform does by itself, now."""
        self._database = database
        self._ingress = ingress
        self._handing_in = handing_in
        self._clock = clock
        self._operation = operation
        self._keys = keys
        self._stopped = False

    async def run(self) -> bool:
        """Notice what was delivered, and check the oldest delivery that waits. Whether there may be more."""
        noticed = await self.notice()
        with self._database.read() as tx:
            found = store.next_waiting(tx, "")
        if found is not None:
            await self.examine(*found)
        return noticed or found is not None

    async def notice(self) -> bool:
        """Hand in every delivery whose manifest lies there and is not known yet."""
        with self._database.read() as tx:
            active = [each for each in store.providers(tx, "", PROVIDERS) if each.ended_at is None]
        found = False
        for provider in active:
            for key in self._unknown(provider):
                try:
                    await self._handing_in.notice(self._operation(), provider, key)
                    found = True
                except NotFound:  # it, or its provider, is gone meanwhile
                    continue
        return found

    async def examine(self, delivery: Delivery, provider: Provider) -> None:
        """Check one delivery to its decision."""
        assert delivery.manifest is not None
        op = self._operation()
        case = _Case(delivery, provider, *await self._beside(op, provider, delivery))
        problems = [*manifest.against(delivery.manifest, provider.name, provider.agreement, self._today())]
        problems += _missing(case)
        problems += [] if problems else self._of_changes(case)
        checked = [] if problems else await self._check_files(op, case)
        report = _report(problems, checked, provider.agreement)
        versions = {file.key: file.version for name, file in case.files.items() if name in _named(delivery)}

        def work(tx: Transaction) -> Recorded[Delivery]:
            now = store.by_id(tx, delivery.id)
            whose = store.provider(tx, provider.name)
            if now is None or whose is None or now.state is not DeliveryState.WAITING:
                raise Conflict("the delivery waits no more", code="intake.state")
            if whose.revision != provider.revision or not self._ingress.holds(tx, case.bucket, versions):
                raise Conflict("what was checked has changed meanwhile", code="intake.changed")
            state, found = deciding.outcome(tx, whose, now, report, partial(self._ingress.holds, tx, case.bucket))
            held = replace(now, report=found, versions=versions)
            return deciding.decide(tx, op, whose, held, state=state, now=self._clock.now())

        try:
            await self._database.write(work)
        except Conflict:  # it is looked at again, as it is then
            return

    def stop(self) -> None:
        """End a check that is under way, at its next piece."""
        self._stopped = True

    def _of_changes(self, case: _Case) -> list[Problem]:
        """Why changes cannot be taken, before any of their files is read."""
        if case.delivery.follows is None:
            return []
        with self._database.read() as tx:
            found = deciding.history(tx, case.delivery, partial(self._ingress.holds, tx, case.bucket))
        try:
            self._keys.of(case.provider.name, case.provider.agreement)
        except Invalid as error:
            found.append(Problem(fault=Fault.CHANGES, file=manifest.NAME, hint=f"{error.message}: deliver everything"))
        return found

    async def _check_files(self, op: Operation, case: _Case) -> list[Checked]:
        """In their order; of changes, files of removals first, and each time anew: the others are looked at beside them."""
        assert case.delivery.manifest is not None
        with self._database.read() as tx:
            done = store.checked(tx, case.delivery.id)
        results = {}
        removals = self._removals(case)
        for said in sorted(case.delivery.manifest.files, key=lambda each: each.table != REMOVED):
            file = case.files[said.name]
            known = None if said.table == REMOVED else done.get((said.name, file.version))
            results[said.name] = known or await self._check(op, case, said, file, removals)
        return [results[said.name] for said in case.delivery.manifest.files]

    def _removals(self, case: _Case) -> "Removals | None":
        if case.delivery.follows is None:
            return None
        from nexus.warehouse.intake.removals import Removals  # the Arrow library

        return Removals(self._keys.of(case.provider.name, case.provider.agreement))

    async def _check(
        self, op: Operation, case: _Case, said: FileSaid, file: Delivered, removals: "Removals | None"
    ) -> Checked:
        table = case.provider.agreement.table(said.table)
        assert table is not None
        source = self._ingress.source(op, case.bucket, file)
        try:
            check = partial(_check, source, said, table, self._today(), self._progress, removals=removals)
            result = await asyncio.to_thread(check)
        except asyncio.CancelledError:  # the thread would go on reading to the end
            self.stop()
            raise

        def keep(tx: Transaction) -> None:
            store.keep_checked(tx, case.delivery.id, file.version, result)

        await self._database.bookkeep(Bookkeeping.PROGRESS, keep)
        return result

    def _progress(self, _bytes: int) -> None:
        if self._stopped:
            raise InterruptedError

    async def _beside(
        self, op: Operation, provider: Provider, delivery: Delivery
    ) -> tuple[Bucket, Mapping[str, Delivered]]:
        bucket = self._ingress.bucket(provider.bucket)
        prefix = "" if "/" not in delivery.manifest_key else delivery.prefix
        found = await self._ingress.beside(op, bucket, prefix)
        return bucket, {name: file for name, file in found.items() if name != manifest.NAME}

    def _unknown(self, provider: Provider) -> list[str]:
        try:
            bucket = self._ingress.bucket(provider.bucket)
        except NexusError:
            return []
        with self._database.read() as tx:
            lying = self._ingress.noticed(tx, bucket)
            return [key for key, version in lying if not store.was_noticed(tx, provider.id, version)]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now() / SECOND, UTC).date()


def _check(
    source: StoredFile,
    said: FileSaid,
    table: Table,
    today: date,
    progress: Callable[[int], None],
    *,
    removals: "Removals | None",
) -> Checked:
    from nexus.warehouse.intake.checking import check  # the Arrow library: loaded only where something was delivered

    return check(source, said, table, today, progress, removals=removals)


def _named(delivery: Delivery) -> set[str]:
    assert delivery.manifest is not None
    return {said.name for said in delivery.manifest.files}


def _missing(case: _Case) -> Iterable[Problem]:
    """What the manifest names and is not there, and what is there and has no name in it."""
    named = _named(case.delivery)
    for name in sorted(named - case.files.keys()):
        yield Problem(fault=Fault.FILE_MISSING, file=name, hint="the manifest names it, and it does not lie beside it")
    for _ in sorted(case.files.keys() - named)[:1]:
        count = len(case.files.keys() - named)
        hint = f"{count} files lie beside the manifest that it does not name: name them, or use another prefix"
        yield Problem(fault=Fault.FILE_UNKNOWN, hint=hint)


def _report(problems: list[Problem], checked: list[Checked], agreement: Agreement) -> Report:
    findings = tuple(finding for each in checked for finding in each.findings)
    found = [*problems, *(problem for each in checked for problem in each.problems)]
    found += [
        Problem(
            fault=Fault.CLEAR_IDENTIFIER,
            file=finding.file,
            line=finding.lines[0] if finding.lines else 0,
            column=finding.column,
            hint=f"{finding.count} of kind {finding.kind.value}: remove them, or have the column declared",
        )
        for finding in findings
    ]
    found += [
        Problem(
            fault=Fault.UNUSABLE_ROWS,
            file=each.file.name,
            hint=f"{each.file.unusable} of {each.file.rows} rows cannot be used; agreed are {agreement.unusable_percent:g} %",
        )
        for each in checked
        if each.file.unusable * 100 > agreement.unusable_percent * max(each.file.rows, 1)
    ]
    return Report(
        files=tuple(each.file for each in checked),
        problems=tuple(found[:MAX_FAULTS]),
        findings=findings,
        flags=tuple(flag for each in checked for flag in each.flags),
    )
