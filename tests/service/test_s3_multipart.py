"""Uploads in parts over S3: sizes, order, checksums, copies of ranges, and asking twice (EMC-47)."""

import base64
import hashlib
import zlib

import pytest

from simulators.s3_door import open_s3_door

MIB = 1024 * 1024
PARTS = [bytes([n]) * 5 * MIB for n in (1, 2)] + [b"the end"]


def b64(value):
    return base64.b64encode(value).decode()


def crc32(data):
    return b64(zlib.crc32(data).to_bytes(4, "big"))


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def begin(client, headers=None):
    answer = await client("POST", "/records/big?uploads", headers=headers)
    assert answer.status == 200, answer.body
    return answer.texts("UploadId")[0]


async def put_parts(client, upload, parts, headers=None):
    etags = []
    for number, part in enumerate(parts, 1):
        answer = await client("PUT", f"/records/big?partNumber={number}&uploadId={upload}", part, headers)
        assert answer.status == 200, answer.body
        etags.append(answer.headers["etag"])
    return etags


def completion(etags, extra=None):
    rows = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag>{(extra or {}).get(n, '')}</Part>"
        for n, e in (etags.items() if isinstance(etags, dict) else enumerate(etags, 1))
    )
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()


async def complete(client, upload, body, headers=None):
    return await client("POST", f"/records/big?uploadId={upload}", body, headers)


async def test_parts_become_one_object_and_asking_again_gives_the_same(client):
    upload = await begin(client, {"content-type": "application/dicom", "x-amz-meta-a": "b", "x-amz-tagging": "t=1"})
    etags = await put_parts(client, upload, PARTS)
    answer = await complete(client, upload, completion(etags))
    assert (answer.status, answer.texts("Key")) == (200, ["big"])
    whole = b"".join(PARTS)
    got = await client("GET", "/records/big")
    assert got.body == whole
    assert (got.headers["content-type"], got.headers["x-amz-meta-a"]) == ("application/dicom", "b")
    assert got.headers["etag"] == answer.texts("ETag")[0]
    again = await complete(client, upload, completion(etags))
    assert (again.status, again.texts("ETag")) == (200, answer.texts("ETag"))
    across = await client("GET", "/records/big", headers={"range": f"bytes={5 * MIB - 3}-{5 * MIB + 2}"})
    assert across.body == whole[5 * MIB - 3 : 5 * MIB + 3]
    second = await client("GET", "/records/big?partNumber=2")
    assert (second.status, second.body) == (206, PARTS[1])
    assert second.headers["x-amz-mp-parts-count"] == "3"
    beyond = await client("GET", "/records/big?partNumber=9")
    assert (beyond.status, beyond.code) == (400, "InvalidPart")


async def test_the_parts_of_an_object_are_listed_by_pages(client):
    upload = await begin(client, {"x-amz-checksum-algorithm": "CRC32"})
    assert (await complete(client, upload, completion(await put_parts(client, upload, PARTS)))).status == 200
    wanted = {"x-amz-object-attributes": "ObjectParts"}
    first = await client("GET", "/records/big?attributes", headers=wanted | {"x-amz-max-parts": "2"})
    assert first.texts("ObjectParts/PartsCount") == ["3"]
    assert first.texts("ObjectParts/Part/Size") == [str(5 * MIB)] * 2
    assert first.texts("ObjectParts/Part/ChecksumCRC32") == [crc32(part) for part in PARTS[:2]]
    assert first.texts("ObjectParts/NextPartNumberMarker") == ["2"]
    second = await client("GET", "/records/big?attributes", headers=wanted | {"x-amz-part-number-marker": "2"})
    assert (second.texts("ObjectParts/Part/PartNumber"), second.texts("ObjectParts/IsTruncated")) == (["3"], ["false"])
    wrong = await client("GET", "/records/big?attributes", headers=wanted | {"x-amz-max-parts": "-1"})
    assert wrong.code == "InvalidArgument"


async def test_by_default_the_checksum_is_crc64nvme_of_the_whole(client):
    from awscrt import checksums as crt

    upload = await begin(client)
    answer = await complete(client, upload, completion(await put_parts(client, upload, PARTS)))
    expected = b64(crt.crc64nvme(b"".join(PARTS)).to_bytes(8, "big"))
    assert (answer.texts("ChecksumCRC64NVME"), answer.texts("ChecksumType")) == ([expected], ["FULL_OBJECT"])


@pytest.mark.parametrize("kind", ["FULL_OBJECT", "COMPOSITE"])
async def test_a_chosen_checksum_is_computed_compared_and_kept(client, kind):
    upload = await begin(client, {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": kind})
    etags = await put_parts(client, upload, PARTS)
    values = {n: f"<ChecksumCRC32>{crc32(part)}</ChecksumCRC32>" for n, part in enumerate(PARTS, 1)}
    joined = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in PARTS)
    expected = crc32(b"".join(PARTS)) if kind == "FULL_OBJECT" else f"{crc32(joined)}-3"
    wrong = await complete(client, upload, completion(etags, values), {"x-amz-checksum-crc32": crc32(b"x")})
    assert wrong.code == "BadDigest"
    answer = await complete(client, upload, completion(etags, values), {"x-amz-checksum-crc32": expected})
    assert (answer.texts("ChecksumCRC32"), answer.texts("ChecksumType")) == ([expected], [kind])
    head = await client("HEAD", "/records/big", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (head.headers["x-amz-checksum-crc32"], head.headers["x-amz-checksum-type"]) == (expected, kind)


async def test_a_part_of_an_object_comes_with_its_own_checksum_and_a_range_with_none(client):
    upload = await begin(client, {"x-amz-checksum-algorithm": "CRC32"})
    assert (await complete(client, upload, completion(await put_parts(client, upload, PARTS)))).status == 200
    mode = {"x-amz-checksum-mode": "ENABLED"}
    second = await client("GET", "/records/big?partNumber=2", headers=mode)
    assert second.headers["x-amz-checksum-crc32"] == crc32(PARTS[1])
    assert second.headers["x-amz-checksum-type"] == "COMPOSITE"
    ranged = await client("GET", "/records/big", headers=mode | {"range": "bytes=0-9"})
    assert not [name for name in ranged.headers if name.startswith("x-amz-checksum")]


async def test_checksum_choices_that_cannot_be_are_refused(client):
    for headers in (
        {"x-amz-checksum-algorithm": "MD4"},
        {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"},
        {"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-type": "COMPOSITE"},
    ):
        assert (await client("POST", "/records/big?uploads", headers=headers)).code == "InvalidRequest"


async def test_a_part_under_another_algorithm_than_its_upload_is_refused(client):
    upload = await begin(client, {"x-amz-checksum-algorithm": "SHA256"})
    answer = await client(
        "PUT", f"/records/big?partNumber=1&uploadId={upload}", b"x", {"x-amz-checksum-crc32": crc32(b"x")}
    )
    assert answer.code == "InvalidRequest"


async def test_a_part_may_carry_its_own_checksum_when_the_upload_chose_none(client):
    upload = await begin(client)
    target = f"/records/big?partNumber=1&uploadId={upload}"
    answer = await client("PUT", target, b"x", {"x-amz-checksum-crc32": crc32(b"x")})
    assert answer.headers["x-amz-checksum-crc32"] == crc32(b"x")
    assert (await client("PUT", target, b"y", {"x-amz-checksum-crc32": crc32(b"x")})).code == "BadDigest"
    assert (await complete(client, upload, completion([answer.headers["etag"]]))).status == 200


async def test_a_completion_that_does_not_fit_its_parts_is_refused(client):
    upload = await begin(client)
    etags = await put_parts(client, upload, PARTS)
    cases = [
        (completion({1: etags[0], 2: '"wrong"'}), "InvalidPart"),
        (completion({1: etags[0], 9: etags[1]}), "InvalidPart"),
        (completion({2: etags[1], 1: etags[0]}), "InvalidPartOrder"),
        (completion({1: etags[0], 3: etags[2], 4: etags[2]}), "InvalidPart"),
        (completion([]), "MalformedXML"),
        (b"<CompleteMultipartUpload><Part><PartNumber>a</PartNumber><ETag/></Part></CompleteMultipartUpload>", "MalformedXML"),
        (b"not xml", "MalformedXML"),
        (b"", "MalformedXML"),
        (completion(etags, {1: f"<ChecksumCRC64NVME>{b64(bytes(8))}</ChecksumCRC64NVME>"}), "InvalidPart"),
    ]  # fmt: skip
    for body, code in cases:
        assert (await complete(client, upload, body)).code == code, body
    small = await begin(client)
    few = await put_parts(client, small, [b"tiny", b"end"])
    assert (await complete(client, small, completion(few))).code == "EntityTooSmall"
    assert (await client("HEAD", "/records/big")).status == 404
    sized = await complete(client, upload, completion(etags), {"x-amz-mp-object-size": "1"})
    assert sized.code == "InvalidRequest"
    assert (await complete(client, upload, completion(etags))).status == 200


async def test_a_conditional_completion_lets_one_writer_win(client):
    await client("PUT", "/records/big", b"first")
    upload = await begin(client)
    etags = await put_parts(client, upload, [b"second"])
    assert (await complete(client, upload, completion(etags), {"if-none-match": "*"})).status == 412
    assert (await client("GET", "/records/big")).body == b"first"


async def test_parts_and_uploads_are_listed_until_they_are_gone(door, client):
    upload = await begin(client, {"x-amz-checksum-algorithm": "SHA1"})
    await put_parts(client, upload, [b"a", b"b", b"c"])
    parts = await client("GET", f"/records/big?uploadId={upload}&max-parts=2")
    assert (parts.texts("Part/PartNumber"), parts.texts("IsTruncated")) == (["1", "2"], ["true"])
    assert parts.texts("Part/ChecksumSHA1")[0] == b64(hashlib.sha1(b"a").digest())
    assert parts.texts("Initiator/ID") == [door.owner.id]
    rest = await client("GET", f"/records/big?uploadId={upload}&part-number-marker=2")
    assert (rest.texts("Part/PartNumber"), rest.texts("IsTruncated")) == (["3"], ["false"])
    uploads = await client("GET", "/records?uploads")
    assert (uploads.texts("Upload/Key"), uploads.texts("Upload/UploadId")) == (["big"], [upload])
    assert (await client("DELETE", f"/records/big?uploadId={upload}")).status == 204
    assert (await client("GET", "/records?uploads")).texts("Upload") == []
    for method, target in (("GET", ""), ("DELETE", ""), ("PUT", "&partNumber=1"), ("POST", "")):
        body = completion(['"e"']) if method == "POST" else b"x" if method == "PUT" else b""
        assert (await client(method, f"/records/big?uploadId={upload}{target}", body)).code == "NoSuchUpload"


async def test_a_part_that_is_sent_again_has_the_same_etag_in_its_upload_and_in_no_other(client):
    """The first answer was lost: whichever the client kept completes the upload. Another body is told from it."""
    upload, other = await begin(client), await begin(client)
    etags = await put_parts(client, upload, PARTS)
    again = await put_parts(client, upload, PARTS)
    assert again == etags and etags[0].endswith('-1"') and etags[0] != etags[1]
    assert (await put_parts(client, other, PARTS[:1]))[0] != etags[0]
    changed = bytearray(PARTS[0])
    changed[-1] ^= 1
    assert (await put_parts(client, upload, [bytes(changed)]))[0] != etags[0]
    assert (await complete(client, upload, completion(etags))).code == "InvalidPart"
    assert await put_parts(client, upload, PARTS[:1]) == etags[:1]
    assert (await complete(client, upload, completion(etags))).status == 200


@pytest.mark.parametrize("number", ["0", "10001", "-1", "a", "", "1" * 5000])
async def test_a_part_number_is_one_to_ten_thousand(client, number):
    upload = await begin(client)
    answer = await client("PUT", f"/records/big?partNumber={number}&uploadId={upload}", b"x")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_a_part_can_be_a_range_of_another_object(client):
    await client("PUT", "/records/source", PARTS[0] + b"tail")
    upload = await begin(client)
    source = {"x-amz-copy-source": "records/source"}
    first = await client("PUT", f"/records/big?partNumber=1&uploadId={upload}", headers=source)
    ranged = source | {"x-amz-copy-source-range": f"bytes={5 * MIB}-{5 * MIB + 3}"}
    second = await client("PUT", f"/records/big?partNumber=2&uploadId={upload}", headers=ranged)
    etags = first.texts("ETag") + second.texts("ETag")
    assert (await complete(client, upload, completion(etags))).status == 200
    assert (await client("GET", "/records/big")).body == PARTS[0] + b"tailtail"
    for wanted, code in (
        ("bytes=1-", "InvalidArgument"),
        ("bytes=5-2", "InvalidArgument"),
        ("0-2", "InvalidArgument"),
        (f"bytes=0-{6 * MIB}", "InvalidRange"),
    ):
        answer = await client(
            "PUT", f"/records/big?partNumber=3&uploadId={await begin(client)}",
            headers=source | {"x-amz-copy-source-range": wanted},
        )  # fmt: skip
        assert answer.code == code, wanted
