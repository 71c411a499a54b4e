"""Nothing readable lies on the disk, and no name of an object is in any message. R-153, AP-01, NX-15."""

import logging

import pytest

from nexus.crypto.xaes import XAES
from nexus.kernel.errors import NexusError
from nexus.objects.keys import context_of
from nexus.objects.model import INLINE_BYTES, MIN_PART_BYTES, Metadata, PartReference
from nexus.objects.sealing import KEY, Place
from simulators.object_store import Store, chunked

CANARY = b"DUPONT-1840275116022"
"""In every body, name, header, metadata and tag."""


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def test_a_workload_leaves_no_plaintext_and_no_key_on_the_disk(store):
    name, text = CANARY.decode(), CANARY.decode()
    bucket = await store.bucket("ward", project=f"p-{text}")
    metadata = Metadata(headers={"content-type": text}, user={text: text}, tags={text: text})
    for size in (1, INLINE_BYTES, INLINE_BYTES * 4):
        body = CANARY * (size // len(CANARY) + 1)
        await store.put(bucket, f"{name}/{size}", body, metadata=metadata)
        assert await store.get(bucket, f"{name}/{size}") == body
    upload = await store.objects.uploads.create(store.op, bucket, name, metadata=metadata, note=text)
    part = await store.objects.uploads.put_part(
        store.op, bucket, name, chunked(CANARY * (MIN_PART_BYTES // 20)), upload_id=upload.id, number=1
    )
    await store.objects.uploads.complete(store.op, bucket, name, upload.id, [PartReference(number=1, etag=part.etag)])
    await store.objects.uploads.create(store.op, bucket, name, metadata=metadata)
    await store.objects.deleting.delete(store.op, bucket, f"{name}/1")
    secrets = [CANARY, *keys_in_use(store)]
    store.database.close()
    looked = 0
    for path in [path for path in store.root.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        looked += len(data)
        assert [secret for secret in secrets if secret in data or secret.hex().encode() in data] == [], path.name
    assert looked > MIN_PART_BYTES


def keys_in_use(store: Store) -> list[bytes]:
    """Every bucket key and object key that opens something now: what must be nowhere in a file."""
    found = []
    with store.database.read() as tx:
        buckets = tx.all("SELECT number, id, site, wrapped_key FROM objects_bucket")
        for number, id_, site, wrapped in buckets:
            bucket_key = store.keys._open(wrapped, context_of(id_, site))
            found.append(bucket_key)
            for key, version, sealed in tx.all(
                "SELECT key, id, sealed_key FROM objects_version WHERE bucket = ? AND marker = 0", (number,)
            ):
                opened = XAES(bucket_key).open(sealed[1:], Place(id_, key, version).bind(KEY))
                found += [opened[:32], opened[32:]]
    assert len(found) > 5
    return found


async def test_no_message_and_no_log_line_names_an_object(store, caplog):
    caplog.set_level(logging.DEBUG)
    bucket, name = await store.bucket(), CANARY.decode()
    await store.put(bucket, name, CANARY * 10_000)
    messages = []
    for attempt in (
        lambda: store.get(bucket, name + "/none"),
        lambda: store.get(bucket, name, version_id="ver_" + "0" * 26),
        lambda: store.get(bucket, name * 100),
        lambda: store.put(bucket, name, CANARY, length=1),
        lambda: store.objects.tagging.put(store.op, bucket, name, {name * 10: ""}),
        lambda: store.objects.uploads.abort(store.op, bucket, name, "upl_none"),
        lambda: damaged_read(store, bucket, name),
    ):
        with pytest.raises(NexusError) as caught:
            await attempt()
        messages.append(f"{caught.value} {caught.value.hint} {caught.value.code}")
    assert [message for message in messages + caplog.messages if CANARY.decode() in message] == []


async def damaged_read(store: Store, bucket, name: str) -> None:
    (path,) = store.files()
    path.write_bytes(bytes(path.stat().st_size))
    await store.get(bucket, name)
