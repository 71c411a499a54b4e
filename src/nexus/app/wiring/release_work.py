"""Releases in the worker: what builds them, and what carries withdrawals to them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from nexus.app import parts
from nexus.app.file_signing import FileSigner
from nexus.app.ground import Ground
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.pseudonyms import level
from nexus.app.wiring.releases import PermittedProjects
from nexus.app.wiring.subjects import Subjects
from nexus.consent.model import MAX_SUBJECTS, DataCategory
from nexus.consent.rulings import Rulings, Version
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.kms.uses import Use
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket
from nexus.objects.service import ObjectService
from nexus.projects import store as projects
from nexus.pseudonyms.messages import MAX_BATCH, KnownAs, Several
from nexus.pseudonyms.transferring import Transferring
from nexus.pseudonyms.wire import Remote
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.releases.following import Following
from nexus.warehouse.releases.keeping import Keeping
from nexus.warehouse.releases.working import Others, Working

DECLARED: Final = Declaration(
    categories=(
        DataCategory.SUMMARY,
        DataCategory.PRESCRIPTIONS,
        DataCategory.LABORATORY,
        DataCategory.REPORTS,
        DataCategory.ADMINISTRATIVE,
        DataCategory.DEVICES,
    ),
    source="warehouse",
)
"""What a release may hold, in the words of consent: whoever excludes one of these kinds of data is in none."""


class Persons:
    """The ports `following.People` and `people.Pseudonyms`, over the two services of pseudonyms."""

    def __init__(self, ground: Ground) -> None:
        self._on = ground.settings.pseudonyms
        self._first = level(ground, parts.PSEUDONYMS_FIRST)
        self._transferring = Transferring(level(ground, parts.PSEUDONYMS_SECOND))

    async def to_domain(self, op: Operation, pseudonyms: Sequence[str], domain: str) -> Sequence[str]:
        self._require()
        return await self._transferring.to_domain(op, pseudonyms, domain)

    async def known_as(self, op: Operation, domain: str, names: Sequence[str]) -> Sequence[str]:
        answer = await self._asked().call("known_as", op, KnownAs(domain, tuple(names)))
        return tuple(answer.pseudonyms)

    async def names(self, op: Operation, pseudonyms: Sequence[str]) -> Sequence[Sequence[str]]:
        found: list[Sequence[str]] = []
        for begin in range(0, len(pseudonyms), MAX_BATCH):
            batch = tuple(pseudonyms[begin : begin + MAX_BATCH])
            found += (await self._asked().call("names", op, Several(batch))).names
        return found

    def _asked(self) -> Remote:
        self._require()
        return self._first

    def _require(self) -> None:
        if not self._on:
            raise Conflict(
                "this platform makes no pseudonyms any more",
                code="pseudonyms.off",
                hint="have it run the two services: the setting `pseudonyms`",
            )


class Decisions:
    """The ports `working.Consents` and `following.Refusals`, over consent, as the object store asks it at each read."""

    def __init__(self, database: Database, found: Rulings, persons: Persons) -> None:
        self.database = database
        self.rulings = found
        self.persons = persons
        self.subjects = Subjects(found)

    def of(self, bucket: Bucket, purpose: str) -> "Asking":
        return Asking(self, bucket, purpose)

    def state(self, tx: Transaction) -> str:
        version = self.rulings.version(tx)
        return f"{version.decisions}.{version.projects}"

    def decided(self, tx: Transaction, since: str, now: str) -> Collection[str] | None:
        before, after = (Version(*map(int, state.split("."))) for state in (since, now))
        return self.rulings.changed(tx, before, after)

    def refused(
        self, tx: Transaction, op: Operation, bucket: Bucket, project: str, subjects: Sequence[str]
    ) -> Collection[str]:
        found = projects.project(tx, project)
        if found is None:
            return subjects
        return set(subjects) - self.allow(tx, replace(op, purpose=found.purpose.value), bucket, subjects)

    def allow(self, tx: Transaction, op: Operation, bucket: Bucket, names: Sequence[str]) -> frozenset[str]:
        """Those of these who allow what `op` is for."""
        found: set[str] = set()
        for begin in range(0, len(names), MAX_SUBJECTS):
            asked = self.subjects.rulings(tx, op, bucket, names[begin : begin + MAX_SUBJECTS])
            found |= {name for name, ruled in asked.items() if ruled.allowed}
        return frozenset(found)


class Asking:
    """The port `people.Consent`, for one release. Who is known under several names allows it under each, or not at all."""

    def __init__(self, decisions: Decisions, bucket: Bucket, purpose: str) -> None:
        self._decisions = decisions
        self._bucket = bucket
        self._purpose = purpose
        self.names: dict[str, Sequence[str]] = {}

    async def state(self, op: Operation) -> str:
        with self._decisions.database.read() as tx:
            return self._decisions.state(tx)

    async def allowed(self, op: Operation, pseudonyms: Sequence[str]) -> Collection[str]:
        known = dict(zip(pseudonyms, await self._decisions.persons.names(op, pseudonyms), strict=True))
        self.names.update(known)
        asked = [name for names in known.values() for name in names]
        with self._decisions.database.read() as tx:
            allow = self._decisions.allow(tx, replace(op, purpose=self._purpose), self._bucket, asked)
        return [pseudonym for pseudonym, names in known.items() if names and allow.issuperset(names)]


def working(ground: Ground, objects: ObjectService) -> Working:
    """What builds releases."""
    persons = Persons(ground)
    return Working(
        ground.database,
        ground.clock,
        Keeping(ground.database, objects),
        Others(
            PermittedProjects(),
            persons,
            persons,
            Decisions(ground.database, rulings(ground), persons),
            FileSigner(ground.kms, Use.RELEASE_MANIFESTS),
            DECLARED,
        ),
        warehouse=layout(ground),
        operation=ground.operation,
    )


def following(ground: Ground, objects: ObjectService) -> Following:
    """What leaves people out of releases."""
    persons = Persons(ground)
    return Following(
        ground.database,
        ground.clock,
        Keeping(ground.database, objects),
        finding=objects.finding,
        people=persons,
        refusals=Decisions(ground.database, rulings(ground), persons),
        signer=FileSigner(ground.kms, Use.RELEASE_MANIFESTS),
        warehouse=layout(ground),
        operation=ground.operation,
    )


def layout(ground: Ground) -> Layout:
    """The warehouse's directory."""
    return Layout(ground.directory.warehouse(ground.settings.warehouse))
