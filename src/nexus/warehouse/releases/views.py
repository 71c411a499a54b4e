"""Releases as callers see them. Pure."""

import msgspec

from nexus.warehouse.cohorts.told import Told
from nexus.warehouse.releases import manifest
from nexus.warehouse.releases.manifest import Manifest, Table
from nexus.warehouse.releases.model import Progress, ReleaseRecord, ReleaseState
from nexus.warehouse.releases.requests import ReleasedTable, ReleaseView, SmallClasses

_BEGUN = Progress("", 0, 0)


def release(
    record: ReleaseRecord,
    kept: bytes | None,
    parents: tuple[str, ...],
    progress: Progress | None,
    *,
    whole: bool = True,
) -> ReleaseView:
    """`kept`: the manifest that counts now. `whole`: with its tables."""
    made = None if kept is None else manifest.decode(kept)
    at = progress if progress is not None and record.state is ReleaseState.REQUESTED else _BEGUN
    said = made.release if made is not None else None
    return ReleaseView(
        id=record.id,
        project=record.project,
        bucket=record.bucket,
        state=record.state,
        requested_by=record.requested_by,
        requested_at=record.requested_at,
        changed_by=record.changed_by,
        changed_at=record.changed_at,
        step=at.step,
        done=at.done,
        total=at.total,
        code=record.code,
        message=record.message,
        release_digest=record.digest,
        parents=parents[:-1],
        until=said.until if said else "",
        domain=said.domain if said else "",
        period_from=said.period_from if said else "",
        period_until=said.period_until if said else "",
        signing_key=_signer(made),
        tables=tuple(map(_table, said.tables)) if said and whole else (),
        small_classes=None if record.risk is None else msgspec.json.decode(record.risk, type=SmallClasses),
        cohort=None if record.found is None or not whole else msgspec.json.decode(record.found, type=Told),
        certificate=(record.destroyed or b"").decode(),
    )


def _signer(made: Manifest | None) -> str:
    return "" if made is None else made.signature.public_key


def _table(table: Table) -> ReleasedTable:
    return ReleasedTable(
        name=table.name,
        columns=tuple(column.name for column in table.columns),
        rows=table.rows,
        files=len(table.parts),
        bytes=sum(part.bytes for part in table.parts),
    )
