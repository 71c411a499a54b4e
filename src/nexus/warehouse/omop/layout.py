"""Where a conversion keeps what: one folder, with the CDM in a folder of its own that holds nothing else."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.warehouse.omop.kept import QUALITY, REPORT

PROVENANCE: Final = {"id": "int64", "check": "int64", "file": "int32", "line": "int64", "person": "int64"}
"""Beside each CDM table: the key of each record, 32 more bits of its hash, where it comes from, and where the CDM table itself does
not say whose record it is (cost), the person's key."""
QUARANTINE: Final = {"target": "string", "reason": "string", "file": "int32", "line": "int64", "person": "int64"}
"""`person`: the key that the person has, or would have; NULL if the row names nobody."""
FILES: Final = {"file": "int32", "name": "string", "table": "string", "bytes": "int64", "rows": "int64"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the folder of one conversion."""

    into: Path

    @property
    def cdm(self) -> Path:
        return self.into / "cdm"

    @property
    def provenance(self) -> Path:
        return self.into / "provenance"

    @property
    def quarantine(self) -> Path:
        return self.into / "quarantine"

    @property
    def state(self) -> Path:
        """What a refresh needs of the conversion before: the hash of each row, the settings, what codes mean."""
        return self.into / "state"

    @property
    def codes(self) -> Path:
        """The code map that mappings read (`vocabulary.CODES`)."""
        return self.state / "vocabulary" / "codes"

    @property
    def ingredients(self) -> Path:
        """What drugs are made of (`vocabulary.INGREDIENTS`)."""
        return self.state / "vocabulary" / "ingredients"

    @property
    def statements(self) -> Path:
        """What the expressions of the conversion are in SQL (`statements`)."""
        return self.state / "statements"

    @property
    def refresh(self) -> Path:
        """Where a refresh works until it is whole."""
        return self.into / "refresh"

    @property
    def refreshed(self) -> Path:
        """What a refresh leaves, until it is removed."""
        return self.into / "refreshed"

    @property
    def accumulated(self) -> Path:
        """The whole deliveries that deliveries of changes have made (`accumulating`)."""
        return self.into / "accumulated"

    @property
    def work(self) -> Path:
        """What is removed once all is done."""
        return self.into / "work"

    @property
    def spill(self) -> Path:
        """Where engines write what their memory does not hold; they may be at it already."""
        return self.work / "spill"

    @property
    def files(self) -> Path:
        """What each file's number in provenance means."""
        return self.into / "files.parquet"

    @property
    def report(self) -> Path:
        return self.into / REPORT

    @property
    def quality(self) -> Path:
        """The last run of the quality gate over `cdm` (`warehouse.quality.results`), if one was kept."""
        return self.into / QUALITY

    @property
    def releasing(self) -> Path:
        """Where releases are built, until they are in their buckets."""
        return self.into / "releasing"

    @property
    def key(self) -> Path:
        """The secret of the keys, where the user keeps it nowhere else."""
        return self.into / "key"

    @property
    def ids(self) -> Path:
        """Which id each local concept has."""
        return self.into / "local-concepts.csv"

    def clear(self) -> None:
        """Remove what a conversion wrote; the secret of the keys and the ids of local concepts stay."""
        inside = self.work.iterdir() if self.work.is_dir() else ()
        for folder in (self.cdm, self.provenance, self.quarantine, self.state, self.refresh, *inside):
            if folder != self.spill:
                shutil.rmtree(folder, ignore_errors=True)
        for file in (self.files, self.report, self.quality):
            shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)

    def part(self, folder: Path, table: str, piece: str) -> Path:
        """Where a piece of a table is written."""
        return folder / table / f"{piece}.parquet"


_ARROW: Final = {"date": pa.date32(), "timestamp": pa.timestamp("us")}


def write_rows(path: Path, columns: Mapping[str, str], rows: Sequence[tuple[object, ...]]) -> None:
    """A small table, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, _ARROW.get(type_) or pa.type_for_alias(type_)) for name, type_ in columns.items()])
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=schema)
    new = path.with_name(f".{path.name}.new")
    pq.write_table(table, new)
    new.replace(path)
