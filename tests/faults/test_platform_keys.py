"""The key service is killed, stuck, or sealed, under a running platform: nothing is read or written, and nothing hangs.

One of what others get wrong: objects that stay readable while the key service is stopped. R-153, NX-15.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import botocore.exceptions
import httpx
import pytest

from nexus.app.cli.rest_client import CLIENT, Refused
from nexus.app.operations import OPERATIONS, WHILE_SEALED
from nexus.kernel.errors import Sealed
from nexus.kms.frames import LEASE_S
from nexus.web.binding import has_body, path_fields
from nexus.web.examples import example_of
from simulators.installation import Installation, until

BUCKET, KEY = "guarded", "patients/1"
BODY = os.urandom(150_000)
AT_ONCE_S = 1.0
"""A request that needs no answer of the key service to be refused."""
TRIES = 3
BOUND_S = 12.0
"""No request takes longer, even one that waits for a key service that says nothing."""
GUARDED = [spec for spec in OPERATIONS if spec.name not in WHILE_SEALED]


@pytest.fixture(scope="module")
def installation(platform: Installation) -> Installation:
    return platform


@pytest.fixture(scope="module")
def s3(installation):
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name=BUCKET, site="chu-lille")
    client = installation.s3(steward.access_key("quality"), read_timeout=25)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    return client


@pytest.fixture(autouse=True)
def recovered(s3):
    """Each test finds a platform that works, whatever became of the one before."""
    yield
    until(lambda: all_is_well(s3), seconds=30, what="the platform's return")


def requests(s3):
    """Each kind of access, by name."""
    where = {"Bucket": BUCKET, "Key": KEY}
    return {
        "get": lambda: s3.get_object(**where),
        "range": lambda: s3.get_object(**where, Range="bytes=0-9"),
        "head": lambda: s3.head_object(**where),
        "put": lambda: s3.put_object(**where, Body=b"overwritten"),
        "copy": lambda: s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=where),
        "upload": lambda: s3.create_multipart_upload(**where),
        "tags": lambda: s3.get_object_tagging(**where),
        "list": lambda: s3.list_objects_v2(Bucket=BUCKET),
        "buckets": s3.list_buckets,
        "delete": lambda: s3.delete_object(**where),
    }


def refused(request) -> tuple[str, str]:
    """The S3 code and the request id of a refusal with status 503."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        request()
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]


def all_is_refused(s3) -> dict[str, str]:
    """Every request is refused, at once; kind -> id of its operation."""
    ids = {}
    for name, request in requests(s3).items():
        code, ids[name] = refused_at_once(request)
        assert code in ("ServiceUnavailable", "503"), name  # the answer to HEAD has no body to hold a code
    return ids


def refused_at_once(request) -> tuple[str, str]:
    """`refused`, in no time. What waits for the key service waits each time; a busy machine is slow now and then."""
    took = []
    for _ in range(TRIES):
        begun = time.monotonic()
        answer = refused(request)
        took.append(time.monotonic() - begun)
        if took[-1] < AT_ONCE_S:
            return answer
    raise AssertionError(f"refused after {took} s")


def all_is_well(s3) -> bool:
    """What was there is there, and writing works."""
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    s3.put_object(Bucket=BUCKET, Key="after", Body=b"after")
    return True


def failures_of(installation, ids) -> dict[str, tuple[str, str]]:
    """Outcome and code in the one entry of each operation, by the names under which `ids` holds them."""
    alice, wanted, found, cursor = installation.founder("alice"), set(ids.values()), {}, None
    while not wanted <= found.keys():
        more = {"cursor": cursor} if cursor else {}
        page = alice.call("audit.entry.list", for_purpose="audit", outcome="failed", limit=500, **more)
        for entry in page["entries"]:
            content = entry["content"]
            if content["operation"] in wanted:
                assert content["operation"] not in found, "one entry for each operation"
                found[content["operation"]] = (content["outcome"], content["details"]["code"])
        cursor = page["next"]
        assert cursor or wanted <= found.keys(), "an operation without its entry"
    return {name: found[operation] for name, operation in ids.items()}


def seconds_until_refused(request) -> float:
    """How long a request goes on being answered."""
    began = time.monotonic()
    while time.monotonic() - began < BOUND_S:
        try:
            request()
        except (botocore.exceptions.ClientError, Refused):
            break
    return time.monotonic() - began


@contextmanager
def stuck(pid: int):
    """A process that is there and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_key_service_ends_every_read_and_write_at_once_and_the_supervisor_brings_it_back(installation, s3):
    pid = installation.pid("kms")
    with stuck(installation.supervisor()):  # so that nobody starts it again while we look
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        ids = all_is_refused(s3)
    until(lambda: all_is_well(s3), seconds=30, what="the key service's return")
    assert installation.status()["key_service"]["state"] == "unsealed", "by the passphrase of --passphrase-file"
    assert set(failures_of(installation, ids).values()) == {("failed", "kms.lost")}


def test_a_stuck_key_service_ends_every_read_and_write_within_its_lease_and_nobody_hangs(installation, s3):
    alice = installation.founder("alice")
    with stuck(installation.pid("kms")), ThreadPoolExecutor(1) as threads:
        asked = threads.submit(seconds_until_refused, lambda: alice.call("kms.key.list"))
        assert seconds_until_refused(requests(s3)["get"]) < LEASE_S + AT_ONCE_S
        all_is_refused(s3)
        assert asked.result() < BOUND_S, "it was under way when the key service fell silent"
        began = time.monotonic()
        assert installation.status()["key_service"] is None
        assert time.monotonic() - began < BOUND_S
    until(lambda: all_is_well(s3), seconds=30, what="the lease's return")


def test_a_sealed_platform_refuses_everything_at_both_doors_and_says_so_in_the_log(installation, s3):
    alice = installation.founder("alice")
    headers = {"Authorization": f"Bearer {alice.token}", "User-Agent": CLIENT}
    http = httpx.Client(base_url=installation.place.url, verify=installation.place.tls(), headers=headers)
    alice.call("kms.service.seal")
    try:
        ids = all_is_refused(s3)
        with http:
            ids |= {spec.name: _sealed_at_the_rest_door(http, spec) for spec in GUARDED}
        assert alice.call("kms.service.status")["state"] == "sealed"
    finally:
        installation.nexus("unseal", "--secret-file", str(installation.passphrase))
    until(lambda: all_is_well(s3), what="unsealing")
    assert set(failures_of(installation, ids).values()) == {("failed", "kms.sealed")}
    assert installation.status()["phase"] == "running"


def _sealed_at_the_rest_door(http, spec) -> str:
    document = example_of(spec.request)
    path = spec.path.format(**{name: document[name] for name in path_fields(spec)})
    rest = {name: part for name, part in document.items() if name not in path_fields(spec)}
    sent = {"json": rest} if has_body(spec) else {"params": rest}
    answer = http.request(spec.method, path, **sent)
    assert (answer.status_code, answer.json()["kind"]) == (503, Sealed.kind), spec.name
    return answer.json()["operation"]
