"""Signed requests that were captured or bent, keys that look like paths, contents that swell: AWS's code, an entry, nothing leaked."""

import base64
import gzip
import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nexus.kernel.clock import MINUTE
from simulators.clock import ManualClock
from simulators.s3_client import HOST, Answer, S3Client, speak
from simulators.s3_door import S3Door, machine, open_s3_door

CONTENT = b"glioblastoma, female, 1954"
MAX_KEY_BYTES = 1_024
BOMB_BYTES = 64 * 1024 * 1024


@dataclass
class Scene:
    """A door with a bucket `records` that holds `a`; `client` may, `nobody` is known and may not."""

    door: S3Door
    client: S3Client
    nobody: S3Client
    folder: Path

    @property
    def secrets(self) -> list[bytes]:
        """What no answer and no entry may hold."""
        keys = [key.secret.reveal() for key in self.door.ring.keys.values()]
        return [*keys, CONTENT, b"Traceback", b"nexus.objects", str(self.folder).encode()]


@pytest.fixture
async def scene(tmp_path):
    door = open_s3_door(tmp_path)
    client = door.client()
    assert (await client("PUT", "/records")).status == 200
    assert (await client("PUT", "/records/a", CONTENT)).status == 200
    yield Scene(door, client, door.client(door.ring.add(machine("nobody"))), tmp_path)
    door.close()


def captured(client: S3Client, method: str = "PUT", target: str = "/records/a", **headers: str) -> dict[str, str]:
    """The headers of a request that somebody signed, and somebody else saw."""
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if method == "PUT":
        given_headers["content-length"] = str(len(CONTENT))
    return client.sign(method, target, given_headers, hashlib.sha256(CONTENT if method == "PUT" else b"").hexdigest())


async def replayed_an_hour_later(scene: Scene) -> Answer:
    signed = captured(scene.client)
    scene.door.clock.advance(60 * MINUTE)
    return await speak(scene.door.app, "PUT", "/records/a", signed.items(), [CONTENT])


async def replayed_with_another_body(scene: Scene) -> Answer:
    return await speak(scene.door.app, "PUT", "/records/a", captured(scene.client).items(), [CONTENT[::-1]])


async def replayed_for_another_key(scene: Scene) -> Answer:
    return await speak(scene.door.app, "PUT", "/records/b", captured(scene.client).items(), [CONTENT])


async def replayed_as_another_method(scene: Scene) -> Answer:
    signed = captured(scene.client, "GET")
    return await speak(scene.door.app, "DELETE", "/records/a", signed.items())


async def replayed_with_more_in_the_query(scene: Scene) -> Answer:
    signed = captured(scene.client, "GET")
    return await speak(scene.door.app, "GET", "/records/a?versionId=null", signed.items())


async def replayed_with_a_fresh_date(scene: Scene) -> Answer:
    signed = captured(scene.client)
    scene.door.clock.advance(60 * MINUTE)
    signed["x-amz-date"] = scene.client.timestamp
    return await speak(scene.door.app, "PUT", "/records/a", signed.items(), [CONTENT])


async def signed_by_somebody_else(scene: Scene) -> Answer:
    signed = captured(scene.nobody, "GET")
    ours, theirs = scene.client.credentials.access_key, scene.nobody.credentials.access_key
    signed["authorization"] = signed["authorization"].replace(theirs, ours)
    return await speak(scene.door.app, "GET", "/records/a", signed.items())


async def signed_with_a_wrong_clock(scene: Scene) -> Answer:
    ahead = ManualClock(scene.door.clock.now() + 16 * MINUTE)
    return await scene.door.client(clock=ahead)("GET", "/records/a")


async def signed_for_another_region(scene: Scene) -> Answer:
    return await scene.door.client(region="us-west-2")("GET", "/records/a")


async def signed_for_another_service(scene: Scene) -> Answer:
    signed = captured(scene.client, "GET")
    signed["authorization"] = signed["authorization"].replace("/s3/", "/sts/")
    return await speak(scene.door.app, "GET", "/records/a", signed.items())


async def with_a_header_added_on_the_way(scene: Scene) -> Answer:
    return await scene.client("PUT", "/records/b", b"x", unsigned={"x-amz-copy-source": "records/a"})


async def by_a_known_key_without_the_right(scene: Scene) -> Answer:
    return await scene.nobody("GET", "/records/a")


async def by_nobody(scene: Scene) -> Answer:
    return await speak(scene.door.app, "GET", "/records/a", [("host", HOST)])


async def with_a_compressed_document(scene: Scene) -> Answer:
    bomb = gzip.compress(b"<Delete>" + bytes(BOMB_BYTES // 64), 9)
    whole = base64.b64encode(hashlib.md5(bomb, usedforsecurity=False).digest()).decode()
    return await scene.client("POST", "/records?delete", bomb, {"content-encoding": "gzip", "content-md5": whole})


ATTACKS = {
    replayed_an_hour_later: "RequestTimeTooSkewed",
    replayed_with_another_body: "XAmzContentSHA256Mismatch",
    replayed_for_another_key: "SignatureDoesNotMatch",
    replayed_as_another_method: "SignatureDoesNotMatch",
    replayed_with_more_in_the_query: "SignatureDoesNotMatch",
    replayed_with_a_fresh_date: "SignatureDoesNotMatch",
    signed_by_somebody_else: "SignatureDoesNotMatch",
    signed_with_a_wrong_clock: "RequestTimeTooSkewed",
    signed_for_another_region: "AuthorizationHeaderMalformed",
    signed_for_another_service: "AuthorizationHeaderMalformed",
    with_a_header_added_on_the_way: "AccessDenied",
    by_a_known_key_without_the_right: "AccessDenied",
    by_nobody: "AccessDenied",
    with_a_compressed_document: "MalformedXML",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_each_is_refused_with_the_code_of_aws_recorded_once_and_tells_nothing(scene, attack):
    before = len(scene.door.audit.entries)
    answer = await attack(scene)
    assert answer.code == ATTACKS[attack]
    (entry,) = scene.door.audit.entries[before:]
    assert entry.outcome.value in ("denied", "failed")
    assert entry.operation.id == answer.headers["x-amz-request-id"]
    told = b"".join([answer.body, repr(answer.headers).encode(), repr(entry).encode()])
    assert [secret for secret in scene.secrets if secret in told] == []
    assert (await scene.client("GET", "/records/a")).body == CONTENT
    assert (await scene.client("GET", "/records")).texts("Contents/Key") == ["a"]


async def test_within_its_minutes_a_captured_write_counts_again_as_it_was_and_under_a_condition_only_once(scene):
    """What is not protected: a whole request, caught inside TLS, is good until its time is over, as with AWS."""
    plain = captured(scene.client)
    once = captured(scene.client, target="/records/once", if_none_match="*")
    for signed, target, codes in ((plain, "/records/a", (200, 200)), (once, "/records/once", (200, 412))):
        before = len(scene.door.audit.entries)
        sent = [await speak(scene.door.app, "PUT", target, signed.items(), [CONTENT]) for _ in range(2)]
        assert tuple(each.status for each in sent) == codes
        assert len(scene.door.audit.entries) == before + 2, "each time is in the log"
    assert (await scene.client("GET", "/records/a")).body == CONTENT


KEYS = st.text(
    st.one_of(st.sampled_from("/.\\%~\x00\r\n:?#&+ é\u202e\u0301"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
).filter(lambda key: len(key.encode()) <= MAX_KEY_BYTES and key != "a")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS)
@example("../../../etc/passwd")
@example("..")
@example(".")
@example("/")
@example("//a/./b/../c")
@example("a\\..\\b")
@example("CON")
@example("é" * 512)
@example("\U0001f9ec" * 256)
async def test_whatever_its_key_an_object_is_that_object_and_no_file_has_its_name(scene, key):
    target, before = f"/records/{quote(key, safe='')}", outside(scene)
    assert (await scene.client("PUT", target, key.encode())).status == 200
    assert (await scene.client("GET", target)).body == key.encode()
    listed = await scene.client("GET", "/records?encoding-type=url")
    assert quote(key, safe="/-_.~*") in [quote(_unquoted(each), safe="/-_.~*") for each in listed.texts("Contents/Key")]
    assert outside(scene) == before, "nothing beside the store was touched"
    assert (await scene.client("DELETE", target)).status == 204
    assert (await scene.client("GET", "/records/a")).body == CONTENT


def _unquoted(key: str) -> str:
    return unquote(key.replace("+", " "))


def outside(scene: Scene) -> set[Path]:
    """Every file and folder that is none of the store's own."""
    own = ("nexus.db", "blobs")
    return {path for path in scene.folder.rglob("*") if not path.relative_to(scene.folder).parts[0].startswith(own)}


async def test_keys_that_only_look_alike_are_two_objects(scene):
    pairs = (("é", unicodedata.normalize("NFD", "é")), ("Scan", "scan"), ("a/b", "a//b"), ("x", "x/"), ("а", "a2"))
    for number, pair in enumerate(pairs):
        for key in pair:
            assert (await scene.client("PUT", f"/records/{number}-{quote(key, safe='')}", key.encode())).status == 200
        for key in pair:
            assert (await scene.client("GET", f"/records/{number}-{quote(key, safe='')}")).body == key.encode()


@pytest.mark.parametrize("key", ["k" * 1_025, "é" * 513, "%F0%9F%A7%AC" * 257])
async def test_a_key_of_more_than_1024_bytes_is_refused_however_few_letters_it_has(scene, key):
    answer = await scene.client("PUT", f"/records/{quote(key, safe='%')}", b"x")
    assert (answer.status, answer.code) == (400, "KeyTooLongError")


async def test_a_content_that_would_swell_is_kept_as_it_came_and_never_unpacked(scene):
    bomb = gzip.compress(bytes(BOMB_BYTES), 9)
    assert (await scene.client("PUT", "/records/bomb", bomb, {"content-encoding": "gzip"})).status == 200
    answer = await scene.client("GET", "/records/bomb")
    assert (answer.body, answer.headers["content-encoding"]) == (bomb, "gzip")
    assert answer.headers["content-length"] == str(len(bomb))


async def test_ranges_that_repeat_do_not_multiply_an_answer(scene):
    many = "bytes=" + ",".join(["0-"] * 200)
    answer = await scene.client("GET", "/records/a", headers={"range": many})
    assert len(answer.body) <= len(CONTENT) or answer.code == "InvalidRange"
