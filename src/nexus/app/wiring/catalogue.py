"""The public catalogue: what stands behind its ports, for whoever describes datasets and for the door that shows them."""

from collections.abc import Sequence

from nexus.app.ground import Ground
from nexus.kernel.database import Transaction
from nexus.projects import store as projects
from nexus.warehouse.catalogue.model import Holder
from nexus.warehouse.catalogue.ports import Opened
from nexus.warehouse.catalogue.public import PublicCatalogue
from nexus.warehouse.catalogue.service import CatalogueService
from nexus.warehouse.omop.kept import quality_of_now
from nexus.warehouse.quality import results
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases import manifest
from nexus.warehouse.releases import store as releases
from nexus.warehouse.releases.model import ReleaseState


class PlatformSources:
    """The port `warehouse.catalogue.ports.Sources`, over releases, projects and the kept run of the quality gate."""

    def __init__(self, ground: Ground) -> None:
        self._folder = ground.directory.warehouse(ground.settings.warehouse)

    def release(self, tx: Transaction, project: str, release: str) -> Opened | None:
        found, study = releases.release(tx, project, release), projects.project(tx, project)
        if found is None or study is None or found.state is not ReleaseState.OPEN:
            return None
        kept = releases.manifest(tx, found.digest)
        return None if kept is None else Opened(manifest.decode(kept).release, study.purpose, study.legal_basis)

    def opened(self, tx: Transaction) -> Sequence[str]:
        return [found.id for found in releases.in_states(tx, (ReleaseState.OPEN,))]

    def measured(self) -> Run | None:
        kept = quality_of_now(self._folder)
        return None if kept is None else results.decode(kept.read_bytes())


def holder(ground: Ground) -> Holder:
    """Who answers for the catalogue. It is off where no door shows it."""
    chosen = ground.settings
    return Holder(
        name=chosen.catalogue_publisher,
        contact=chosen.catalogue_contact,
        access_body=chosen.catalogue_access_body,
        access_body_contact=chosen.catalogue_access_body_contact,
        country=chosen.catalogue_country,
        address=ground.portal_url.rstrip("/"),
    )


def catalogue_service(ground: Ground) -> CatalogueService:
    """The operations of the catalogue."""
    return CatalogueService(ground.database, ground.clock, PlatformSources(ground), holder(ground))


def public_catalogue(ground: Ground) -> PublicCatalogue | None:
    """What everybody sees, or None where this platform has no catalogue."""
    known = holder(ground)
    return PublicCatalogue(ground.database, ground.clock, known, ground.hold.require) if known.on else None
