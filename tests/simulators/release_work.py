"""A warehouse and an object store, with what builds releases and what carries withdrawals to them; patients and pseudonyms in memory."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict
from nexus.objects.declaration import Declaration
from nexus.pseudonyms.notation import Domain, Writing
from nexus.warehouse.catalogue.migrations import MIGRATIONS as CATALOGUE
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.quality import results
from nexus.warehouse.releases import manifest, store
from nexus.warehouse.releases.following import Following
from nexus.warehouse.releases.keeping import Keeping
from nexus.warehouse.releases.manifest import Release
from nexus.warehouse.releases.migrations import MIGRATIONS
from nexus.warehouse.releases.model import ReleaseRecord, ReleaseState, bucket_name
from nexus.warehouse.releases.ports import Permitted
from nexus.warehouse.releases.requests import NamedRelease, RetireRelease
from nexus.warehouse.releases.service import ReleaseService
from nexus.warehouse.releases.working import Others, Working
from simulators import releases as made
from simulators.deciding import SimulatedPatients
from simulators.file_signer import LocalFileSigner
from simulators.object_store import Store
from simulators.operations import operation

DECLARED = Declaration(categories=("laboratory",), source="warehouse")
UNTIL = Instant(2_000_000_000_000_000)


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Counts what is asked of others, and does something before one of them."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.at: int | None = None
        self.then: Callable[[], None] = lambda: None

    def step(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self.at:
            self.then()


@dataclass
class Study:
    """The port `ports.Projects`. `lacking`: why it is not ready; `cohort`: which one its permit names."""

    domain: str = "PRJA"
    permit: str = "pdc_1"
    lacking: str = ""
    cohort: str = ""
    known: set[str] = field(default_factory=lambda: {"stroke"})

    def ready(self, tx, project, at):
        if self.lacking:
            raise Conflict(self.lacking, code="projects.not-ready")
        return Permitted(self.permit, made.scope(self.domain, cohort=self.cohort), UNTIL, "research")

    def exists(self, tx, project):
        return project in self.known


class Persons:
    """Pseudonyms of two domains, and the names of consent; each patient has one name.

    `epoch`: of the project's domain. `kept`: epochs that the ledger still knows.
    """

    def __init__(self, steps: Steps, names: dict[str, str]) -> None:
        """`names`: by the warehouse's pseudonym."""
        self.steps = steps
        self.of = names
        self.epoch = 1
        self.kept = [1]

    def renew(self) -> None:
        self.epoch += 1
        self.kept.append(self.epoch)

    def theirs(self, warehouse: str, domain: str = "PRJA", epoch: int = 0) -> str:
        return pseudonym(domain, warehouse, epoch or self.epoch)

    async def to_domain(self, op, pseudonyms, domain):
        self.steps.step("pseudonyms")
        return [self.theirs(one, domain) for one in pseudonyms]

    async def known_as(self, op, domain, names):
        self.steps.step("known as")
        return [
            self.theirs(hub, domain, epoch) for hub, name in self.of.items() if name in names for epoch in self.kept
        ]

    async def names(self, op, pseudonyms):
        self.steps.step("names")
        known = {self.theirs(hub, epoch=epoch): name for hub, name in self.of.items() for epoch in self.kept}
        return [(known[one],) for one in pseudonyms]


class Decisions:
    """The ports `working.Consents` and `following.Refusals`, over the patients of the store."""

    def __init__(self, patients: SimulatedPatients, persons: Persons) -> None:
        self.patients = patients
        self.persons = persons
        self.names = {hub: (name,) for hub, name in persons.of.items()}

    def of(self, bucket, purpose):
        return self

    def state(self, tx):
        if isinstance(tx, type(operation())):  # as `people.Consent` asks
            return self._waited()
        return f"{len(self.patients.changes)}"

    async def _waited(self):
        self.persons.steps.step("state")
        return f"{len(self.patients.changes)}"

    async def allowed(self, op, pseudonyms):
        self.persons.steps.step("allowed")
        return [one for one in pseudonyms if "research" in self.patients.decisions[self.persons.of[one]]]

    def decided(self, tx, since, now):
        return self.patients.changed(tx, (int(since),), (int(now),))

    def refused(self, tx, op, bucket, project, subjects):
        return {one for one in subjects if "research" not in self.patients.decisions[one]}


class Signing(LocalFileSigner):
    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps

    async def sign(self, op, message):
        self.steps.step("sign")
        return await super().sign(op, message)


class StoringSteps(Keeping):
    """What is stored and removed, step by step."""

    def __init__(self, database, objects, steps: Steps) -> None:
        super().__init__(database, objects)
        self.steps = steps

    async def _write(self, op, bucket, key, body, **more):
        self.steps.step("write")
        await super()._write(op, bucket, key, body, **more)

    async def sweep(self, op, bucket, release):
        self.steps.step("sweep")
        return await super().sweep(op, bucket, release)

    async def fetch(self, op, bucket, wanted, parts):
        self.steps.step("fetch")
        await super().fetch(op, bucket, wanted, parts)

    async def prepare(self, op, record, declared):
        self.steps.step("prepare")
        return await super().prepare(op, record, declared)


class Bench:
    """All of it, over one database and one folder. `hub`: the warehouse's pseudonyms, in the order of `patients`."""

    def __init__(self, root: Path, people: int = 40) -> None:
        self.steps, self.study = Steps(), Study()
        self.patients = SimulatedPatients()
        self.store = Store(root, subjects=self.patients, migrations=(*MIGRATIONS, *CATALOGUE))
        self.hub = tuple(pseudonym("EMC2", f"{number}") for number in range(people))
        self.names = [self.patients.new("research") for _ in self.hub]
        self.persons = Persons(self.steps, dict(zip(self.hub, self.names, strict=True)))
        self.decisions = Decisions(self.patients, self.persons)
        self.key = Signing(self.steps)
        self.layout = Layout(root / "cdm")
        made.write(self.layout.cdm, self.hub)
        self.layout.quality.write_bytes(results.encode(made.PASSED))
        self.service = ReleaseService(
            self.store.database, self.store.clock, self.study, keys=self, placing=self, standing=self.patients, shown=self,
            pseudonyms=True,
        )  # fmt: skip

    # The ports of the service

    async def key_for(self, site, project):
        return "key_site"

    def destroy(self, tx, op, bucket):
        from nexus.app.wiring.releases import BucketKeys

        return BucketKeys(self.store.objects).destroy(tx, op, bucket)

    def leave(self, tx, op, release):
        from nexus.warehouse.catalogue.public import Leaving

        return Leaving(self.store.clock).leave(tx, op, release)

    # What the worker does; each time as a process that has just begun

    @property
    def keeping(self) -> Keeping:
        return StoringSteps(self.store.database, self.store.objects, self.steps)

    def working(self) -> Working:
        others = Others(self.study, self.persons, self.persons, self.decisions, self.key, DECLARED)
        return Working(
            self.store.database, self.store.clock, self.keeping, others, warehouse=self.layout, operation=operation
        )  # fmt: skip

    def following(self) -> Following:
        return Following(
            self.store.database, self.store.clock, self.keeping, finding=self.store.objects.finding,
            people=self.persons, refusals=self.decisions, signer=self.key, warehouse=self.layout, operation=operation,
        )  # fmt: skip

    # What people do

    async def build(self) -> ReleaseRecord:
        """Ask for a release and have it built, however often it takes."""
        asked = self.ask()
        for _ in range(5):
            try:
                await self.working().run()
                break
            except Conflict:
                continue
        return self.record(asked.id)

    def ask(self) -> ReleaseRecord:
        number = len(self.store.entries)
        fresh = f"rel_{number:026d}"
        now = self.store.clock.now()
        new = ReleaseRecord(
            fresh, "stroke", bucket_name("stroke", fresh), ReleaseState.REQUESTED, "key_site", "", "per_a", now, "per_a",
            now,
        )  # fmt: skip
        from nexus.kernel.database import Bookkeeping

        self.store.database._enqueue_from_thread(lambda tx: (store.add(tx, new), None)).result()
        assert Bookkeeping
        return new

    async def open(self, record: ReleaseRecord):
        named = NamedRelease(project="stroke", release=record.id)
        return await self.service.open(operation("per_b"), named)

    async def retire(self, record: ReleaseRecord):
        named = RetireRelease(project="stroke", release=record.id, reason="the study is over")
        return await self.service.retire(operation("per_b"), named)

    def withdraw(self, number: int) -> str:
        self.patients.decide(self.names[number])
        return self.names[number]

    # What is there

    def record(self, release_id: str) -> ReleaseRecord:
        with self.store.database.read() as tx:
            found = store.by_id(tx, release_id)
        assert found is not None
        return found

    def said(self, record: ReleaseRecord) -> Release:
        with self.store.database.read() as tx:
            kept = store.manifest(tx, record.digest)
        assert kept is not None
        return manifest.decode(kept).release

    async def served(self, record: ReleaseRecord) -> dict[str, bytes]:
        """Everything that a member of the project gets."""
        bucket = self.store.objects.buckets.find(record.bucket)
        reading = operation("per_r", purpose="research")
        page = await self.store.objects.listing.objects(reading, bucket)
        assert page.next is None
        return {each.key: await self.store.get(bucket, each.key, op=reading) for each in page.versions}

    def holds(self, files: dict[str, bytes], folder: Path, number: int, epoch: int = 0) -> bool:
        """Whether a row about a patient is in some files, under a pseudonym of an epoch."""
        return self.persons.theirs(self.hub[number], epoch=epoch) in people_in(files, folder)


def people_in(files: dict[str, bytes], folder: Path) -> set[str]:
    """The pseudonyms that stand in files of a release."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: set[str] = set()
    for key, content in files.items():
        if key.endswith(".parquet"):
            rows = pq.read_table(pa.BufferReader(content))
            if "person_source_value" in rows.column_names:
                found |= set(rows["person_source_value"].to_pylist())
    return found


def pseudonym(domain: str, of: str, epoch: int = 1) -> str:
    """That of something in a domain and epoch: always the same, in no other the same."""
    what = f"{domain}/{of}" if epoch == 1 else f"{domain}/{epoch}/{of}"
    return Writing(Domain(domain, epoch)).write(hashlib.sha256(what.encode()).digest()[:20])


def files_named(release: Release) -> Sequence[str]:
    return [f"objects/{part.sha256}.parquet" for table in release.tables for part in table.parts]
