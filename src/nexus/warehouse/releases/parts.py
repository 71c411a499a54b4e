"""Where the files of releases lie: a folder in which each is named by its content, so that nothing is ever written over."""

import hashlib
import os
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.kernel.errors import Damaged
from nexus.warehouse.releases.manifest import Column, Part

OBJECTS: Final = "objects"
MANIFESTS: Final = "manifests"
ROWS_A_GROUP: Final = 122_880
PIECE_BYTES: Final = 1 << 20


class Parts:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the file of a part lies."""
        return self.folder / OBJECTS / f"{sha256}.parquet"

    def manifest(self, digest: str) -> Path:
        """Where the manifest of a release lies."""
        return self.folder / MANIFESTS / f"{digest}.json"

    def add(self, rows: pa.Table, bucket: int) -> Part:
        """Keep a part. The same rows are the same file, and are not written twice."""
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", row_group_size=ROWS_A_GROUP, store_schema=False)
        content = sink.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        keep(self.path(sha256), memoryview(content))
        return Part(bucket=bucket, sha256=sha256, bytes=content.size, rows=rows.num_rows)

    def read(self, part: Part) -> pa.Table:
        """The rows of a part. Raises Damaged unless the file is exactly what the manifest says."""
        self.check(part)
        try:
            return pq.read_table(self.path(part.sha256))
        except (pa.ArrowException, OSError):
            raise Damaged("a file of the release cannot be read", code="release.file") from None

    def check(self, part: Part) -> None:
        """Raises Damaged unless the file is there, byte by byte."""
        digest, size = hashlib.sha256(), 0
        try:
            with self.path(part.sha256).open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    digest.update(piece)
                    size += len(piece)
        except OSError:
            raise Damaged(f"the file {part.sha256}.parquet is missing", code="release.file") from None
        if digest.hexdigest() != part.sha256 or size != part.bytes:
            raise Damaged(f"the file {part.sha256}.parquet is not what the manifest says", code="release.file")


def columns_of(rows: pa.Table | pa.Schema) -> tuple[Column, ...]:
    """Names and types, as a manifest has them."""
    schema = rows.schema if isinstance(rows, pa.Table) else rows
    return tuple(Column(name=field.name, type=str(field.type)) for field in schema)


def keep(path: Path, content: bytes | memoryview) -> None:
    """Write a file that never changes: whole or not at all, durable, for its owner only. One that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
