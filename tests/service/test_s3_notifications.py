"""Events of buckets: posted in the commit of what they tell of, told at least once, signed, only where the operator allows (issue 6)."""

import json

import msgspec
import pytest

from nexus.app.chores.notifying import Notifying
from nexus.app.destinations import load
from nexus.iam.model import Role
from nexus.kernel.clock import DAY, HOUR, SECOND
from nexus.kernel.errors import Invalid
from simulators.s3_door import REGION, SITE
from simulators.s3_people import destination, open_with_people, settle
from simulators.webhook import Webhook

ARN = f"arn:aws:sns:{REGION}:{SITE}:pipeline"
SECRET = b"a secret that the tool and the operator know"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        yield await settle(opened)


@pytest.fixture
async def client(door):
    made = door.client(await door.key(door.steward))
    assert (await made("PUT", "/records")).status == 200
    return made


@pytest.fixture
def tool():
    return Webhook(SECRET)


@pytest.fixture
def worker(door, tool, tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    one = msgspec.structs.replace(destination("pipeline"), secret_file=str(tmp_path / "secret"))
    return Notifying(door.platform.db, door.platform.clock, {"pipeline": one}, tool)


def telling(*events, arn=ARN, more="", kind="Topic", name="to-pipeline"):
    inner = "".join(f"<Event>{event}</Event>" for event in events)
    return (
        f"<NotificationConfiguration><{kind}Configuration><Id>{name}</Id><{kind}>{arn}</{kind}>{inner}{more}"
        f"</{kind}Configuration></NotificationConfiguration>"
    ).encode()


def rule(name, value):
    return f"<Filter><S3Key><FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule></S3Key></Filter>"


async def configure(client, *events, **more):
    answer = await client("PUT", "/records?notification", telling(*(events or ("s3:ObjectCreated:*",)), **more))
    assert answer.status == 200, answer.body


def waiting(door):
    return door.platform.db.peek("SELECT count(*) FROM objects_event", ())[0]


async def test_what_happens_to_objects_is_told_in_the_form_of_s3(door, client, tool, worker):
    await configure(client, "s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    put = await client("PUT", "/records/a%20b/%C3%A9", b"hello")
    await client("PUT", "/records/copy", headers={"x-amz-copy-source": "records/a%20b/%C3%A9"})
    upload = (await client("POST", "/records/big?uploads")).texts("UploadId")[0]
    part = await client("PUT", f"/records/big?partNumber=1&uploadId={upload}", b"part")
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    done = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    completed = await client("POST", f"/records/big?uploadId={upload}", done)
    assert completed.xml.tag == "CompleteMultipartUploadResult", completed.body
    await client("DELETE", "/records/copy")
    await client("GET", "/records/big")
    await client("DELETE", "/records/none?versionId=null")
    await worker.notify()
    told = [(record["eventName"], record["s3"]["object"]["key"]) for _, record in tool.taken]
    assert told[:4] == [
        ("ObjectCreated:Put", "a+b/%C3%A9"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "big"),
        ("ObjectRemoved:Delete", "copy"),
    ]
    record = tool.taken[0][1]
    assert (record["eventVersion"], record["awsRegion"]) == ("2.1", REGION)
    assert record["userIdentity"] == {"principalId": door.steward.id}
    assert record["responseElements"] == {"x-amz-request-id": put.headers["x-amz-request-id"]}
    assert record["requestParameters"] == {"sourceIPAddress": "203.0.113.9"}
    about = record["s3"]
    assert about["bucket"] == {
        "name": "records",
        "ownerIdentity": {"principalId": door.steward.id},
        "arn": "arn:aws:s3:::records",
    }
    assert (about["configurationId"], about["object"]["size"]) == ("to-pipeline", 5)
    assert about["object"]["eTag"] == put.headers["etag"].strip('"') and "versionId" not in about["object"]
    assert waiting(door) == 0


async def test_versions_and_delete_markers_are_told_by_their_ids(client, tool, worker):
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert (await client("PUT", "/records?versioning", body)).status == 200
    await configure(client, "s3:ObjectCreated:Put", "s3:ObjectRemoved:DeleteMarkerCreated")
    version = (await client("PUT", "/records/k", b"x")).headers["x-amz-version-id"]
    marker = (await client("DELETE", "/records/k")).headers["x-amz-version-id"]
    await client("DELETE", f"/records/k?versionId={version}")  # of which nobody wants to hear
    await worker.notify()
    assert [(r["eventName"], r["s3"]["object"]["versionId"]) for _, r in tool.taken] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
    ]


async def test_filters_leave_what_begins_and_ends_as_they_say(client, tool, worker):
    await configure(client, more=rule("Prefix", "in/"))
    await client("PUT", "/records/in/a.dcm", b"x")
    await client("PUT", "/records/out/a.dcm", b"x")
    await configure(client, more=rule("suffix", ".dcm"))
    await client("PUT", "/records/in/b.txt", b"x")
    await client("PUT", "/records/in/b.dcm", b"x")
    await worker.notify()
    assert [r["s3"]["object"]["key"] for _, r in tool.taken] == ["in/a.dcm", "in/b.dcm"]


async def test_what_failed_is_not_told_and_what_was_recorded_is(door, client, tool, worker):
    await configure(client)
    assert (await client("PUT", "/records/k", b"x", {"if-match": '"none"'})).status in (404, 412)
    tom = door.client(await door.key(await door.member("tom", Role.DATA_PROVIDER, "site:elsewhere")))
    assert (await tom("PUT", "/records/k", b"x")).status == 403
    door.platform.recorder.broken = True
    assert (await client("PUT", "/records/k", b"x")).status == 503
    door.platform.recorder.broken = False
    assert waiting(door) == 0
    assert (await client("PUT", "/records/k", b"x")).status == 200
    assert waiting(door) == 1


async def test_an_event_is_told_until_it_is_taken_with_longer_and_longer_pauses(door, client, tool, worker):
    await configure(client)
    await client("PUT", "/records/k", b"x")
    tool.away, pauses, clock = True, [], door.platform.clock
    for _ in range(14):
        before = len(tool.asked)
        started = clock.now()
        while len(tool.asked) == before:
            await worker.notify()
            clock.advance(SECOND)
        pauses.append((clock.now() - started) // SECOND - 1)
        if pauses[-1] > 8:
            break
    assert pauses[:5] == [0, 0, 1, 3, 7]
    tool.away, tool.status = False, 500
    clock.advance(HOUR)
    await worker.notify()
    assert waiting(door) == 1
    tool.status = 204
    clock.advance(HOUR)
    await worker.notify()
    assert waiting(door) == 0 and len(tool.taken) == 1


async def test_an_event_comes_again_under_the_same_id_if_the_worker_dies_before_it_forgets(door, client, tool, worker):
    await configure(client)
    await client("PUT", "/records/k", b"x")
    with door.platform.db.read() as tx:
        rows = tx.all("SELECT id, destination, body, attempts, next_at, created_at FROM objects_event", ())
    await worker.notify()
    assert [event for event, _ in tool.taken] == [row[0] for row in rows]


async def test_after_a_week_an_event_is_given_up_and_told_to_the_journal(door, client, tool, worker, caplog):
    await configure(client)
    await client("PUT", "/records/k", b"x")
    tool.away = True
    await worker.notify()
    door.platform.clock.advance(7 * DAY)
    await worker.notify()
    assert waiting(door) == 0 and "given up" in caplog.text and "k" not in caplog.text.split()


# Nobody is called on a bucket writer's word (SSRF)


async def test_a_redirection_is_not_followed(client, tool, worker):
    await configure(client)
    await client("PUT", "/records/k", b"x")
    tool.status = 307
    await worker.notify()
    assert tool.asked == ["https://pipeline.test/hook"]


@pytest.mark.parametrize(
    "arn",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://localhost:8443/",
        f"arn:aws:sns:{REGION}:{SITE}:nobody",
        f"arn:aws:sns:{REGION}:{SITE}:elsewhere",  # configured, for buckets of another site
        f"arn:aws:sns:{REGION}:elsewhere:elsewhere",
        f"arn:aws:sns:eu-other-1:{SITE}:pipeline",
        f"arn:aws:sns:{REGION}:{SITE}:https://pipeline.test/",
        f"arn:aws:sqs:{REGION}:{SITE}:pipeline",
        f"arn:aws:sns:{REGION}:{SITE}:pipeline\n",
        "pipeline",
        "",
    ],
)
async def test_a_destination_is_a_name_that_the_operator_allows_for_the_site(client, arn):
    answer = await client("PUT", "/records?notification", telling("s3:ObjectCreated:*", arn=arn))
    assert answer.code in ("InvalidArgument", "MalformedXML")
    assert (await client("GET", "/records?notification")).xml.tag == "NotificationConfiguration"
    assert list((await client("GET", "/records?notification")).xml) == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (telling("s3:ObjectRestore:*"), "InvalidArgument"),
        (telling("s3:ReducedRedundancyLostObject"), "InvalidArgument"),
        (telling(), "InvalidArgument"),
        (telling("s3:ObjectCreated:*", more=rule("infix", "x")), "InvalidArgument"),
        (telling("s3:ObjectCreated:*", more="<Filter><Tag/></Filter>"), "MalformedXML"),
        (telling("s3:ObjectCreated:*", more="<Unknown/>"), "MalformedXML"),
        (
            b"<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>",
            "NotImplemented",
        ),
        (
            b"<NotificationConfiguration><CloudFunctionConfiguration/></NotificationConfiguration>",
            "NotImplemented",
        ),
    ],
)
async def test_what_is_not_understood_is_refused(client, document, code):
    assert (await client("PUT", "/records?notification", document)).code == code


async def test_it_is_read_back_and_ended(door, client):
    await configure(
        client, "s3:ObjectCreated:Put", kind="Queue", arn=ARN.replace("sns", "sqs"), more=rule("prefix", "a/")
    )
    answer = await client("GET", "/records?notification")
    assert answer.texts("QueueConfiguration/Queue") == [ARN.replace("sns", "sqs")]
    assert answer.texts("QueueConfiguration/Event") == ["s3:ObjectCreated:Put"]
    assert answer.texts(".//FilterRule/Value") == ["a/"]
    assert (await client("PUT", "/records?notification", b"<NotificationConfiguration/>")).status == 200
    await client("PUT", "/records/a/k", b"x")
    assert waiting(door) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://tool.test/"},
        {"url": "https://user:word@tool.test/"},
        {"url": "file:///etc/passwd"},
        {"sites": []},
        {"name": "a b"},
        {"unknown": "x"},
    ],
)
def test_a_file_that_is_not_safe_or_not_understood_starts_nothing(tmp_path, changed):
    given = {"name": "tool", "url": "https://tool.test/", "secret_file": "/x", "sites": ["a"], **changed}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    (tmp_path / "f.toml").write_text("\n".join(["[[destination]]", *lines]))
    with pytest.raises(Invalid):
        load(str(tmp_path / "f.toml"))


def test_a_secret_that_is_short_or_missing_is_refused(tmp_path):
    one = destination("tool")
    with pytest.raises(Invalid):
        one.secret()
    (tmp_path / "s").write_bytes(b"short")
    with pytest.raises(Invalid):
        msgspec.structs.replace(one, secret_file=str(tmp_path / "s")).secret()
    assert load("").takes("tool", SITE) is False
