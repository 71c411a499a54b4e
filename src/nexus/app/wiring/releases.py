"""Releases at the doors: what stands behind their ports. What the worker does is wired in `release_work`."""

from collections.abc import Mapping

import msgspec

from nexus.app.ground import Ground
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.storage import placements
from nexus.app.wiring.subjects import Subjects
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Operation
from nexus.objects import ending
from nexus.objects.service import ObjectService
from nexus.projects import rules
from nexus.projects import store as projects
from nexus.projects.model import no_project
from nexus.warehouse.catalogue.public import Leaving
from nexus.warehouse.releases.ports import Permitted
from nexus.warehouse.releases.service import ReleaseService


class PermittedProjects:
    """The port `warehouse.releases.ports.Projects`, over projects."""

    def ready(self, tx: Transaction, project: str, at: Instant) -> Permitted:
        found = projects.project(tx, project)
        if found is None:
            raise no_project()
        known = rules.readiness(found, projects.decisions(tx, found.id), at)
        permit = rules.require_ready(known)
        assert permit.scope is not None and known.until is not None
        return Permitted(permit.id, permit.scope, known.until, found.purpose.value)

    def exists(self, tx: Transaction, project: str) -> bool:
        return projects.project(tx, project) is not None


class BucketKeys:
    """The port `warehouse.releases.ports.Keys`, over the object store."""

    def __init__(self, objects: ObjectService) -> None:
        self._objects = objects

    def destroy(self, tx: Transaction, op: Operation, bucket: str) -> Mapping[str, str | int]:
        try:
            found = self._objects.buckets.find(bucket)
        except NotFound:
            return {}
        return msgspec.structs.asdict(ending.destroy_key(tx, found))


def release_service(ground: Ground, objects: ObjectService) -> ReleaseService:
    """The operations of releases."""
    return ReleaseService(
        ground.database,
        ground.clock,
        PermittedProjects(),
        keys=BucketKeys(objects),
        placing=placements(ground),
        standing=Subjects(rulings(ground)),
        shown=Leaving(ground.clock),
        pseudonyms=ground.settings.pseudonyms,
    )
