"""A build of the warehouse: what stands behind its ports. It runs on a thread; what it asks is done on the process's loop."""

import asyncio
import hashlib
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from nexus.app import parts
from nexus.app.building_task import ACTION, BuildTask
from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.pseudonyms import level
from nexus.consent import store as consents
from nexus.consent.model import MAX_SUBJECTS, Question, Reason, Recipient
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.iam.model import Purpose
from nexus.kernel.errors import Conflict, Damaged, NotFound
from nexus.kernel.operation import PLATFORM, Operation
from nexus.objects.service import ObjectService
from nexus.pseudonyms.messages import MAX_BATCH, Given, Pseudonymise
from nexus.warehouse.building.building import Building, Plan, Resources
from nexus.warehouse.building.form import Form
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.building.identities import Progress
from nexus.warehouse.building.model import Built, Extract, File
from nexus.warehouse.intake import chaining
from nexus.warehouse.intake import store as intake
from nexus.warehouse.intake.ingress import Delivered, Ingress, StoredFile
from nexus.warehouse.intake.model import Delivery, Provider
from nexus.warehouse.intake.parquet_rows import Readable
from nexus.warehouse.intake.report import FaultyError
from nexus.warehouse.intake.unpacking import unpacked
from nexus.warehouse.omop.converting import Settings
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.vocabulary import Given as GivenVocabulary

KEYS: Final = (Part.IDENTITY, Part.WAREHOUSE)
"""Which of the platform's keys a build holds, besides the database's: patients are found by the blind index of the first."""
PROVIDERS: Final = 10_000
REFUSING: Final = frozenset({Reason.OBJECTION, Reason.DENIED, Reason.WITHDRAWN, Reason.EXPIRED})
"""Why a patient is in no table. Who has not decided is: releases ask again, for their purpose."""
T = TypeVar("T")


class StoredContents:
    """The port `warehouse.building.ports.Contents`, over the object store. Every read is recorded as that of `op`."""

    def __init__(self, objects: ObjectService, op: Operation, loop: asyncio.AbstractEventLoop) -> None:
        self._objects, self._op, self._loop = objects, op, loop
        self._ingress = Ingress(objects)

    def stream(self, extract: Extract, file: File) -> Iterator[bytes]:
        try:
            yield from unpacked(self._stored(extract, file).stream(), file.said.compression)
        except FaultyError as error:
            raise _gone(extract, file) from error

    def anywhere(self, extract: Extract, file: File) -> Readable:
        return self._stored(extract, file).anywhere()

    def _stored(self, extract: Extract, file: File) -> StoredFile:
        bucket = self._ingress.bucket(extract.bucket)
        delivered = Delivered(file.key, file.version, file.said.bytes)
        return StoredFile(self._objects, self._op, bucket, delivered, self._loop)


def _gone(extract: Extract, file: File) -> Damaged:
    return Damaged(
        f"{file.said.name} of delivery {extract.delivery(file)} of {extract.provider} is not there as it was accepted",
        code="building.file",
        hint="look at the object store: `nexus fsck --read`; or have it delivered again",
    )


class LevelPseudonyms:
    """The port `warehouse.building.ports.Pseudonyms`, over the first level and through it the second."""

    def __init__(self, ground: Ground, op: Operation, loop: asyncio.AbstractEventLoop) -> None:
        self._ground, self._op, self._loop = ground, op, loop
        self._domain = ground.settings.warehouse_domain
        self._first = level(ground, parts.PSEUDONYMS_FIRST)

    def of(self, people: Sequence[Given]) -> Sequence[str]:
        made: list[str] = []
        for start in range(0, len(people), MAX_BATCH):
            asked = Pseudonymise(self._domain, tuple(people[start : start + MAX_BATCH]))
            made += _wait(self._first.pseudonymise(self._op, asked), self._loop).pseudonyms
        return made

    def require(self) -> None:
        """Raises Conflict where this platform makes no pseudonyms."""
        if not self._ground.settings.pseudonyms:
            raise Conflict(
                "this platform makes no pseudonyms, and a warehouse holds nobody by name",
                code="pseudonyms.off",
                hint="have it run the two services: the setting `pseudonyms`",
            )


class Decided:
    """The port `warehouse.building.ports.Decisions`, over consent."""

    def __init__(self, ground: Ground, op: Operation) -> None:
        self._database, self._op = ground.database, op
        self._rulings: Rulings = rulings(ground)
        self._sealing = SubjectSealing(ground.hold.secrets[Part.IDENTITY])

    def state(self) -> str:
        with self._database.read() as tx:
            version = self._rulings.version(tx)
            return f"{version.decisions}.{consents.count_subjects(tx)}"

    def subjects(self, site: str, references: Sequence[str]) -> Mapping[str, str]:
        if not references:
            return {}
        blinds = {self._sealing.blind(site, reference): reference for reference in references}
        with self._database.read() as tx:
            found = consents.subjects_by_blind(tx, site, list(blinds))
        return {blinds[blind]: subject for blind, subject in found.items()}

    def refusing(self, subjects: Collection[str]) -> Collection[str]:
        """Asked for research, without a project: what is refused to one project only is refused when that reads."""
        everybody = sorted(subjects)
        refused: set[str] = set()
        with self._database.read() as tx:
            for start in range(0, len(everybody), MAX_SUBJECTS):
                part = tuple(everybody[start : start + MAX_SUBJECTS])
                question = Question(part, Purpose.RESEARCH, Recipient(), self._op.at)
                ruled = self._rulings.of(tx, question)
                refused.update(name for name, ruling in ruled.items() if ruling.reason in REFUSING)
        return refused


def extracts(ground: Ground) -> list[Extract]:
    """What each provider tells, by name. Raises Invalid where one is in no form that is known, Damaged where a link of a chain is gone."""
    found = []
    with ground.database.read() as tx:
        for provider in intake.providers(tx, "", PROVIDERS):
            if (newest := intake.last_accepted_of(tx, provider.id)) is not None:
                found.append(_extract(provider, chaining.chain(tx, newest)))
    return found


def _extract(provider: Provider, chain: Sequence[Delivery]) -> Extract:
    newest = chain[-1]
    assert newest.manifest is not None
    form = form_of(provider.name, provider.agreement)
    contents = [delivery.content for delivery in chain]
    return Extract(
        provider=provider.name,
        site=provider.site,
        bucket=provider.bucket,
        number=newest.number,
        content=contents[0] if len(chain) == 1 else hashlib.sha256(" ".join(contents).encode()).hexdigest(),
        until=newest.manifest.period_until,
        form=form,
        files=tuple(file for link, delivery in enumerate(chain) for file in _files(provider, form, delivery, link)),
        chain=tuple(delivery.number for delivery in chain) if len(chain) > 1 else (),
    )


def _files(provider: Provider, form: Form, delivery: Delivery, link: int) -> Iterator[File]:
    assert delivery.manifest is not None
    for number, file in enumerate(delivery.manifest.files, 1):
        agreed = provider.agreement.table(file.table)
        key = delivery.prefix + file.name if "/" in delivery.manifest_key else file.name
        if agreed is None or key not in delivery.versions:
            raise NotFound(
                f"the agreement with {provider.name} has no table {file.table} any more",
                code="building.agreement",
                hint="have it delivered again, as is agreed now",
            )
        yield File(number, file, key, delivery.versions[key], agreed, form.tables(agreed), link)


def run(
    ground: Ground, objects: ObjectService, task: BuildTask, loop: asyncio.AbstractEventLoop, progress: Progress
) -> Built:
    """One build, on a thread beside `loop`. Raises what keeps it from its end; it is recorded either way."""
    op = parts.local_operation(task.user, ground.clock)
    pseudonyms = LevelPseudonyms(ground, op, loop)
    pseudonyms.require()
    given = GivenVocabulary(
        Path(task.vocabulary) if task.vocabulary else None,
        {name: Path(path) for name, path in task.lists.items()},
        Path(task.mappings) if task.mappings else None,
    )
    found = extracts(ground)
    layout = Layout(ground.directory.warehouse(ground.settings.warehouse))
    layout.into.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = Plan(
        layout=layout,
        settings=Settings(as_of=date.max, given=given),
        key=ground.hold.secrets[Part.WAREHOUSE],
        domain=ground.settings.warehouse_domain,
        resources=Resources(task.memory, task.threads or None),
        now=ground.clock.now,
        again=task.again,
        smaller=task.smaller,
    )
    building = Building(
        plan,
        contents=StoredContents(objects, op, loop),
        pseudonyms=pseudonyms,
        decisions=Decided(ground, op),
        tell=lambda built, people: _wait(_told(ground, op, built), loop),
        progress=progress,
    )
    return building.run(found)


async def _told(ground: Ground, op: Operation, built: Built) -> None:
    """What was built, in the log."""
    entry = op.allowed(
        ACTION,
        PLATFORM,
        began=built.began,
        deliveries=", ".join(
            f"{one.provider} {'+'.join(map(str, one.chain or (one.number,)))}" for one in built.deliveries
        ),
        digest=built.digest,
        persons=built.persons,
        excluded=built.excluded,
        nobody=built.nobody,
    )
    await ground.database.record(entry)


def _wait(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
