"""The stories of releases at the doors. What takes time is the worker's (`working`)."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation, Resource
from nexus.warehouse.releases import cohort, comparing, manifest, store, views
from nexus.warehouse.releases.manifest import Release
from nexus.warehouse.releases.model import SITE, ReleaseRecord, ReleaseState, bucket_name, no_release, require_follows
from nexus.warehouse.releases.ports import Keys, Placing, Projects, Shown, Standing
from nexus.warehouse.releases.requests import (
    CompareReleases,
    ListReleases,
    NamedRelease,
    ReleaseManifest,
    Releases,
    ReleaseView,
    RequestRelease,
    RetireRelease,
)

READ = "releases.release.read"
FORMAT = "nexus-release-erasure/1"
"""Of the certificate that a retired release leaves."""


class ReleaseService:
    """One method for each operation."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        projects: Projects,
        *,
        keys: Keys,
        placing: Placing,
        standing: Standing,
        shown: Shown,
        pseudonyms: bool,
    ) -> None:
        """`pseudonyms`: whether this platform makes any; without them no release can be built."""
        self._database = database
        self._clock = clock
        self._projects = projects
        self._keys = keys
        self._placing = placing
        self._standing = standing
        self._shown = shown
        self._pseudonyms = pseudonyms

    async def request(self, op: Operation, request: RequestRelease) -> ReleaseView:
        """Have one built. Raises NotFound, Conflict (project not ready, pseudonyms off), Invalid (cohort)."""
        if not self._pseudonyms:
            raise Conflict(
                "this platform makes no pseudonyms, and a release is under those of its project",
                code="pseudonyms.off",
                hint="have it run the two services: the setting `pseudonyms`",
            )
        now, fresh = self._clock.now(), new_id("rel")
        key = await self._placing.key_for(SITE, request.project)

        def work(tx: Transaction) -> Recorded[ReleaseRecord]:
            permitted = self._projects.ready(tx, request.project, now)
            cohort.asked(permitted.scope.cohort, request.criteria)
            new = ReleaseRecord(
                *(
                    fresh,
                    request.project,
                    bucket_name(request.project, fresh),
                    ReleaseState.REQUESTED,
                    key,
                    request.criteria,
                ),
                *(op.actor.id, now, op.actor.id, now),
            )
            store.add(tx, new)
            return Recorded(new, _entry(op, "request", new, permit=permitted.permit))

        return self._view(await self._database.write(work))

    async def list(self, op: Operation, request: ListReleases) -> Releases:
        """The releases of a project, without their tables. Raises NotFound."""
        with self._database.read() as tx:
            if not self._projects.exists(tx, request.project):
                raise no_release()
            found = store.of_project(tx, request.project, request.before, request.limit + 1)
        shown = found[: request.limit]
        await self._database.record(op.allowed(READ, _resource(request.project), rows=len(shown)))
        more = shown[-1].id if len(found) > len(shown) else None
        return Releases(releases=tuple(self._view(each, whole=False) for each in shown), next=more)

    async def read(self, op: Operation, request: NamedRelease) -> ReleaseView:
        """A release with its tables, and how far its build is. Raises NotFound."""
        found = self._find(request)
        await self._database.record(_entry(op, "read", found))
        return self._view(found)

    async def manifest(self, op: Operation, request: NamedRelease) -> ReleaseManifest:
        """The signed manifest that counts now. Raises NotFound, Conflict if it is not built."""
        found = self._find(request)
        kept = self._kept(found)
        await self._database.record(_entry(op, "read", found, manifest=found.digest))
        return ReleaseManifest(release_digest=found.digest, manifest=kept.decode())

    async def compare(self, op: Operation, request: CompareReleases) -> comparing.ReleaseDiff:
        """What differs between two, of their manifests alone. Raises NotFound, Conflict if one is not built."""
        now = self._find(request)
        before = self._find(NamedRelease(project=request.project, release=request.since))
        found = comparing.compare(self._said(before), self._said(now))
        await self._database.record(_entry(op, "read", now, since=before.digest))
        return found

    async def open(self, op: Operation, request: NamedRelease) -> ReleaseView:
        """Let the project's members read it. Raises NotFound, Conflict, Denied for who had it built."""
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[ReleaseRecord]:
            found = _found(tx, request)
            require_follows(found.state, ReleaseState.OPEN)
            if op.actor.id == found.requested_by:
                raise Denied(
                    "who had a release built does not open it",
                    code="releases.own",
                    hint="a second data steward looks at it and opens it",
                )
            permitted = self._projects.ready(tx, found.project, now)
            if self._said(found, tx).permit != permitted.permit:
                raise Conflict(
                    "the project has another permit than the one that this was built under",
                    code="releases.permit",
                    hint="have another release built",
                )
            opened = replace(found, state=ReleaseState.OPEN, changed_by=op.actor.id, changed_at=now)
            store.update(tx, opened)
            self._standing.renew(tx)
            return Recorded(opened, _entry(op, "open", opened, manifest=opened.digest))

        return self._view(await self._database.write(work))

    async def retire(self, op: Operation, request: RetireRelease) -> ReleaseView:
        """Destroy the key of all its files, at once and for good; it leaves the catalogue too. Raises NotFound, Conflict if it was retired before."""
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[ReleaseRecord]:
            found = _found(tx, request)
            require_follows(found.state, ReleaseState.RETIRED)
            told = dict(self._keys.destroy(tx, op, found.bucket))
            certificate = {
                "format": FORMAT,
                "release": found.id,
                "manifest": found.digest,
                "bucket": found.bucket,
                **told,
                "erased_at": rfc3339(now),
            }
            retired = replace(
                found,
                state=ReleaseState.RETIRED,
                changed_by=op.actor.id,
                changed_at=now,
                destroyed=msgspec.json.encode(certificate, order="sorted"),
            )
            store.update(tx, retired)
            self._standing.renew(tx)
            left = {"catalogue": name} if (name := self._shown.leave(tx, op, found.id)) else {}
            entry = _entry(op, "retire", retired, reason=request.reason, manifest=retired.digest, **told, **left)
            return Recorded(retired, entry)

        return self._view(await self._database.write(work))

    def _find(self, request: NamedRelease) -> ReleaseRecord:
        with self._database.read() as tx:
            return _found(tx, request)

    def _kept(self, found: ReleaseRecord) -> bytes:
        with self._database.read() as tx:
            return _kept(tx, found)

    def _said(self, found: ReleaseRecord, tx: Transaction | None = None) -> Release:
        return manifest.decode(self._kept(found) if tx is None else _kept(tx, found)).release

    def _view(self, found: ReleaseRecord, *, whole: bool = True) -> ReleaseView:
        with self._database.read() as tx:
            kept = store.manifest(tx, found.digest) if found.digest else None
            return views.release(found, kept, store.digests(tx, found.id), store.progress(tx, found.id), whole=whole)


def _resource(project: str) -> Resource:
    return Resource("Project", project, {"project": project})


def resource(service: ReleaseService, request: RequestRelease | NamedRelease | ListReleases) -> Resource:
    """A release belongs to its project, whether or not there is one."""
    return _resource(request.project)


def _entry(op: Operation, verb: str, found: ReleaseRecord, **details: str | int) -> Entry:
    more: Mapping[str, str | int] = {"release": found.id, "bucket": found.bucket, "state": found.state.value, **details}
    return op.allowed(f"releases.release.{verb}", _resource(found.project), **more)


def _found(tx: Transaction, request: NamedRelease) -> ReleaseRecord:
    found = store.release(tx, request.project, request.release)
    if found is None:
        raise no_release()
    return found


def _kept(tx: Transaction, found: ReleaseRecord) -> bytes:
    kept = store.manifest(tx, found.digest) if found.digest else None
    if kept is None:
        raise Conflict(
            "this release is not built", code="releases.state", hint="`nexus releases release read` says how far it is"
        )
    return kept
