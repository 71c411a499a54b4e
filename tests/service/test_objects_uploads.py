"""Uploads in parts: stored once, completed without moving a byte, answered alike when asked again."""

import asyncio
import hashlib
import os

import pytest

from nexus.kernel.errors import Invalid, NotFound
from nexus.objects.errors import PreconditionFailed, RangeNotSatisfiable
from nexus.objects.model import (
    MIB,
    MIN_PART_BYTES,
    ByteRange,
    Metadata,
    ObjectRef,
    PartReference,
    Versioning,
    WriteConditions,
)
from simulators.object_store import Store, chunked

LARGE = os.urandom(1000) * (MIN_PART_BYTES // 1000 + 1)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def begun(store: Store, key: str = "scan", **options):
    bucket = await store.bucket()
    return bucket, await store.objects.uploads.create(store.op, bucket, key, **options)


async def put_part(store, bucket, upload, number, body, **options):
    part = await store.objects.uploads.put_part(
        store.op, bucket, upload.key, chunked(body, (500_000,)), upload_id=upload.id, number=number, **options
    )
    return PartReference(number=number, etag=part.etag)


async def complete(store, bucket, upload, parts, **options):
    return await store.objects.uploads.complete(store.op, bucket, upload.key, upload.id, parts, **options)


async def test_parts_become_an_object_in_the_order_of_their_numbers(store):
    bucket, upload = await begun(store, metadata=Metadata(user={"a": "b"}, tags={"t": "1"}), note="crc32")
    bodies = {7: b"end", 1: LARGE, 3: LARGE[::-1]}
    parts = [await put_part(store, bucket, upload, number, body) for number, body in bodies.items()]
    parts.sort(key=lambda part: part.number)
    before = {path: path.stat().st_mtime_ns for path in store.files()}
    written = await complete(
        store, bucket, upload, parts, combine=lambda upload, parts: {"crc32": f"{upload.note}-{len(parts)}"}
    )
    assert await store.get(bucket, "scan") == LARGE + LARGE[::-1] + b"end"
    assert {path: path.stat().st_mtime_ns for path in store.files()} == before, "no byte was moved"
    info, first, length = await store.objects.reading.head(store.op, bucket, "scan", part_number=3)
    assert (first, length, info.part_count) == (len(LARGE), len(LARGE), 3)
    assert await store.get(bucket, "scan", part_number=7) == b"end"
    assert info.metadata == Metadata(user={"a": "b"}, tags={"t": "1"})
    assert info.checksums == written.checksums == {"crc32": "crc32-3"}
    info, pieces = await store.objects.reading.parts(store.op, bucket, "scan")
    assert [(piece.number, piece.size) for piece in pieces] == [(1, len(LARGE)), (3, len(LARGE)), (7, 3)]
    for number in (2, 8):
        with pytest.raises(Invalid) as caught:
            await store.get(bucket, "scan", part_number=number)
        assert caught.value.code == "objects.invalid-part-number"


async def test_the_etag_is_the_md5_of_md5s_where_those_were_sent(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, number, LARGE, want_md5=True) for number in (1, 2)]
    assert parts[0].etag == hashlib.md5(LARGE).hexdigest()
    written = await complete(store, bucket, upload, parts)
    assert written.etag == hashlib.md5(hashlib.md5(LARGE).digest() * 2).hexdigest() + "-2"


async def test_completing_again_gives_the_same_answer_and_nothing_more(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, 1, b"only")]
    written = await complete(store, bucket, upload, parts)
    assert await complete(store, bucket, upload, parts) == written
    await store.put(bucket, "scan", b"newer")
    with pytest.raises(NotFound):
        await complete(store, bucket, upload, parts)
    assert await store.get(bucket, "scan") == b"newer"


async def test_a_part_that_is_sent_again_replaces_the_first(store):
    bucket, upload = await begun(store)
    first = await put_part(store, bucket, upload, 1, b"first")
    second = await put_part(store, bucket, upload, 1, b"second")
    store.settle()
    assert len(store.files()) == 1
    with pytest.raises(Invalid):
        await complete(store, bucket, upload, [first])
    await complete(store, bucket, upload, [second])
    assert await store.get(bucket, "scan") == b"second"


async def test_parts_that_are_not_named_are_removed(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, number, b"part") for number in (1, 2, 3)]
    await complete(store, bucket, upload, parts[1:2])
    store.settle()
    assert len(store.files()) == 1
    assert await store.get(bucket, "scan") == b"part"


@pytest.mark.parametrize(
    ("choose", "code"),
    [
        (lambda parts: [], "objects.invalid-part"),
        (lambda parts: parts[::-1], "objects.invalid-part-order"),
        (lambda parts: [parts[0], parts[0]], "objects.invalid-part-order"),
        (lambda parts: [PartReference(number=9, etag=parts[0].etag)], "objects.invalid-part"),
        (lambda parts: [PartReference(number=1, etag="other")], "objects.invalid-part"),
        (lambda parts: [PartReference(number=1, etag=parts[0].etag, checksums={"crc32": "x"})], "objects.invalid-part"),
        (lambda parts: parts, "objects.part-too-small"),
    ],
)
async def test_a_wrong_list_of_parts_is_refused_and_the_upload_stays(store, choose, code):
    bucket, upload = await begun(store)
    parts = []
    for number in (1, 2):
        body = b"small" * number
        part = await store.objects.uploads.put_part(
            store.op,
            bucket,
            "scan",
            chunked(body),
            upload_id=upload.id,
            number=number,
            verify=lambda facts: {"crc32": "y"},
        )
        parts.append(PartReference(number=number, etag=part.etag))
    with pytest.raises(Invalid) as caught:
        await complete(store, bucket, upload, choose(parts))
    assert caught.value.code == code
    await complete(store, bucket, upload, parts[1:])


async def test_what_combine_refuses_is_not_completed(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, 1, b"x")]

    def refuse(upload, parts):
        raise Invalid("another checksum", code="s3.bad-digest")

    with pytest.raises(Invalid, match="another"):
        await complete(store, bucket, upload, parts, combine=refuse)
    assert (await store.objects.uploads.find(store.op, bucket, "scan", upload.id)) == upload


async def test_conditions_are_decided_when_it_is_completed(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, 1, b"x")]
    await store.put(bucket, "scan", b"came between")
    with pytest.raises(PreconditionFailed):
        await complete(store, bucket, upload, parts, conditions=WriteConditions(if_none_match=("*",)))
    assert await store.get(bucket, "scan") == b"came between"
    await complete(store, bucket, upload, parts)


async def test_an_aborted_upload_is_gone_with_its_parts(store):
    bucket, upload = await begun(store)
    reference = await put_part(store, bucket, upload, 1, b"x")
    await store.objects.uploads.abort(store.op, bucket, "scan", upload.id)
    store.settle()
    assert store.files() == []
    for attempt in (
        lambda: store.objects.uploads.abort(store.op, bucket, "scan", upload.id),
        lambda: put_part(store, bucket, upload, 2, b"y"),
        lambda: complete(store, bucket, upload, [reference]),
        lambda: store.objects.uploads.parts(store.op, bucket, "scan", upload.id),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt()
        assert caught.value.code == "objects.no-such-upload"


async def test_a_part_that_arrives_after_the_abort_is_not_kept(store):
    bucket, upload = await begun(store)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow():
        yield b"x" * 3_000_000
        reached.set()
        await go_on.wait()

    arriving = asyncio.create_task(
        store.objects.uploads.put_part(store.op, bucket, "scan", slow(), upload_id=upload.id, number=1)
    )
    await reached.wait()
    await store.objects.uploads.abort(store.op, bucket, "scan", upload.id)
    go_on.set()
    with pytest.raises(NotFound):
        await arriving
    store.settle()
    assert store.files() == []


async def test_an_upload_belongs_to_its_key_and_bucket(store):
    bucket, upload = await begun(store)
    other = await store.bucket("other")
    for where, key in ((bucket, "scam"), (other, "scan")):
        with pytest.raises(NotFound):
            await store.objects.uploads.put_part(store.op, where, key, chunked(b"x"), upload_id=upload.id, number=1)
    for number in (0, 10_001):
        with pytest.raises(Invalid) as caught:
            await put_part(store, bucket, upload, number, b"x")
        assert caught.value.code == "objects.invalid-part-number"


async def test_uploads_and_parts_are_listed_page_by_page(store):
    bucket, upload = await begun(store, "a/1")
    others = [await store.objects.uploads.create(store.op, bucket, key) for key in ("a/1", "a/2", "b")]
    expected = [(u.key, u.id) for u in sorted([upload, *others], key=lambda u: (u.key, u.id))]
    found, key, upload_id = [], "", ""
    while True:
        page = await store.objects.uploads.list(store.op, bucket, key_marker=key, upload_id_marker=upload_id, limit=1)
        found += [(shown.key, shown.id) for shown in page.uploads]
        if page.next_key is None:
            break
        key, upload_id = page.next_key, page.next_upload_id
    assert found == expected
    page = await store.objects.uploads.list(store.op, bucket, delimiter="/")
    assert ([u.key for u in page.uploads], page.prefixes) == (["b"], ("a/",))
    for number in (3, 1, 2):
        await put_part(store, bucket, upload, number, bytes(number))
    first = await store.objects.uploads.parts(store.op, bucket, "a/1", upload.id, limit=2)
    rest = await store.objects.uploads.parts(store.op, bucket, "a/1", upload.id, after=first.next_number)
    assert [part.size for part in [*first.parts, *rest.parts]] == [1, 2, 3]
    assert (first.next_number, rest.next_number) == (2, None)


async def test_a_part_may_be_copied_from_a_range_of_another_object(store):
    bucket, upload = await begun(store)
    await store.put(bucket, "source", LARGE)
    seen = []
    part, version_id = await store.objects.uploads.copy_part(
        store.op,
        ObjectRef(bucket, "source"),
        bucket,
        "scan",
        upload_id=upload.id,
        number=1,
        wanted=ByteRange(100, MIB + 99),
        observe=seen.append,
    )
    assert (part.size, version_id) == (MIB, None)
    assert b"".join(seen) == LARGE[100 : MIB + 100]
    with pytest.raises(RangeNotSatisfiable):
        await store.objects.uploads.copy_part(
            store.op,
            ObjectRef(bucket, "source"),
            bucket,
            "scan",
            upload_id=upload.id,
            number=1,
            wanted=ByteRange(0, len(LARGE)),
        )
    await complete(store, bucket, upload, [PartReference(number=1, etag=part.etag)])
    assert await store.get(bucket, "scan") == LARGE[100 : MIB + 100]


async def test_a_completed_upload_is_a_version_like_any_other(store):
    bucket, upload = await begun(store)
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    bucket = store.objects.buckets.find("ward")
    old = await store.put(bucket, "scan", b"old")
    written = await complete(store, bucket, upload, [await put_part(store, bucket, upload, 1, LARGE)])
    assert await store.get(bucket, "scan") == LARGE
    await store.objects.deleting.delete(store.op, bucket, "scan", version_id=written.version_id)
    assert await store.get(bucket, "scan", version_id=old.version_id) == b"old"


async def test_one_who_reads_a_deleted_object_of_parts_reads_it_to_its_end(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, number, LARGE) for number in (1, 2)]
    await complete(store, bucket, upload, parts)
    read = await store.objects.reading.get(store.op, bucket, "scan")
    first = await anext(read.body)
    await store.objects.deleting.delete(store.op, bucket, "scan")
    store.settle()
    assert first + b"".join([chunk async for chunk in read.body]) == LARGE * 2


async def test_all_that_complete_at_once_get_the_same_object(store):
    bucket, upload = await begun(store)
    parts = [await put_part(store, bucket, upload, 1, b"x")]
    written = await asyncio.gather(*(complete(store, bucket, upload, parts) for _ in range(4)))
    assert written == [written[0]] * 4
    assert await store.get(bucket, "scan") == b"x"
