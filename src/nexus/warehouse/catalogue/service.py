"""The stories of the catalogue at the doors."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import msgspec

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid
from nexus.kernel.operation import PLATFORM, Entry, Operation
from nexus.warehouse.catalogue import graph, profile, record, recording, store, turtle
from nexus.warehouse.catalogue.describing import Description
from nexus.warehouse.catalogue.model import Dataset, DatasetState, Holder, no_dataset, off, withdrawn
from nexus.warehouse.catalogue.ports import Sources
from nexus.warehouse.catalogue.record import Record
from nexus.warehouse.catalogue.recording import Known
from nexus.warehouse.catalogue.requests import (
    Datasets,
    DatasetView,
    DescribeDataset,
    ListDatasets,
    NamedDataset,
    PublishDataset,
    WithdrawDataset,
)
from nexus.warehouse.quality import results
from nexus.warehouse.quality.checks import Severity
from nexus.warehouse.quality.results import Run

READ = "catalogue.dataset.read"
_SAID = tuple(field.name for field in msgspec.structs.fields(Description))


class CatalogueService:
    """One method for each operation."""

    def __init__(self, database: Database, clock: Clock, sources: Sources, holder: Holder) -> None:
        self._database = database
        self._clock = clock
        self._sources = sources
        self._holder = holder

    async def describe(self, op: Operation, request: DescribeDataset) -> DatasetView:
        """Say of a dataset what cannot be derived. Raises Invalid, NotFound, Conflict (off, another dataset is that release)."""
        self._require_on()
        _require_sense(request)
        said = Description(**{name: getattr(request, name) for name in _SAID})
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[Dataset]:
            before = store.named(tx, request.dataset)
            other = store.of_release(tx, request.release)
            if other is not None and other.name != request.dataset:
                raise Conflict(
                    f"this is in the catalogue as {other.name}",
                    code="catalogue.described",
                    hint="describe that dataset",
                )
            if request.release and self._sources.release(tx, request.project, request.release) is None:
                raise Conflict(
                    "the project has no such open release",
                    code="catalogue.not-open",
                    hint="`nexus releases release open` opens it",
                )
            if before is not None and before.release != request.release and before.record is not None:
                raise Conflict(
                    "this dataset is public as another release",
                    code="catalogue.published",
                    hint="withdraw it first, or choose another name",
                )
            described = Dataset(
                name=request.dataset,
                project=request.project,
                release=request.release,
                version=before.version + 1 if before else 1,
                description=said,
                described_by=op.actor.id,
                state=before.state if before else DatasetState.DESCRIBED,
                changed_by=op.actor.id,
                changed_at=now,
                record=before.record if before else None,
            )
            store.put(tx, described)
            return Recorded(described, _entry(op, "describe", described))

        return await self._shown(await self._database.write(work))

    async def publish(self, op: Operation, request: PublishDataset) -> DatasetView:
        """Have everybody see it. Raises NotFound, Conflict (off, described anew, what is missing), Denied for who described it."""
        self._require_on()
        now, run = self._clock.now(), await self._measured()

        def work(tx: Transaction) -> Recorded[Dataset]:
            found = _found(tx, request)
            if found.version != request.version:
                raise Conflict(
                    "the dataset was described anew meanwhile", code="catalogue.version", hint="look at it again"
                )
            if op.actor.id == found.described_by:
                raise Denied(
                    "who described a dataset does not publish it",
                    code="catalogue.own",
                    hint="a second data steward looks at it and publishes it",
                )
            made, lacks = self._record(tx, found, run, rfc3339(now)[:10])
            if lacks or made is None:
                raise Conflict(
                    f"the dataset lacks what the catalogue must say: {', '.join(lacks)}",
                    code="catalogue.lacking",
                    hint="describe it again; docs/reference/catalogue.md says where each comes from",
                )
            published = replace(
                found,
                state=DatasetState.PUBLISHED,
                record=record.encode(made),
                changed_by=op.actor.id,
                changed_at=now,
            )
            store.put(tx, published)
            digest = hashlib.sha256(record.encode(made)).hexdigest()
            return Recorded(published, _entry(op, "publish", published, record=digest))

        return await self._shown(await self._database.write(work))

    async def withdraw(self, op: Operation, request: WithdrawDataset) -> DatasetView:
        """Have nobody see it any more, at once. Raises NotFound, Conflict if nobody sees it."""
        self._require_on()
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[Dataset]:
            found = _found(tx, request)
            if found.record is None:
                raise Conflict("the catalogue does not show this dataset", code="catalogue.state")
            gone = withdrawn(found, op.actor.id, now)
            store.put(tx, gone)
            return Recorded(gone, _entry(op, "withdraw", gone, reason=request.reason))

        return await self._shown(await self._database.write(work))

    async def read(self, op: Operation, request: NamedDataset) -> DatasetView:
        """A dataset, what it lacks, and what publishing would show. Raises NotFound, Conflict (off)."""
        self._require_on()
        with self._database.read() as tx:
            found = _found(tx, request)
        await self._database.record(_entry(op, "read", found))
        return await self._shown(found)

    async def list(self, op: Operation, request: ListDatasets) -> Datasets:
        """The datasets, and the open releases that the catalogue does not show. Raises Conflict (off)."""
        self._require_on()
        run = await self._measured()
        with self._database.read() as tx:
            found = store.datasets(tx, request.after, request.limit + 1)
            shown = tuple(self._view(tx, each, run, whole=False) for each in found[: request.limit])
            public = store.published_releases(tx)
            undescribed = tuple(one for one in self._sources.opened(tx) if one not in public)
        await self._database.record(op.allowed(READ, PLATFORM, rows=len(shown), undescribed=len(undescribed)))
        more = shown[-1].dataset if len(found) > len(shown) else None
        return Datasets(datasets=shown, undescribed=undescribed, next=more)

    def _require_on(self) -> None:
        if not self._holder.on:
            raise off()

    async def _measured(self) -> Run | None:
        return await asyncio.to_thread(self._sources.measured)

    async def _shown(self, found: Dataset) -> DatasetView:
        run = await self._measured()
        with self._database.read() as tx:
            return self._view(tx, found, run, whole=True)

    def _view(self, tx: Transaction, found: Dataset, run: Run | None, *, whole: bool) -> DatasetView:
        made, lacks = self._record(tx, found, run, rfc3339(self._clock.now())[:10])
        return DatasetView(
            dataset=found.name,
            project=found.project,
            release=found.release,
            state=found.state,
            version=found.version,
            title_fr=found.description.title_fr,
            title_en=found.description.title_en,
            described_by=found.described_by,
            changed_by=found.changed_by,
            changed_at=found.changed_at,
            address=self._holder.page(found.name),
            lacking=tuple(lacks),
            record=turtle.write([graph.dataset(made)]) if whole and made is not None else "",
        )

    def _record(
        self, tx: Transaction, found: Dataset, run: Run | None, day: str
    ) -> tuple[Record | None, Sequence[str]]:
        """What the catalogue would say of it today, and what keeps it from saying so."""
        known, lacks = self._known(tx, found, run)
        if known is None:
            return None, lacks
        made = recording.record(found.name, found.description, known, self._holder, day)
        return made, [*lacks, *profile.lacking(graph.dataset(made))]

    def _known(self, tx: Transaction, found: Dataset, run: Run | None) -> tuple[Known | None, Sequence[str]]:
        if found.release:
            opened = self._sources.release(tx, found.project, found.release)
            if opened is None:
                return None, ["an open release"]
            same = run is not None and _digest(run) == opened.release.source.quality_sha256
            return recording.of_release(opened, run if same else None), []
        if run is None:
            return None, ["a warehouse that the quality gate has looked at"]
        stopped = results.blocking(run, (Severity.FATAL,))
        return recording.of_warehouse(run), ["the quality gate's consent"] if stopped else []


def _require_sense(request: DescribeDataset) -> None:
    if bool(request.project) != bool(request.release):
        raise Invalid(
            "a dataset is a release of a project, or the warehouse itself",
            code="catalogue.which",
            hint="name both the project and the release, or neither",
        )
    days = [day for day in (request.period_from, request.period_until, request.retained_until) if day]
    try:
        ordered = [date.fromisoformat(day) for day in days]
    except ValueError:
        raise Invalid("this is no day of the calendar", code="catalogue.day", hint="such as 2026-11-28") from None
    if ordered != sorted(ordered):
        raise Invalid("a period ends after it begins, and before the data go", code="catalogue.day")
    if 0 <= request.max_age < request.min_age:
        raise Invalid("the largest age is below the smallest", code="catalogue.ages")


def _digest(run: Run) -> str:
    return hashlib.sha256(results.encode(run)).hexdigest()


def _found(tx: Transaction, request: NamedDataset) -> Dataset:
    found = store.named(tx, request.dataset)
    if found is None:
        raise no_dataset()
    return found


def _entry(op: Operation, verb: str, found: Dataset, **details: str | int) -> Entry:
    about: dict[str, str | int] = {
        "dataset": found.name,
        "release": found.release,
        "version": found.version,
        "state": found.state.value,
    }
    return op.allowed(f"catalogue.dataset.{verb}", PLATFORM, **{**about, **details})
