"""Engines for blobs, each over real disks' directories or a real S3 door."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nexus.kernel.clock import SystemClock
from nexus.objects.blobs.copies import Copies
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import BlobStore
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.blobs.remote_client import Endpoint
from simulators.s3_door import S3Door, open_s3_door
from simulators.tls_door import listening

OWNER = "nx_test"
BUCKET = "blobs"


def copies(folder: Path, number: int, *, least: int = 0, new: bool = True) -> Copies:
    """Places `1`, `2`, … below a folder."""
    return Copies([folder / str(each) for each in range(1, number + 1)], OWNER, least=least, new=new)


class Elsewhere:
    """Another Nexus whose S3 door keeps blobs: an engine over TLS, with a bucket for it."""

    def __init__(self, door: S3Door, endpoint: Endpoint) -> None:
        self.door = door
        self.endpoint = endpoint

    def engine(self, prefix: str = "") -> RemoteBlobs:
        """An engine over it."""
        return RemoteBlobs(self.endpoint, prefix=prefix)


@contextmanager
def elsewhere(folder: Path) -> Iterator[Elsewhere]:
    """For as long as the block runs."""
    door = open_s3_door(folder, clock=SystemClock(), body_idle_s=5)
    key = door.owner_key
    try:
        with listening(door, folder) as server:
            endpoint = Endpoint(
                url=server.url,
                bucket=BUCKET,
                region=door.region,
                access_key=key.id,
                secret_key=key.secret,
                authorities=server.ca,
            )
            made = Elsewhere(door, endpoint)
            maker = made.engine()
            maker.client.request("PUT")
            maker.close()
            yield made
    finally:
        door.close()


MAKERS: dict[str, Callable[[Path], BlobStore]] = {
    "one disk": lambda folder: DiskBlobs(folder / "blobs"),
    "two disks": lambda folder: copies(folder, 2),
    "three disks": lambda folder: copies(folder, 3),
}


def write(engine: BlobStore, blob_id: str, data: bytes, *, step: int = 300_000) -> bytes:
    """A whole blob in steps; returns its checksum."""
    writer = engine.create(blob_id, room=step)
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        writer.room(len(piece))[:] = piece
        writer.filled(len(piece))
    checksum = writer.finish()
    writer.release()
    return checksum


def read(engine: BlobStore, blob_id: str) -> bytes:
    """All of a blob."""
    reader = engine.reader(blob_id)
    try:
        return reader.read(0, reader.size)
    finally:
        reader.close()
