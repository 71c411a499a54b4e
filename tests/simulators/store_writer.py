"""A process that writes to an object store, with the real audit log, until somebody kills it.

`python -m simulators.store_writer DIRECTORY` reads one line of standard input for each life: `<seed> <journal>`. It forks
a child that opens the store and writes; the parent prints the child's process id, and `over` once the child is dead. In
the journal, a file of JSON lines, each change stands twice: before it was asked for, and after it was acknowledged.
"""

import asyncio
import hashlib
import json
import os
import random
import sys
from pathlib import Path

from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.errors import NotFound
from nexus.kernel.secret import Secret
from nexus.objects.blobs.port import BlobStore
from nexus.objects.model import MIN_PART_BYTES, ObjectRef, PartReference, Versioning
from simulators.data_keys import SimulatedDataKeys
from simulators.object_store import Store, chunked

PRIVATE_KEY = OpeningKey(Secret(bytes(31) + b"\1"))
BUCKETS = ("plain", "kept")
"""Without versions, and with them."""
WRITERS = 12
"""Concurrent writers; each owns some keys, so that the order of changes of a key is known."""
SIZES = (0, 100, 4_096, 60_000, 66_000, 140_000, 700_000)


def open_store(root: Path, engine: BlobStore | None = None) -> Store:
    """The store as every life finds it: the same key, the real log."""
    keys = SimulatedDataKeys()
    keys.add_key(key=b"k" * 32)
    return Store(root, keys=keys, recorder=AuditLog(PRIVATE_KEY.public), migrations=MIGRATIONS, engine=engine)


def content(stamp: str, size: int) -> bytes:
    """The bytes of one write; no other write has the same, nor the same beginning."""
    block = hashlib.shake_128(stamp.encode()).digest(1_024)
    return (block * (size // 1_024 + 1))[:size]


class Journal:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, state: str, bucket: str, key: str, **facts: object) -> None:
        line = json.dumps({"state": state, "bucket": bucket, "key": key, **facts}) + "\n"
        os.write(self._fd, line.encode())


async def live(store: Store, seed: str, journal: Journal) -> None:
    """Write for ever."""
    buckets = {}
    for name in BUCKETS:
        try:
            buckets[name] = store.objects.buckets.find(name)
        except NotFound:
            buckets[name] = await store.bucket(name)
    await store.objects.buckets.set_versioning(store.op, buckets["kept"], Versioning.ENABLED)
    buckets["kept"] = store.objects.buckets.find("kept")
    await asyncio.gather(*(write_for_ever(store, buckets, journal, seed, writer) for writer in range(WRITERS)))


async def write_for_ever(store: Store, buckets: dict, journal: Journal, seed: str, writer: int) -> None:
    dice = random.Random(f"{seed}-{writer}")
    for turn in range(10**9):
        name, key = dice.choice(BUCKETS), f"w{writer:02}/{dice.randrange(3)}"
        stamp, size = f"{seed}-{writer}-{turn}", dice.choice(SIZES)
        how = dice.choices(("put", "parts", "copy", "delete"), (12, 1, 2, 3))[0]
        if how == "delete":
            stamp = ""
        journal.note("asked", name, key, stamp=stamp, size=size, how=how)
        version = await change(store, buckets[name], key, how, content(stamp, size), scratch=f"scratch/{writer}")
        journal.note("done", name, key, stamp=stamp, size=size, how=how, version=version)


async def change(store: Store, bucket, key: str, how: str, body: bytes, *, scratch: str) -> str | None:
    """Make `body` the content of `key` in one of several ways; returns the version, where there are versions."""
    if how == "delete":
        return (await store.objects.deleting.delete(store.op, bucket, key)).version_id
    if how == "put":
        return (await store.put(bucket, key, body)).version_id
    if how == "copy":
        await store.put(bucket, scratch, body)
        copied = await store.objects.writing.copy(store.op, ObjectRef(bucket, scratch), bucket, key)
        return copied.written.version_id
    upload = await store.objects.uploads.create(store.op, bucket, key)
    parts, padding = [], bytes(MIN_PART_BYTES)
    for number, part in enumerate((padding, body), 1):
        stored = await store.objects.uploads.put_part(
            store.op, bucket, key, chunked(part, (1 << 20,)), upload_id=upload.id, number=number
        )
        parts.append(PartReference(number=number, etag=stored.etag))
    return (await store.objects.uploads.complete(store.op, bucket, key, upload.id, parts)).version_id


def main(root: Path) -> None:
    for line in sys.stdin:
        seed, journal = line.split()
        child = os.fork()
        if child == 0:
            asyncio.run(live(open_store(root), seed, Journal(Path(journal))))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("over", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
