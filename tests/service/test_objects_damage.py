"""What does not verify is an error, never bytes. Every test here really edits the files or the rows."""

import os

import pytest

from nexus.crypto.floe import HEADER_BYTES
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Damaged
from nexus.objects.model import INLINE_BYTES, ByteRange, Metadata, PartReference, Versioning
from nexus.objects.sealing import SEGMENTS
from simulators.object_store import Store, chunked

SEGMENT, SEALED = SEGMENTS.plain_bytes, SEGMENTS.segment_bytes
LARGE = os.urandom(9 * SEGMENT + 100)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def refused(store, bucket, key="scan", **options) -> int:
    """Reads must end in Damaged; whatever came before is a prefix of the truth. Returns how much came."""
    received = b""
    with pytest.raises(Damaged) as caught:
        read = await store.objects.reading.get(store.op, bucket, key, **options)
        async for chunk in read.body:
            received += chunk
    assert caught.value.code.startswith("objects.content")
    assert key not in str(caught.value) + caught.value.hint
    assert LARGE.startswith(received)
    return len(received)


async def blob_of(store, bucket, key, body=LARGE, **options):
    """Put an object; the file that it is in."""
    before = set(store.files())
    await store.put(bucket, key, body, **options)
    (path,) = set(store.files()) - before
    return path


async def edit(store, sql, parameters=()):
    changed = await store.database.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute(sql, parameters))
    assert changed


@pytest.mark.parametrize(
    "at", [0, 5, 12, 45, 73, 74, 78, 90, 1000, SEALED + 73, SEALED + 80, 4 * SEALED, -1, -20, -130]
)
async def test_a_flipped_bit_anywhere_in_a_blob(store, at):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
    received = await refused(store, bucket)
    assert received <= max(0, (at % len(data) - HEADER_BYTES) // SEALED) * SEGMENT


@pytest.mark.parametrize(
    "length",
    [
        0,
        1,
        HEADER_BYTES - 1,
        HEADER_BYTES,
        HEADER_BYTES + SEALED,
        HEADER_BYTES + 9 * SEALED,
        HEADER_BYTES + 9 * SEALED + 5,
    ],
)
async def test_a_blob_that_was_cut(store, length):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    path.write_bytes(path.read_bytes()[:length])
    assert await refused(store, bucket) == 0
    assert await refused(store, bucket, wanted=ByteRange(0, 0)) == 0, "a range that is still there does not open either"


@pytest.mark.parametrize("tail", [b"\0", bytes(4096), bytes(SEALED)])
async def test_a_blob_that_was_extended(store, tail):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    with path.open("ab") as file:
        file.write(tail)
    assert await refused(store, bucket) == 0


async def test_a_blob_that_is_gone(store):
    bucket = await store.bucket()
    (await blob_of(store, bucket, "scan")).unlink()
    with pytest.raises(Damaged) as caught:
        await store.get(bucket, "scan")
    assert caught.value.code == "objects.content-missing"


async def test_segments_that_changed_places(store):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    data = path.read_bytes()
    cut = [data[HEADER_BYTES + n * SEALED : HEADER_BYTES + (n + 1) * SEALED] for n in range(10)]
    for one, other in ((0, 1), (3, 8), (7, 6)):
        moved = list(cut)
        moved[one], moved[other] = moved[other], moved[one]
        path.write_bytes(data[:HEADER_BYTES] + b"".join(moved))
        assert await refused(store, bucket) <= min(one, other) * SEGMENT
    path.write_bytes(data[:HEADER_BYTES] + b"".join([cut[0], cut[0], *cut[2:]]))
    assert await refused(store, bucket, wanted=ByteRange(SEGMENT, SEGMENT)) == 0


async def test_a_segment_of_another_object(store):
    bucket = await store.bucket()
    path, foreign = await blob_of(store, bucket, "scan"), await blob_of(store, bucket, "other")
    data, other = path.read_bytes(), foreign.read_bytes()
    at = HEADER_BYTES + 2 * SEALED
    path.write_bytes(data[:at] + other[at : at + SEALED] + data[at + SEALED :])
    assert await refused(store, bucket) <= 2 * SEGMENT


@pytest.mark.parametrize(
    ("bucket_name", "key"),
    [("ward", "other"), ("ward", "scan"), ("other", "scan")],
    ids=["object", "version", "bucket"],
)
async def test_blobs_that_changed_places(store, bucket_name, key):
    """With a blob of another object, of another version of the same, and of another bucket: the files, then the rows."""
    for name in ("ward", "other"):
        await store.objects.buckets.set_versioning(store.op, await store.bucket(name), Versioning.ENABLED)
    bucket, elsewhere = (store.objects.buckets.find(name) for name in ("ward", bucket_name))
    one, other = await blob_of(store, bucket, "scan"), await blob_of(store, elsewhere, key)
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)
    assert await refused(store, elsewhere, key) == 0
    await edit(store, "UPDATE objects_version SET blob = ? WHERE blob = ?", (one.name, other.name))
    assert await refused(store, elsewhere, key) == 0


async def test_an_earlier_content_of_the_same_object_does_not_come_back(store):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    old = path.read_bytes()
    path = await blob_of(store, bucket, "scan", LARGE[::-1])
    path.write_bytes(old)
    assert await refused(store, bucket) == 0


@pytest.mark.parametrize("size", [0, 1, 5_000, INLINE_BYTES])
async def test_a_flipped_bit_or_a_cut_in_an_inline_body(store, size):
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE[:size])
    sealed = store.database.peek("SELECT sealed FROM objects_body")[0]
    for at in {0, 20, 73, 80, len(sealed) // 2, len(sealed) - 1}:
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        await edit(store, "UPDATE objects_body SET sealed = ?", (altered,))
        assert await refused(store, bucket) == 0
    for altered in (b"", sealed[:-1], sealed[:74], sealed + b"\0"):
        await edit(store, "UPDATE objects_body SET sealed = ?", (altered,))
        assert await refused(store, bucket) == 0


async def test_inline_bodies_that_changed_places(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"one")
    await store.put(bucket, "other", b"two")
    await edit(store, "UPDATE objects_version SET body = 3 - body")
    for key in ("scan", "other"):
        assert await refused(store, bucket, key) == 0


COLUMNS = ["sealed_key", "sealed_facts", "id", "etag", "size", "modified_at"]


@pytest.mark.parametrize(
    ("column", "body"), [*((column, body) for column in COLUMNS for body in (b"one", LARGE)), ("blob", LARGE)]
)
async def test_a_row_that_borrows_from_another(store, column, body):
    bucket = await store.bucket()
    await store.put(bucket, "scan", body, metadata=Metadata(user={"patient": "1"}))
    store.clock.advance(1_000_000)
    await store.put(bucket, "other", b"more " + body)
    value = store.database.peek(f"SELECT {column} FROM objects_version WHERE key = 'other'")[0]
    await edit(store, "DELETE FROM objects_version WHERE key = 'other'")
    await edit(store, f"UPDATE objects_version SET {column} = ? WHERE key = 'scan'", (value,))
    assert await refused(store, bucket) == 0
    with pytest.raises(Damaged):
        await store.objects.reading.head(store.op, bucket, "scan")


@pytest.mark.parametrize("body", [b"one", LARGE])
async def test_a_whole_row_under_another_name_or_in_another_bucket(store, body):
    bucket, other = await store.bucket(), await store.bucket("other")
    await store.put(bucket, "scan", body)
    await edit(store, "UPDATE objects_version SET key = 'scam'")
    assert await refused(store, bucket, "scam") == 0
    await edit(store, "UPDATE objects_version SET key = 'scan', bucket = ?", (other.number,))
    assert await refused(store, other) == 0
    await edit(store, "UPDATE objects_version SET bucket = ?", (bucket.number,))
    assert await store.get(bucket, "scan") == body


async def test_an_older_key_of_the_same_place_does_not_open_the_newer_facts(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"one")
    old = store.database.peek("SELECT sealed_key, sealed_facts, body FROM objects_version")
    await store.put(bucket, "scan", b"two")
    await edit(store, "UPDATE objects_version SET sealed_key = ?, sealed_facts = ?", old[:2])
    assert await refused(store, bucket) == 0


async def with_parts(store, key="scan", count=2):
    bucket = store.objects.buckets.find("ward")
    upload = await store.objects.uploads.create(store.op, bucket, key)
    body, parts, files = LARGE * 5, [], []
    for number in range(1, count + 1):
        before = set(store.files())
        part = await store.objects.uploads.put_part(
            store.op, bucket, key, chunked(body, (400_000,)), upload_id=upload.id, number=number
        )
        files += set(store.files()) - before
        parts.append(PartReference(number=number, etag=part.etag))
    return bucket, upload, parts, files


async def test_parts_that_changed_places(store):
    await store.bucket()
    bucket, upload, parts, files = await with_parts(store)
    await store.objects.uploads.complete(store.op, bucket, "scan", upload.id, parts)
    one, two = (path.read_bytes() for path in files)
    files[0].write_bytes(two)
    files[1].write_bytes(one)
    assert await refused(store, bucket) == 0


async def test_part_rows_that_changed_places_before_the_completion(store):
    await store.bucket()
    bucket, upload, parts, files = await with_parts(store)
    ids = [path.name for path in files]
    await edit(store, "UPDATE objects_blob SET id = 'x' WHERE id = ?", (ids[0],))
    await edit(store, "UPDATE objects_blob SET id = ? WHERE id = ?", (ids[0], ids[1]))
    await edit(store, "UPDATE objects_blob SET id = ? WHERE id = 'x'", (ids[1],))
    await store.objects.uploads.complete(store.op, bucket, "scan", upload.id, parts)
    assert await refused(store, bucket) == 0


async def test_a_part_that_was_replaced_does_not_come_back(store):
    await store.bucket()
    bucket, upload, _, files = await with_parts(store, count=1)
    first = files[0].read_bytes()
    part = await store.objects.uploads.put_part(
        store.op, bucket, "scan", chunked(LARGE * 5), upload_id=upload.id, number=1
    )
    store.settle()
    (path,) = store.files()
    path.write_bytes(first)
    await store.objects.uploads.complete(store.op, bucket, "scan", upload.id, [PartReference(number=1, etag=part.etag)])
    assert await refused(store, bucket) == 0


async def test_a_manifest_of_another_object(store):
    await store.bucket()
    for key in ("scan", "other"):
        bucket, upload, parts, _ = await with_parts(store, key)
        await store.objects.uploads.complete(store.op, bucket, key, upload.id, parts)
    await edit(store, "UPDATE objects_version SET body = 3 - body")
    assert await refused(store, bucket) == 0


async def test_damage_in_the_middle_of_a_body_ends_it_and_is_recorded(store):
    bucket = await store.bucket()
    path = await blob_of(store, bucket, "scan")
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 8 * SEALED + 50] ^= 1
    path.write_bytes(data)
    assert 0 < await refused(store, bucket) <= 8 * SEGMENT
    allowed, failed = store.entries[-2:]
    assert (allowed.outcome, failed.outcome) == ("allowed", "failed")
    assert failed.details["code"] == "objects.content-damaged"
    assert await store.get(bucket, "scan", wanted=ByteRange(0, SEGMENT)) == LARGE[: SEGMENT + 1]
    before = len(store.entries)
    assert await refused(store, bucket, wanted=ByteRange(8 * SEGMENT, None)) == 0
    assert len(store.entries) == before, "nothing had left: the door records its own answer"
