"""A disk that is full, read-only, gone or broken: a precise error, nothing half-appears, and all is well afterwards."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.kernel.errors import NotFound, Unavailable
from nexus.objects.batches import BATCH_BYTES
from nexus.objects.model import INLINE_BYTES, MIB
from simulators.disks import small_disk
from simulators.object_store import Store, chunked


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(path)], check=True)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    """A store whose blobs are on a disk of 8 MiB."""
    with small_disk(tmp_path / "disk", 8 * MIB) as disk:
        (tmp_path / "data").mkdir()
        made = Store(tmp_path / "data", blobs=disk / "blobs")
        yield made
        made.close()


async def settled(store: Store) -> list[Path]:
    await asyncio.sleep(0.05)
    store.settle()
    return store.files()


@pytest.mark.parametrize("declared", [True, False])
async def test_a_full_disk_refuses_the_large_and_takes_the_next(store, declared):
    bucket = await store.bucket()
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await store.put(bucket, "scan", bytes(20 * MIB), length=20 * MIB if declared else None)
        assert caught.value.code == "objects.disk-full"
        assert await settled(store) == []
        with pytest.raises(NotFound):
            await store.get(bucket, "scan")
    await store.put(bucket, "scan", bytes(MIB))
    assert await store.get(bucket, "scan") == bytes(MIB)


async def test_a_full_disk_keeps_the_object_that_was_there(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"old" * MIB)
    with pytest.raises(Unavailable):
        await store.put(bucket, "scan", bytes(20 * MIB))
    assert await store.get(bucket, "scan") == b"old" * MIB
    upload = await store.objects.uploads.create(store.op, bucket, "scan")
    with pytest.raises(Unavailable):
        await store.objects.uploads.put_part(
            store.op, bucket, "scan", chunked(bytes(20 * MIB)), upload_id=upload.id, number=1
        )
    assert (await store.objects.uploads.parts(store.op, bucket, "scan", upload.id)).parts == ()
    assert len(await settled(store)) == 1


async def test_a_read_only_disk_is_named_and_still_read(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", bytes(MIB))
    remount(store.blobs.parent, "ro")
    with pytest.raises(Unavailable) as caught:
        await store.put(bucket, "new", bytes(MIB))
    assert caught.value.code == "objects.disk-read-only"
    assert await store.get(bucket, "scan") == bytes(MIB)
    await store.put(bucket, "small", b"x")
    await store.objects.deleting.delete(store.op, bucket, "scan")
    store.settle()
    remount(store.blobs.parent, "rw")
    assert len(store.files()) == 1, "the blob that could not be removed waits for the sweep"
    os.utime(store.files()[0], (0, 0))
    assert (await store.objects.upkeep.sweep(store.op)).files == 1


async def test_a_disk_that_went_away_is_an_error_and_its_return_is_the_end_of_it(tmp_path):
    store = Store(tmp_path)
    try:
        bucket = await store.bucket()
        await store.put(bucket, "scan", bytes(MIB))
        store.blobs.rename(tmp_path / "elsewhere")
        with pytest.raises(Unavailable) as caught:
            await store.put(bucket, "new", bytes(MIB))
        assert (caught.value.code, "ENOENT" in caught.value.message) == ("objects.disk-refused", True)
        (tmp_path / "elsewhere").rename(store.blobs)
        assert await store.get(bucket, "scan") == bytes(MIB)
    finally:
        store.close()


async def test_what_is_not_a_file_is_not_read(tmp_path):
    store = Store(tmp_path)
    try:
        bucket = await store.bucket()
        await store.put(bucket, "scan", bytes(MIB))
        (path,) = store.files()
        held = path.read_bytes()
        path.unlink()
        path.symlink_to("/proc/self/environ")
        with pytest.raises(Unavailable):
            await store.get(bucket, "scan")
        path.unlink()
        path.mkdir()
        with pytest.raises(Unavailable):
            await store.get(bucket, "scan")
        path.rmdir()
        path.write_bytes(held)
        assert await store.get(bucket, "scan") == bytes(MIB)
    finally:
        store.close()


async def test_a_full_disk_under_the_database_refuses_reads_too_and_loses_nothing(tmp_path):
    """No room for the audit entry: the read does not happen."""
    with small_disk(tmp_path / "disk", 2 * MIB) as disk:
        store = Store(disk, blobs=tmp_path / "blobs")
        try:
            bucket, stored = await store.bucket(), 0
            with pytest.raises(Unavailable) as caught:
                for stored in range(1_000):
                    await store.put(bucket, f"{stored:03}", os.urandom(INLINE_BYTES))
            assert caught.value.code == "database.disk-full"
            for number in range(stored):
                found = store.database.peek("SELECT count(*) FROM objects_version WHERE key = ?", (f"{number:03}",))
                assert found == (1,)
            with pytest.raises(NotFound):
                await store.get(bucket, f"{stored:03}")
        finally:
            store.close()


async def test_bytes_are_synced_then_named_then_the_directory_then_the_row(tmp_path):
    """The order that a power cut asks for, as the calls of the threads tell it."""
    calls: list[str] = []
    wanted = {"pwrite", "fdatasync", "rename", "fsync"}

    def listen(frame, event, argument):
        if event == "c_call" and (name := argument.__name__) in wanted:
            calls.append(name)
        elif event == "c_call" and name == "execute" and frame.f_code.co_name == "_begin":
            calls.append("database")

    threading.setprofile(listen)
    store = Store(tmp_path)
    try:
        bucket = await store.bucket()
        calls.clear()
        await store.put(bucket, "scan", bytes(3 * BATCH_BYTES))
    finally:
        threading.setprofile(None)
        store.close()
    last_byte = max(at for at, name in enumerate(calls) if name == "pwrite")
    afterwards = ["fdatasync", "fsync", "rename", "fsync", "database"]
    assert calls[last_byte + 1 : last_byte + 1 + len(afterwards)] == afterwards
    assert "database" not in calls[:last_byte]


def test_memory_is_bounded_whatever_the_size(tmp_path):
    """A process that puts and gets 400 MiB keeps within tens of megabytes of where it began. R-153."""
    program = (
        "import asyncio, resource, sys\n"
        "from pathlib import Path\n"
        "from simulators.object_store import Store\n"
        "async def main():\n"
        "    store = Store(Path(sys.argv[1])); bucket = await store.bucket()\n"
        "    async def body(pieces):\n"
        "        for _ in range(pieces): yield piece\n"
        "    piece = bytes(1 << 18)\n"
        "    async def there_and_back(name, pieces):\n"
        "        await store.objects.writing.put(store.op, bucket, name, body(pieces), length=pieces << 18)\n"
        "        async for _ in (await store.objects.reading.get(store.op, bucket, name)).body: pass\n"
        "    used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "    await asyncio.gather(*(there_and_back(str(n), 16) for n in range(4)))\n"
        "    before = used()\n"
        "    await asyncio.gather(*(there_and_back(str(n), 400) for n in range(4)))\n"
        "    print(used() - before); store.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    shutil.rmtree(tmp_path / "blobs")
    assert int(done.stdout) < 24, "MiB more for a hundred times the bytes"
