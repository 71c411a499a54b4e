"""Access logs of buckets, in the format of S3's server access log, sealed in a bucket like everything (issue 6)."""

import json
import re

import pytest

from nexus.iam.model import Role
from nexus.kernel.clock import DAY, MINUTE, rfc3339
from nexus.kernel.database import Bookkeeping
from nexus.kernel.operation import system_actor
from simulators.s3_client import HOST, QueryClient, speak
from simulators.s3_people import open_with_people, settle
from simulators.sts import acting, assume

FIELDS = re.compile(r'\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+')
STATUS = "<BucketLoggingStatus>{}</BucketLoggingStatus>"


def logging_to(target, prefix="records/", more=""):
    inner = f"<TargetBucket>{target}</TargetBucket><TargetPrefix>{prefix}</TargetPrefix>{more}"
    return STATUS.format(f"<LoggingEnabled>{inner}</LoggingEnabled>").encode()


def dated_by(source):
    inner = f"<PartitionedPrefix><PartitionDateSource>{source}</PartitionDateSource></PartitionedPrefix>"
    return f"<TargetObjectKeyFormat>{inner}</TargetObjectKeyFormat>"


def granting(grantee, permission="FULL_CONTROL"):
    kind = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
    whom = f"<Grantee {kind}><ID>{grantee}</ID></Grantee>"
    return f"<TargetGrants><Grant>{whom}<Permission>{permission}</Permission></Grant></TargetGrants>"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        yield await settle(opened)


@pytest.fixture
async def client(door):
    made = door.client(await door.key(door.steward))
    for bucket in ("records", "logs"):
        assert (await made("PUT", f"/{bucket}")).status == 200
    return made


async def noted(door):
    """Wait until every line that was noted so far is in the database."""
    await door.platform.db.bookkeep(Bookkeeping.ACCESS_LINE, lambda tx: None)


async def written(door, client):
    """The lines that the worker has written, oldest first, each as its fields; and the names of the log objects."""
    await noted(door)
    await door.objects.access_logs.write(door.platform.op(system_actor("worker")))
    names = (await client("GET", "/logs?list-type=2")).texts("Contents/Key")
    text = b"".join([(await client("GET", f"/logs/{name}")).body for name in names]).decode()
    return [FIELDS.findall(line) for line in text.splitlines()], names


async def test_every_request_to_the_bucket_becomes_a_line_of_26_fields_in_the_target(door, client):
    assert (await client("PUT", "/records?logging", logging_to("logs"))).status == 200
    await client("PUT", "/records/a%20b", b"hello", {"user-agent": 'tool "1.0"\t[x]', "referer": "https://r.test"})
    await client("GET", "/records/a%20b")
    await client("GET", "/records/none")
    await client("GET", "/records?list-type=2&prefix=a")
    await client("DELETE", "/records/a%20b")
    tom = door.client(await door.key(await door.member("tom", Role.DATA_PROVIDER, "site:elsewhere")))
    assert (await tom("GET", "/records/a%20b")).status == 403
    presigned = client.presign("GET", "/records/none")
    await speak(door.app, "GET", presigned, [("host", HOST)])
    assert (await client("GET", "/logs?list-type=2")).texts("Contents/Key") == []  # not of the target's own requests
    lines, names = await written(door, client)
    assert {len(fields) for fields in lines} == {26}
    told = [(f[6], f[7], f[9], f[10]) for f in lines]
    assert told == [
        ("REST.PUT.OBJECT", "a%20b", "200", "-"),
        ("REST.GET.OBJECT", "a%20b", "200", "-"),
        ("REST.GET.OBJECT", "none", "404", "NoSuchKey"),
        ("REST.GET.BUCKET", "-", "200", "-"),
        ("REST.DELETE.OBJECT", "a%20b", "204", "-"),
        ("REST.GET.OBJECT", "a%20b", "403", "AccessDenied"),
        ("REST.GET.OBJECT", "none", "404", "NoSuchKey"),
    ]
    put, got = lines[0], lines[1]
    rita = door.steward.id
    assert put[:2] == [rita, "records"] and put[3:5] == ["203.0.113.9", rita]
    assert re.fullmatch(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]", put[2])
    assert put[8] == '"PUT /records/a%20b HTTP/1.1"'
    assert put[15:17] == ['"https://r.test"', r'"tool \x221.0\x22\x09[x]"']
    assert (got[11], got[12]) == ("5", "5")
    assert [put[19], put[21], put[22], put[23]] == ["SigV4", "AuthHeader", HOST, "TLSv1.3"]
    assert lines[-1][21] == "QueryString" and "X-Amz-Signature=..." in lines[-1][8]
    assert {entry.operation.id for entry in door.platform.recorder.entries} >= {fields[5] for fields in lines}
    assert all(re.fullmatch(r"records/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", name) for name in names)


async def test_lines_are_written_once_and_no_credential_is_in_them(door, client):
    await client("PUT", "/records?logging", logging_to("logs"))
    assumed = acting(door, await assume(QueryClient(client)))
    presigned = assumed.presign("GET", "/records/none")
    await speak(door.app, "GET", presigned, [("host", HOST)])
    lines, names = await written(door, client)
    assert len(lines) == 1 and len(names) == 1
    text = " ".join(lines[0])
    assert assumed.credentials.token not in text and presigned.rpartition("X-Amz-Signature=")[2] not in text
    assert await written(door, client) == (lines, names)
    door.platform.clock.advance(5 * MINUTE)
    await client("GET", "/records/none")
    assert len((await written(door, client))[1]) == 2


async def test_a_line_that_comes_again_after_a_crash_lies_under_the_same_name(door, client):
    await client("PUT", "/records?logging", logging_to("logs"))
    await client("GET", "/records/none")
    await noted(door)
    with door.platform.db.read() as tx:
        rows = tx.all("SELECT * FROM objects_access_line", ())
    _, names = await written(door, client)

    def again(tx):
        tx.execute_many("INSERT INTO objects_access_line VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    await door.platform.db.bookkeep(Bookkeeping.ACCESS_LINE, again)
    assert (await written(door, client))[1] == names


async def test_the_target_is_one_that_the_configurer_may_write_into_in_the_same_site(door, client):
    tom = door.client(await door.key(await door.member("tom", Role.DATA_STEWARD, "bucket:records")))
    assert (await tom("PUT", "/records?logging", logging_to("logs"))).code == "InvalidTargetBucketForLogging"
    for target in ("nowhere-at-all", "logs/x"):
        answer = await client("PUT", "/records?logging", logging_to(target))
        assert answer.code == "InvalidTargetBucketForLogging"
    elsewhere = {"x-nexus-site": "elsewhere"}
    await door.platform.grant(door.ada, door.steward.id, Role.DATA_STEWARD, "site:elsewhere")
    assert (await client("PUT", "/others", headers=elsewhere)).status == 200
    assert (await client("PUT", "/records?logging", logging_to("others"))).code == "InvalidTargetBucketForLogging"
    narrow = door.client(await door.key(door.steward, only_buckets=("records",)))
    assert (await narrow("PUT", "/records?logging", logging_to("logs"))).code == "InvalidTargetBucketForLogging"
    assert (await client("GET", "/records?logging")).texts("LoggingEnabled") == []


async def test_logging_is_read_back_and_ended(door, client):
    assert (await client("GET", "/records?logging")).xml.tag == "BucketLoggingStatus"
    await client("PUT", "/records?logging", logging_to("logs", "p&amp;q/"))
    answer = await client("GET", "/records?logging")
    assert answer.texts("LoggingEnabled/TargetPrefix") == ["p&q/"]
    assert (await client("PUT", "/records?logging", STATUS.format("").encode())).status == 200
    await client("GET", "/records/none")
    lines, _ = await written(door, client)
    assert [fields[6] for fields in lines] == ["REST.GET.LOGGING_STATUS", "REST.PUT.LOGGING_STATUS"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<BucketLoggingStatus><Unknown/></BucketLoggingStatus>", "MalformedXML"),
        (b"<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", "MalformedXML"),
        (logging_to("logs", more="<Unknown/>"), "MalformedXML"),
        (logging_to("logs", more="<TargetGrants><Grant/></TargetGrants>"), "MalformedXML"),
        (logging_to("logs", more=granting("per_somebody")), "AccessControlListNotSupported"),
        (logging_to("logs", more=granting("per_somebody", "READ_ACP")), "MalformedXML"),
        (logging_to("logs", more="<TargetObjectKeyFormat/>"), "MalformedXML"),
        (logging_to("logs", more=dated_by("Kaboom")), "MalformedXML"),
        (logging_to("logs", "x" * 920, dated_by("EventTime")), "InvalidArgument"),
        (logging_to("logs", "x" * 1_000), "InvalidArgument"),
        (logging_to("logs", "a&#10;b"), "InvalidArgument"),
    ],
)
async def test_what_is_not_understood_is_refused(client, document, code):
    assert (await client("PUT", "/records?logging", document)).code == code


async def test_lines_of_a_target_that_is_gone_are_dropped_and_the_others_are_written(door, client, caplog):
    assert (await client("PUT", "/second")).status == 200
    assert (await client("PUT", "/gone")).status == 200
    await client("PUT", "/second?logging", logging_to("gone"))
    await client("PUT", "/records?logging", logging_to("logs"))
    for bucket in ("second", "records"):
        await client("GET", f"/{bucket}/none")
    assert (await client("DELETE", "/gone")).status == 204
    lines, _ = await written(door, client)
    assert [fields[1] for fields in lines] == ["records"]
    assert "dropped" in caplog.text
    assert door.platform.db.peek("SELECT count(*) FROM objects_access_line", ()) == (0,)


@pytest.mark.parametrize("source", ["EventTime", "DeliveryTime"])
async def test_partitioned_names_are_of_site_region_bucket_and_day(door, client, source):
    await client("PUT", "/records?logging", logging_to("logs", "p/", dated_by(source)))
    shown = await client("GET", "/records?logging")
    path = "LoggingEnabled/TargetObjectKeyFormat/PartitionedPrefix/PartitionDateSource"
    assert shown.texts(path) == [source]
    _, before = await written(door, client)
    await client("GET", "/records/none")
    told_at = rfc3339(door.platform.clock.now())[:10]
    door.platform.clock.advance(DAY)
    await client("GET", "/records/none")
    door.platform.clock.advance(DAY)
    _, names = await written(door, client)
    site, new = door.objects.buckets.find("records").site, [name for name in names if name not in before]
    pattern = (
        rf"p/{site}/[a-z0-9-]+/records/(\d{{4}})/(\d\d)/(\d\d)/(\d{{4}}-\d\d-\d\d)-(\d\d-\d\d-\d\d)-[0-9A-F]{{16}}"
    )
    found = [re.fullmatch(pattern, name) for name in new]
    assert all(match and "-".join(match.groups()[:3]) == match[4] for match in found)
    if source == "EventTime":  # an object for each day that its lines tell of, at midnight
        assert found[0][4] == told_at and len(found) == 2
        assert {match[5] for match in found} == {"00-00-00"}
    else:
        now = rfc3339(door.platform.clock.now())
        assert [f"{match[4]}T{match[5].replace('-', ':')}" for match in found] == [now[:19]]


async def test_a_grant_to_the_owner_of_the_target_says_nothing_and_is_not_kept(door, client):
    owner = door.objects.buckets.find("logs").owner
    assert (await client("PUT", "/records?logging", logging_to("logs", more=granting(owner)))).status == 200
    shown = await client("GET", "/records?logging")
    assert shown.xml.find("LoggingEnabled/TargetGrants") is None
    assert shown.xml.find("LoggingEnabled/TargetObjectKeyFormat/SimplePrefix") is not None


async def test_a_configuration_tells_since_when_it_is_so(door, client):
    await client("PUT", "/records?logging", logging_to("logs"))
    first = (await client("GET", "/records?logging")).headers["last-modified"]
    door.platform.clock.advance(MINUTE)
    await client("PUT", "/records?logging", logging_to("logs"))
    assert (await client("GET", "/records?logging")).headers["last-modified"] == first
    await client("PUT", "/records?logging", logging_to("logs", "elsewhere/"))
    assert (await client("GET", "/records?logging")).headers["last-modified"] != first


async def test_a_policy_of_the_target_that_denies_the_log_service_is_heard(door, client):
    arn = "arn:aws:s3:::logs/*"
    for principal in ({"Service": "logging.s3.amazonaws.com"}, "*"):
        statement = {"Effect": "Deny", "Principal": principal, "Action": "s3:PutObject", "Resource": arn}
        body = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
        assert (await client("PUT", "/logs?policy", body)).status == 204
        answer = await client("PUT", "/records?logging", logging_to("logs"))
        assert answer.code == "InvalidTargetBucketForLogging"
    await client("DELETE", "/logs?policy")
    assert (await client("PUT", "/records?logging", logging_to("logs"))).status == 200
