"""Providers and deliveries as operations show them."""

import msgspec

from nexus.warehouse.intake.manifest import Kind
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider
from nexus.warehouse.intake.requests import DeliveredFile, DeliveryView, ProviderView


def provider(found: Provider, *, whole: bool = True) -> ProviderView:
    """`whole`: with its agreement."""
    return ProviderView(
        id=found.id,
        name=found.name,
        title=found.title,
        site=found.site,
        bucket=found.bucket,
        revision=found.revision,
        registered_by=found.registered_by,
        registered_at=found.registered_at,
        ended_at=found.ended_at,
        agreement=found.agreement if whole else None,
    )


def delivery(whose: Provider, found: Delivery, chain: tuple[int, ...]) -> DeliveryView:
    """With its report and, of one that was accepted, its files. `chain`: from the whole delivery that it applies to, by number."""
    accepted = found.state is DeliveryState.ACCEPTED
    return msgspec.structs.replace(
        listed(whose, found),
        chain=chain,
        files=tuple(
            DeliveredFile(name=key.rpartition("/")[2], key=key, version=version)
            for key, version in sorted(found.versions.items())
            if accepted
        ),
        report=found.report,
    )


def listed(whose: Provider, found: Delivery) -> DeliveryView:
    """As lists show it."""
    return DeliveryView(
        id=found.id,
        provider=whose.name,
        number=found.number,
        attempt=found.attempt,
        kind=Kind.WHOLE if found.manifest is None else found.manifest.kind,
        follows=None if found.follows is None else found.follows.number,
        state=found.state,
        manifest=found.manifest_key,
        submitted_by=found.submitted_by,
        submitted_at=found.submitted_at,
        decided_by=found.decided_by,
        decided_at=found.decided_at,
        reason=found.reason,
        rows=found.report.rows,
        refused_for=len(found.report.problems),
    )
