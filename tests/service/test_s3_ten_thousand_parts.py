"""An upload of as many parts as S3 allows, and of one more (EMC-47).

Parts but the last two are rows without a blob: sealing 50 GB would show nothing more, for completing moves no byte.
"""

import base64

import pytest
from awscrt import checksums

from nexus.kernel.clock import Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.ids import new_id
from nexus.objects.model import MAX_PARTS, MIN_PART_BYTES
from nexus.objects.store import blobs as rows
from nexus.objects.store import usage
from nexus.objects.store.blobs import BlobRow
from simulators.s3_door import open_s3_door

PAGE = 1_000
ZEROS = bytes(MIN_PART_BYTES)
LAST = b"the end"
CRC = base64.b64encode(checksums.crc64nvme(ZEROS).to_bytes(8, "big")).decode()


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def filled(door, client) -> tuple[str, list[str]]:
    """An upload that lacks nothing: its id, and the ETags of its parts in order."""
    upload = (await client("POST", "/records/big?uploads")).texts("UploadId")[0]
    bucket, etags = door.objects.buckets.find("records"), []

    def work(tx):
        for number in range(1, MAX_PARTS - 1):
            etags.append(f"{number:032x}-1")
            row = BlobRow(number, new_id("blb"), len(ZEROS), etags[-1], Instant(0), {"crc64nvme": CRC})
            rows.put_part(tx, bucket, upload, row)

    await door.db.bookkeep(Bookkeeping.PROGRESS, work)
    for number, body in ((MAX_PARTS - 1, ZEROS), (MAX_PARTS, LAST)):
        answer = await client("PUT", f"/records/big?partNumber={number}&uploadId={upload}", body)
        assert answer.status == 200, answer.body
        etags.append(answer.headers["etag"].strip('"'))
    return upload, etags


def completion(etags):
    """As clients write it that send checksums and escape quotes: the longest document there is."""
    parts = "".join(
        f"  <Part>\n    <ETag>&quot;{etag}&quot;</ETag>\n"
        + (f"    <ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME>\n" if number < MAX_PARTS else "")
        + f"    <PartNumber>{number}</PartNumber>\n  </Part>\n"
        for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>\n{parts}</CompleteMultipartUpload>".encode()


async def test_ten_thousand_parts_become_one_object_in_order(door, client):
    upload, etags = await filled(door, client)
    answer = await client("POST", f"/records/big?uploadId={upload}", completion(etags))
    assert answer.status == 200, answer.body[:500]
    assert answer.texts("ETag")[0].strip('"').endswith(f"-{MAX_PARTS}")
    head = await client("HEAD", f"/records/big?partNumber={MAX_PARTS}")
    assert (head.headers["x-amz-mp-parts-count"], head.headers["content-length"]) == (str(MAX_PARTS), str(len(LAST)))
    assert (await client("GET", f"/records/big?partNumber={MAX_PARTS}")).body == LAST
    whole = (MAX_PARTS - 1) * MIN_PART_BYTES + len(LAST)
    assert (await client("HEAD", "/records/big")).headers["content-length"] == str(whole)
    across = await client("GET", "/records/big", headers={"range": f"bytes={whole - len(LAST) - 3}-{whole - 1}"})
    assert across.body == bytes(3) + LAST
    again = await client("POST", f"/records/big?uploadId={upload}", completion(etags))
    assert (again.status, again.texts("ETag")) == (200, answer.texts("ETag"))
    with door.db.read() as tx:
        assert usage.held(tx, door.objects.buckets.find("records")) == usage.Held(1, whole)


async def test_the_parts_are_listed_in_pages_each_once_and_in_order(door, client):
    upload, etags = await filled(door, client)
    listed, marker, pages = [], "", 0
    while True:
        query = f"uploadId={upload}" + (f"&part-number-marker={marker}" if marker else "")
        answer = await client("GET", f"/records/big?{query}")
        assert answer.status == 200
        listed += zip(answer.texts("Part/PartNumber"), answer.texts("Part/ETag"), strict=True)
        pages += 1
        if answer.texts("IsTruncated") == ["false"]:
            break
        marker = answer.texts("NextPartNumberMarker")[0]
    assert listed == [(str(number), f'"{etag}"') for number, etag in enumerate(etags, 1)]
    assert pages == MAX_PARTS // PAGE


async def test_one_part_more_is_refused_as_amazon_does(client):
    upload = (await client("POST", "/records/big?uploads")).texts("UploadId")[0]
    for number in (0, MAX_PARTS + 1):
        answer = await client("PUT", f"/records/big?partNumber={number}&uploadId={upload}", b"x")
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    answer = await client("POST", f"/records/big?uploadId={upload}", completion(["0" * 32] * (MAX_PARTS + 1)))
    assert (answer.status, answer.code) == (400, "MalformedXML")


async def test_parts_out_of_order_are_refused_however_many_they_are(door, client):
    upload, etags = await filled(door, client)
    body = completion(etags).replace(b"<PartNumber>9997<", b"<PartNumber>9998<", 1)
    answer = await client("POST", f"/records/big?uploadId={upload}", body)
    assert (answer.status, answer.code) == (400, "InvalidPart")
    swapped = completion(etags).replace(b"<PartNumber>2<", b"<PartNumber>1<", 1)
    swapped = swapped.replace(f"{2:032x}-1".encode(), f"{1:032x}-1".encode(), 1)
    answer = await client("POST", f"/records/big?uploadId={upload}", swapped)
    assert (answer.status, answer.code) == (400, "InvalidPartOrder")
