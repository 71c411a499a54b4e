"""One release, from what was decided to a signed manifest. The steps are those of docs/formats/release.md."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import pyarrow as pa

from nexus.crypto.signatures import Signature
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.operation import Operation
from nexus.projects.model import Scope
from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases import building, columns, people, withdrawing
from nexus.warehouse.releases.building import Progress
from nexus.warehouse.releases.manifest import Manifest, Release, Source, encode, message_of
from nexus.warehouse.releases.parts import Parts, keep
from nexus.warehouse.releases.people import Consent, Pseudonyms
from nexus.warehouse.releases.tables import ROSTER


class Signer(Protocol):
    """A key of the platform, kept by the key service, that signs manifests of releases and nothing else."""

    async def sign(self, op: Operation, message: bytes) -> Signature:
        """Raises Sealed or Unavailable."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be released. Whoever asks has looked that the project is ready (`projects.ready`), at this moment."""

    project: str
    permit: str
    """Id of the decision that holds."""
    scope: Scope
    until: str
    made: str
    source: Source
    quality: Run
    cohort: pa.Table | None = None
    """Whom the permit is limited to, as what (`cohorts.roster`); None: everybody."""
    cohort_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """What others do for a release."""

    pseudonyms: Pseudonyms
    consent: Consent
    signer: Signer


async def make(
    op: Operation,
    asked: Asked,
    cdm: Cdm,
    parts: Parts,
    ports: Ports,
    *,
    parent: Release | None = None,
    progress: Progress = lambda table, done, total: None,
) -> Manifest:
    """Build, sign and keep a release. Raises Conflict (the gate stops it), Invalid (what cannot be given), and what ports raise."""
    # Step 1. The quality gate lets it through.
    building.require_quality(asked.quality)
    # Step 2. What the permit names can be given.
    columns.given(asked.scope)
    if bool(asked.scope.cohort) != (asked.cohort is not None) or bool(asked.scope.cohort) != bool(asked.cohort_sha256):
        raise Invalid("the permit and the cohort do not belong together", code="release.cohort")
    if parent is not None and (parent.project, parent.domain) != (asked.project, asked.scope.pseudonym_domain):
        raise Conflict("the release before it is of another project, or under other pseudonyms", code="release.parent")
    # Step 3. Who allows it, under which pseudonyms.
    known = building.known_persons(cdm)
    if asked.cohort is not None:
        cdm.add(ROSTER, asked.cohort)
        known = {person: known[person] for person in asked.cohort["person_id"].to_pylist() if person in known}
    buckets = parent.buckets if parent else 0
    state, chosen = await people.chosen(
        op, known, asked.scope.pseudonym_domain, pseudonyms=ports.pseudonyms, consent=ports.consent, buckets=buckets
    )
    # Step 4. The files.
    number = buckets or people.fitting(len(chosen))
    tables = building.build(cdm, asked.scope, chosen, number, parts, progress=progress)
    # Step 5. The manifest, signed, and kept only if nobody has decided meanwhile.
    release = Release(
        project=asked.project,
        permit=asked.permit,
        made=asked.made,
        until=asked.until,
        domain=asked.scope.pseudonym_domain,
        epoch=people.epoch_of(chosen),
        period_from=asked.scope.period_from,
        period_until=asked.scope.period_until,
        cohort=asked.cohort_sha256,
        consent=state,
        source=asked.source,
        buckets=number,
        tables=tables,
        parent=parent.digest() if parent else "",
    )
    if await ports.consent.state(op) != state:
        raise Conflict("patients decided while the release was built", code="release.decided", hint="build it again")
    return await sign(op, release, parts, ports.signer)


async def leave_out(
    op: Operation, release: Release, gone: Collection[str], parts: Parts, *, signer: Signer, made: str, consent: str
) -> Manifest:
    """The release that follows `release` without some persons, by their pseudonyms in it. Raises Damaged."""
    tables = withdrawing.without(release, gone, parts)
    left = msgspec.structs.replace(release, tables=tables, parent=release.digest(), made=made, consent=consent)
    return await sign(op, left, parts, signer)


async def sign(op: Operation, release: Release, parts: Parts, signer: Signer) -> Manifest:
    """Sign a release and keep its manifest under its digest."""
    manifest = Manifest(release=release, signature=await signer.sign(op, message_of(release)))
    keep(parts.manifest(release.digest()), encode(manifest))
    return manifest


def views(release: Release, where: str, only: Sequence[str] = ()) -> str:
    """SQL that makes the tables of a release readable by name in DuckDB. `where`: folder or `s3://bucket/prefix` of its files."""
    base = where.rstrip("/").replace("'", "''")
    made = []
    for table in release.tables:
        if only and table.name not in only:
            continue
        files = ", ".join(f"'{base}/objects/{part.sha256}.parquet'" for part in table.parts)
        if files:
            source = f"SELECT * FROM read_parquet([{files}])"  # noqa: S608 - names are digests, the place is quoted
        else:
            source = "SELECT " + ", ".join(f'NULL AS "{column.name}"' for column in table.columns) + " WHERE false"
        made.append(f'CREATE OR REPLACE VIEW "{table.name}" AS {source};')
    return "\n".join(made) + "\n"
