"""A release from the warehouse's directory, on a thread of its own: the engine works for minutes, and the platform goes on beside it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa

from nexus import __version__
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.projects.model import Scope
from nexus.warehouse.cohorts import told
from nexus.warehouse.omop.kept import quality_of_now
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.quality import gate, results
from nexus.warehouse.quality.cdm import Cdm, open_cdm
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases import cohort, risk
from nexus.warehouse.releases.building import Progress
from nexus.warehouse.releases.making import Asked, Ports, Signer, make
from nexus.warehouse.releases.manifest import Manifest, Release, Source, encode
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.people import Consent, Pseudonyms, bucket_of

MEMORY: Final = "2GB"
"""What the engine may hold in memory, beside everything else that the worker does."""
RISKY: Final = (
    "gender_concept_id", "year_of_birth", "month_of_birth", "race_concept_id", "ethnicity_concept_id", "location_id",
    "care_site_id",
)  # fmt: skip
"""Columns of a person by which somebody might be recognised."""
T = TypeVar("T")


class Named(Consent, Protocol):
    """Consent, which also says under which names it knew those whom it was asked about."""

    @property
    def names(self) -> Mapping[str, Sequence[str]]:
        """By their pseudonyms in the warehouse."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be built, of what, where."""

    op: Operation
    project: str
    permit: str
    scope: Scope
    until: str
    made: str
    at: Instant
    cohort: str
    warehouse: Layout
    parts: Parts
    parent: Release | None


@dataclass(frozen=True, slots=True)
class Told:
    """What may be told of who is in it. JSON; None where there is nothing to tell."""

    risk: bytes | None
    """Of small classes (`risk.encode`)."""
    cohort: bytes | None
    """How its cohort was found (`cohorts.told.encode`)."""


@dataclass(frozen=True, slots=True)
class Crafted:
    """What was built: files and manifest in a folder, whose data are in each share of persons, what may be told of it."""

    manifest: Manifest
    lists: Mapping[int, Sequence[str]] = field(repr=False)
    told: Told


class Across:
    """Ports that belong to another loop, for the loop of a thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pseudonyms: Pseudonyms, consent: Consent, signer: Signer
    ) -> None:
        self._loop = loop
        self._pseudonyms = pseudonyms
        self._consent = consent
        self._signer = signer
        self.theirs: dict[str, str] = {}
        """Who is who: the warehouse's pseudonym, the project's."""
        self._state = ""

    async def to_domain(self, op: Operation, pseudonyms: Sequence[str], domain: str) -> Sequence[str]:
        found = await self._over(self._pseudonyms.to_domain(op, pseudonyms, domain))
        self.theirs.update(zip(pseudonyms, found, strict=True))
        return found

    async def state(self, op: Operation) -> str:
        """As it was when it was first asked: whoever decides meanwhile is looked at when the release is to be kept (`working`)."""
        if not self._state:
            self._state = await self._over(self._consent.state(op))
        return self._state

    async def allowed(self, op: Operation, pseudonyms: Sequence[str]) -> Any:
        return await self._over(self._consent.allowed(op, pseudonyms))

    async def sign(self, op: Operation, message: bytes) -> Any:
        return await self._over(self._signer.sign(op, message))

    async def _over(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))


async def craft(work: Work, *, pseudonyms: Pseudonyms, consent: Named, signer: Signer, progress: Progress) -> Crafted:
    """Build, check and sign, beside the loop that calls. Raises what `making.make` raises; Conflict if the warehouse changes meanwhile.

    `progress` is called on the thread; what it raises ends the work.
    """
    across = Across(asyncio.get_running_loop(), pseudonyms, consent, signer)
    manifest, said = await asyncio.to_thread(lambda: asyncio.run(_made(work, across, progress)))
    lists: dict[int, set[str]] = {}
    for warehouse, theirs in across.theirs.items():
        lists.setdefault(bucket_of(theirs, manifest.release.buckets), set()).update(consent.names[warehouse])
    return Crafted(manifest, {share: tuple(sorted(names)) for share, names in lists.items()}, said)


def fingerprint(folder: Path) -> str:
    """Another text whenever a file of the warehouse is another one: names, sizes and times, no content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        known = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{known.st_size}\0{known.st_mtime_ns}\n".encode())
    return digest.hexdigest()


async def _made(work: Work, across: Across, progress: Progress) -> tuple[Manifest, Told]:
    if not work.warehouse.cdm.is_dir():
        raise Conflict(
            "the warehouse holds no data yet",
            code="releases.no-warehouse",
            hint="convert what was delivered into the directory that the setting `warehouse` names",
        )
    before = fingerprint(work.warehouse.cdm)
    with open_cdm(work.warehouse.cdm, memory=MEMORY) as cdm:
        quality = _quality(work, cdm, progress)
        chosen, how = _cohort(work, cdm)
        asked = Asked(
            project=work.project,
            permit=work.permit,
            scope=work.scope,
            until=work.until,
            made=work.made,
            source=_source(work, cdm, quality, before),
            quality=quality,
            cohort=chosen,
            cohort_sha256=hashlib.sha256(work.cohort.encode()).hexdigest() if work.cohort else "",
        )
        ports = Ports(across, across, across)
        manifest = await make(work.op, asked, cdm, work.parts, ports, parent=work.parent, progress=progress)
    if fingerprint(work.warehouse.cdm) != before:
        raise Conflict(
            "the warehouse changed while the release was built", code="release.source", hint="it is built again"
        )
    return manifest, Told(_risk(work, manifest.release), how)


def _quality(work: Work, cdm: Cdm, progress: Progress) -> Run:
    """The run that was kept, if it is of these data; else one that is made and kept now."""
    if kept := quality_of_now(work.warehouse.into):
        return results.decode(kept.read_bytes())
    run = gate.run(cdm, "warehouse", work.at, lambda table, done, total: progress("quality", done, total))
    kept = work.warehouse.quality
    new = kept.with_name(f".{kept.name}.new")
    new.write_bytes(results.encode(run))
    new.replace(kept)
    return run


def _source(work: Work, cdm: Cdm, quality: Run, before: str) -> Source:
    report = work.warehouse.report
    known = hashlib.sha256(report.read_bytes()).hexdigest() if report.exists() else before
    version = ""
    if cdm.has("cdm_source", "vocabulary_version"):
        rows = cdm.rows("SELECT vocabulary_version FROM cdm_source LIMIT 1")
        version = str(rows[0][0] or "") if rows else ""
    digest = hashlib.sha256(results.encode(quality)).hexdigest()
    return Source(cdm=known, vocabulary=version, quality_sha256=digest, code=__version__)


def _cohort(work: Work, cdm: Cdm) -> tuple[pa.Table | None, bytes | None]:
    """Cases and their controls, and what may be told of how they were found; None where the permit names no cohort."""
    asked = cohort.asked(work.scope.cohort, work.cohort)
    if asked is None:
        return None, None
    from nexus.warehouse.cohorts import findings  # numpy: loaded only where a cohort is asked for
    from nexus.warehouse.cohorts.roster import roster

    found = findings.find(cdm, asked, work.cohort.encode())
    return roster(found), told.encode(findings.told(found, work.project, work.at))


def _risk(work: Work, release: Release) -> bytes | None:
    """How few share what could point at them, where persons are given at all."""
    person = next((table for table in release.tables if table.name == "person"), None)
    columns = [] if person is None else [one.name for one in person.columns if one.name in RISKY]
    if person is None or not columns or not person.parts:
        return None
    return risk.encode(risk.assess([work.parts.path(part.sha256) for part in person.parts], columns))


def manifest_bytes(made: Crafted) -> bytes:
    """The file."""
    return encode(made.manifest)
