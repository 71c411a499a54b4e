"""One path for each request: lease, signature, gate, exactly one entry, and nothing without the log (NX-12, NX-15)."""

import asyncio

import pytest

from nexus.kernel.errors import NexusError, Sealed, Throttled, Unavailable
from nexus.objects.s3 import app as s3_app
from nexus.objects.s3.endpoint import Verb
from nexus.objects.s3.explain import explain
from simulators.s3_client import HOST, speak
from simulators.s3_door import machine, open_s3_door


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    assert (await opened.client()("PUT", "/records/k", b"hello")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


XML = b"<A/>"
REQUESTS = {
    Verb.LIST_BUCKETS: ("GET", "/"),
    Verb.CREATE_BUCKET: ("PUT", "/another"),
    Verb.DELETE_BUCKET: ("DELETE", "/records"),
    Verb.HEAD_BUCKET: ("HEAD", "/records"),
    Verb.GET_BUCKET_LOCATION: ("GET", "/records?location"),
    Verb.GET_BUCKET_VERSIONING: ("GET", "/records?versioning"),
    Verb.PUT_BUCKET_VERSIONING: ("PUT", "/records?versioning"),
    Verb.GET_BUCKET_ENCRYPTION: ("GET", "/records?encryption"),
    Verb.PUT_BUCKET_ENCRYPTION: ("PUT", "/records?encryption"),
    Verb.PUT_BUCKET_ACL: ("PUT", "/records?acl"),
    Verb.DELETE_BUCKET_ENCRYPTION: ("DELETE", "/records?encryption"),
    Verb.GET_BUCKET_POLICY: ("GET", "/records?policy"),
    Verb.PUT_BUCKET_POLICY: ("PUT", "/records?policy"),
    Verb.DELETE_BUCKET_POLICY: ("DELETE", "/records?policy"),
    Verb.GET_BUCKET_POLICY_STATUS: ("GET", "/records?policyStatus"),
    Verb.GET_PUBLIC_ACCESS_BLOCK: ("GET", "/records?publicAccessBlock"),
    Verb.PUT_PUBLIC_ACCESS_BLOCK: ("PUT", "/records?publicAccessBlock"),
    Verb.DELETE_PUBLIC_ACCESS_BLOCK: ("DELETE", "/records?publicAccessBlock"),
    Verb.GET_BUCKET_OWNERSHIP_CONTROLS: ("GET", "/records?ownershipControls"),
    Verb.PUT_BUCKET_OWNERSHIP_CONTROLS: ("PUT", "/records?ownershipControls"),
    Verb.DELETE_BUCKET_OWNERSHIP_CONTROLS: ("DELETE", "/records?ownershipControls"),
    Verb.GET_BUCKET_CORS: ("GET", "/records?cors"),
    Verb.PUT_BUCKET_CORS: ("PUT", "/records?cors"),
    Verb.DELETE_BUCKET_CORS: ("DELETE", "/records?cors"),
    Verb.GET_BUCKET_TAGGING: ("GET", "/records?tagging"),
    Verb.PUT_BUCKET_TAGGING: ("PUT", "/records?tagging"),
    Verb.DELETE_BUCKET_TAGGING: ("DELETE", "/records?tagging"),
    Verb.GET_BUCKET_LIFECYCLE: ("GET", "/records?lifecycle"),
    Verb.PUT_BUCKET_LIFECYCLE: ("PUT", "/records?lifecycle"),
    Verb.DELETE_BUCKET_LIFECYCLE: ("DELETE", "/records?lifecycle"),
    Verb.GET_BUCKET_LOGGING: ("GET", "/records?logging"),
    Verb.PUT_BUCKET_LOGGING: ("PUT", "/records?logging"),
    Verb.GET_BUCKET_REQUEST_PAYMENT: ("GET", "/records?requestPayment"),
    Verb.PUT_BUCKET_REQUEST_PAYMENT: ("PUT", "/records?requestPayment"),
    Verb.GET_BUCKET_NOTIFICATION: ("GET", "/records?notification"),
    Verb.PUT_BUCKET_NOTIFICATION: ("PUT", "/records?notification"),
    Verb.GET_OBJECT_LOCK_CONFIGURATION: ("GET", "/records?object-lock"),
    Verb.PUT_OBJECT_LOCK_CONFIGURATION: ("PUT", "/records?object-lock"),
    Verb.GET_OBJECT_RETENTION: ("GET", "/records/k?retention"),
    Verb.PUT_OBJECT_RETENTION: ("PUT", "/records/k?retention"),
    Verb.GET_OBJECT_LEGAL_HOLD: ("GET", "/records/k?legal-hold"),
    Verb.PUT_OBJECT_LEGAL_HOLD: ("PUT", "/records/k?legal-hold"),
    Verb.GET_BUCKET_ACL: ("GET", "/records?acl"),
    Verb.LIST_OBJECTS: ("GET", "/records"),
    Verb.LIST_OBJECTS_V2: ("GET", "/records?list-type=2"),
    Verb.LIST_OBJECT_VERSIONS: ("GET", "/records?versions"),
    Verb.LIST_MULTIPART_UPLOADS: ("GET", "/records?uploads"),
    Verb.DELETE_OBJECTS: ("POST", "/records?delete"),
    Verb.PUT_OBJECT: ("PUT", "/records/new"),
    Verb.COPY_OBJECT: ("PUT", "/records/copy"),
    Verb.GET_OBJECT: ("GET", "/records/k"),
    Verb.HEAD_OBJECT: ("HEAD", "/records/k"),
    Verb.DELETE_OBJECT: ("DELETE", "/records/k"),
    Verb.GET_OBJECT_ATTRIBUTES: ("GET", "/records/k?attributes"),
    Verb.GET_OBJECT_ACL: ("GET", "/records/k?acl"),
    Verb.PUT_OBJECT_ACL: ("PUT", "/records/k?acl"),
    Verb.GET_OBJECT_TAGGING: ("GET", "/records/k?tagging"),
    Verb.PUT_OBJECT_TAGGING: ("PUT", "/records/k?tagging"),
    Verb.DELETE_OBJECT_TAGGING: ("DELETE", "/records/k?tagging"),
    Verb.CREATE_MULTIPART_UPLOAD: ("POST", "/records/k?uploads"),
    Verb.UPLOAD_PART: ("PUT", "/records/k?partNumber=1&uploadId=u"),
    Verb.UPLOAD_PART_COPY: ("PUT", "/records/k?partNumber=1&uploadId=u"),
    Verb.COMPLETE_MULTIPART_UPLOAD: ("POST", "/records/k?uploadId=u"),
    Verb.ABORT_MULTIPART_UPLOAD: ("DELETE", "/records/k?uploadId=u"),
    Verb.LIST_PARTS: ("GET", "/records/k?uploadId=u"),
}
assert set(REQUESTS) == set(Verb) - {Verb.POST_OBJECT}, "forms have tests of their own, in test_s3_forms.py"
COPIES = {Verb.COPY_OBJECT, Verb.UPLOAD_PART_COPY}


def headers_of(verb):
    return {"x-amz-copy-source": "records/k"} if verb in COPIES else {}


def body_of(verb):
    return XML if REQUESTS[verb][0] in ("PUT", "POST") and verb not in COPIES else b""


@pytest.mark.parametrize("verb", REQUESTS)
async def test_every_verb_refuses_nobody_and_strangers_and_says_so_once(door, verb):
    method, target = REQUESTS[verb]
    stranger = door.client(door.ring.add(machine("stranger")))
    before = len(door.audit.entries)
    answer = await speak(door.app, method, target, [("host", HOST), *headers_of(verb).items()])
    assert answer.status == 403
    assert [(e.action, e.outcome.value) for e in door.audit.entries[before:]] == [(verb.action, "denied")]
    before = len(door.audit.entries)
    answer = await stranger(method, target, body_of(verb), headers_of(verb))
    if verb is Verb.LIST_BUCKETS:
        assert (answer.status, answer.texts("Buckets/Bucket")) == (200, [])
    else:
        assert answer.status == 403
        assert answer.code == ("" if method == "HEAD" else "AccessDenied")
        entry = door.audit.entries[-1]
        assert (entry.action, entry.outcome.value, entry.operation.actor.id) == (verb.action, "denied", "mac_stranger")
    assert len(door.audit.entries) == before + 1


@pytest.mark.parametrize("verb", REQUESTS)
async def test_every_verb_leaves_exactly_one_entry_when_it_succeeds_or_fails(door, client, verb):
    method, target = REQUESTS[verb]
    before = len(door.audit.entries)
    answer = await client(method, target, body_of(verb), headers_of(verb))
    entries = door.audit.entries[before:]
    if verb is Verb.COPY_OBJECT:
        assert sorted(e.action for e in entries) == ["objects.object.read", "objects.object.write"]
    else:
        assert len(entries) == 1
    assert entries[-1].outcome.value == ("allowed" if answer.status < 300 else "failed")
    assert {e.operation.id for e in entries} == {answer.headers["x-amz-request-id"]}


async def test_the_device_that_a_proxy_showed_is_known_to_the_gate_and_to_the_log(door, client):
    door.devices.holder = door.owner.id
    assert (await client("GET", "/records/k", headers={"client-cert": "dev_1"})).status == 200
    assert door.audit.entries[-1].operation.device == "dev_1"
    door.devices.holder = "mac_other"
    assert (await client("GET", "/records/k", headers={"client-cert": "dev_1"})).status == 200
    assert door.audit.entries[-1].operation.device == ""


@pytest.mark.parametrize("verb", REQUESTS)
async def test_sealed_means_nothing_happens_and_it_is_recorded(door, client, verb):
    door.lease.held = False
    method, target = REQUESTS[verb]
    before = len(door.audit.entries)
    answer = await client(method, target, body_of(verb), headers_of(verb))
    assert answer.status == 503
    assert answer.code == ("" if method == "HEAD" else "ServiceUnavailable")
    assert [(e.action, e.outcome.value, e.details["code"]) for e in door.audit.entries[before:]] == [
        (verb.action, "failed", "sealed")
    ]


@pytest.mark.parametrize("verb", REQUESTS)
async def test_without_the_log_nothing_happens_and_nothing_leaves(door, client, verb):
    method, target = REQUESTS[verb]
    door.audit.broken = True
    answer = await client(method, target, body_of(verb), headers_of(verb))
    assert answer.status == 503
    assert b"hello" not in answer.body
    door.audit.broken = False
    assert (await client("GET", "/records/k")).body == b"hello"
    assert (await client("HEAD", "/another")).status == 404
    assert (await client("HEAD", "/records/new")).status == 404


async def test_a_refusal_tells_its_code_resource_and_request_and_nothing_more(door, client):
    answer = await client("GET", "/records/none%20%3Cb%3E?versionId=null")
    texts = {child.tag: child.text for child in answer.xml}
    assert texts["Resource"] == "/records/none%20%3Cb%3E"
    assert texts["RequestId"] == answer.headers["x-amz-request-id"] == door.audit.entries[-1].operation.id
    assert answer.headers["content-type"] == "application/xml"


async def test_the_entry_of_a_failure_names_the_key_of_the_object(door, client):
    await client("GET", "/records/none")
    entry = door.audit.entries[-1]
    assert (str(entry.resource), entry.details["key"]) == ("Bucket:records", "none")


async def test_the_unexpected_is_an_internal_error_without_details(door, client, caplog):
    class Boom(Exception):
        pass

    def explode(*_):
        raise Boom("patient Jane Doe")

    door.rights.check = explode
    answer = await client("GET", "/records/k")
    assert (answer.status, answer.code) == (500, "InternalError")
    assert b"Jane" not in answer.body
    assert "Boom" in caplog.text
    assert "Jane" not in caplog.text
    assert door.entries()[-1] == ("objects.object.read", "failed", "internal")


async def test_more_requests_than_the_bound_are_told_to_slow_down(door, client, monkeypatch):
    door.app._under_way = s3_app.MAX_CONCURRENT
    answer = await client("GET", "/records/k")
    assert (answer.status, answer.code) == (503, "SlowDown")
    assert answer.headers["retry-after"] == "1"
    door.app._under_way = 0
    assert (await client("GET", "/records/k")).status == 200


async def test_a_request_cut_by_a_shutdown_is_recorded(door, client):
    signed = client.sign("PUT", "/records/new", {"content-length": "9"}, "UNSIGNED-PAYLOAD")
    task = asyncio.ensure_future(speak(door.app, "PUT", "/records/new", signed.items(), [b"half"], hang=True))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert door.entries()[-1] == ("objects.object.write", "failed", "s3.cancelled")
    assert (await client("HEAD", "/records/new")).status == 404


def test_errors_of_the_platform_have_their_place_in_s3():
    for error, code, status in (
        (Sealed("sealed"), "ServiceUnavailable", 503),
        (Unavailable("no", code="objects.disk-full"), "ServiceUnavailable", 503),
        (Throttled("slow", retry_after_s=5), "SlowDown", 503),
        (NexusError("bug"), "InternalError", 500),
        (ValueError("secret"), "InternalError", 500),
    ):
        refusal = explain(error)
        assert (refusal.s3.name, refusal.s3.status) == (code, status)
    assert "secret" not in explain(ValueError("secret")).message
