"""All SQL of the catalogue."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from typing import Final

import msgspec

from nexus.kernel.database import Row, Transaction
from nexus.warehouse.catalogue.describing import Description
from nexus.warehouse.catalogue.model import Dataset, DatasetState

_DATASET: Final = "name, project, release, version, description, described_by, state, changed_by, changed_at, record"


def put(tx: Transaction, now: Dataset) -> None:
    """Store a dataset as it is now."""
    tx.execute(
        f"INSERT INTO catalogue_dataset ({_DATASET}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET project = excluded.project, release = excluded.release,"
        " version = excluded.version, description = excluded.description, described_by = excluded.described_by,"
        " state = excluded.state, changed_by = excluded.changed_by, changed_at = excluded.changed_at, record = excluded.record",
        (
            *(now.name, now.project, now.release, now.version, msgspec.json.encode(now.description)),
            *(now.described_by, now.state.value, now.changed_by, now.changed_at, now.record),
        ),
    )


def named(tx: Transaction, name: str) -> Dataset | None:
    """A dataset by its name."""
    row = tx.one(f"SELECT {_DATASET} FROM catalogue_dataset WHERE name = ?", (name,))
    return None if row is None else _dataset(row)


def of_release(tx: Transaction, release: str) -> Dataset | None:
    """The dataset that is a release; of the warehouse itself if `release` is empty."""
    row = tx.one(f"SELECT {_DATASET} FROM catalogue_dataset WHERE release = ?", (release,))
    return None if row is None else _dataset(row)


def datasets(tx: Transaction, after: str, limit: int) -> list[Dataset]:
    """Datasets in the order of their names, behind `after`."""
    rows = tx.all(f"SELECT {_DATASET} FROM catalogue_dataset WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
    return [_dataset(row) for row in rows]


def published(tx: Transaction) -> list[bytes]:
    """The records that everybody sees, in the order of names."""
    state = DatasetState.PUBLISHED.value
    rows = tx.all("SELECT record FROM catalogue_dataset WHERE state = ? ORDER BY name", (state,))
    return [bytes(record) for (record,) in rows if record is not None]


def published_releases(tx: Transaction) -> frozenset[str]:
    """The releases that everybody sees."""
    rows = tx.all("SELECT release FROM catalogue_dataset WHERE state = ?", (DatasetState.PUBLISHED.value,))
    return frozenset(release for (release,) in rows)


def _dataset(row: Row) -> Dataset:
    name, project, release, version, description, described_by, state, changed_by, changed_at, record = row
    return Dataset(
        *(name, project, release, version, msgspec.json.decode(bytes(description), type=Description)),
        *(described_by, DatasetState(state), changed_by, changed_at, None if record is None else bytes(record)),
    )
