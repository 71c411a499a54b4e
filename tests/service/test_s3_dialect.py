"""What a deployment may choose where implementations of S3 differ: each switch of the dialect, off and on (issue 6)."""

import hashlib
import json

import pytest

from nexus.kernel.database import Bookkeeping
from nexus.objects.s3.dialect import AWS, CEPH, DIALECTS
from simulators.operations import operation
from simulators.s3_client import HOST, QueryClient, speak
from simulators.s3_door import KEY_ID, SITE, OpenSharing, machine, open_s3_door

MIB = 1024 * 1024
BOTH = pytest.mark.parametrize("dialect", list(DIALECTS.values()), ids=list(DIALECTS))


def opened(tmp_path, dialect, **more):
    return open_s3_door(tmp_path, dialect=dialect, **more)


@pytest.fixture
async def door(tmp_path, dialect):
    made = opened(tmp_path, dialect)
    assert (await made.client()("PUT", "/records")).status == 200
    yield made
    made.close()


@pytest.fixture
def client(door):
    return door.client()


@pytest.fixture
async def shared(tmp_path, dialect):
    """A store in which owners may share, with accounts."""
    sharing = OpenSharing()
    made = opened(tmp_path, dialect, sharing=sharing, has_accounts=True)
    sharing.known = {"mac_owner", "mac_guest"}
    for name in ("records", "logs"):
        assert (await made.client()("PUT", f"/{name}")).status == 200
    yield made
    made.close()


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).encode()


def statement(effect="Allow", action="s3:PutObject", **more):
    return {"Effect": effect, "Principal": "*", "Action": action, **more}


def logging_to(target, prefix="log/"):
    inner = f"<TargetBucket>{target}</TargetBucket><TargetPrefix>{prefix}</TargetPrefix>"
    return f"<BucketLoggingStatus><LoggingEnabled>{inner}</LoggingEnabled></BucketLoggingStatus>".encode()


def let_in_the_log_service(source="records", account="mac_owner", resource="logs/log/"):
    condition = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
        "StringLike": {"aws:SourceAccount": account},
    }
    service = {"Service": "logging.s3.amazonaws.com"}
    arn = f"arn:aws:s3:::{resource}"
    return statement(Principal=service, Resource=arn, Condition=condition)


@BOTH
async def test_the_etag_of_a_large_body_is_its_md5_or_opaque(client, dialect):
    body = b"x" * (MIB + 1)
    etag = (await client("PUT", "/records/k", body)).headers["etag"].strip('"')
    assert (etag == hashlib.md5(body).hexdigest()) is (dialect is CEPH)
    assert ("-" in etag) is (dialect is AWS)


@BOTH
async def test_aws_kms_means_the_key_of_the_bucket_or_must_name_its_own(client, dialect):
    asked = {"x-amz-server-side-encryption": "aws:kms"}
    answer = await client("PUT", "/records/k", b"x", asked)
    assert answer.code == ("" if dialect is AWS else "InvalidArgument")
    named = {**asked, "x-amz-server-side-encryption-aws-kms-key-id": KEY_ID}
    assert (await client("PUT", "/records/k", b"x", named)).status == 200
    assert (await client("PUT", "/records/k", b"x")).status == 200  # the default of the bucket names no key either


@BOTH
async def test_a_bucket_is_named_with_its_site_or_not_at_all(door, client, dialect):
    await client("PUT", "/records/k", b"open")
    expected = b"open" if dialect is CEPH else None
    for address in (f"{SITE}:records", ":records", f"{SITE}%3Arecords"):
        answer = await client("GET", f"/{address}/k")
        assert (answer.body == expected) if expected else (answer.code == "NoSuchBucket")
    assert (await client("GET", "/elsewhere:records/k")).code == "NoSuchBucket"
    stranger = door.client(door.ring.add(machine("stranger")))
    for address in (f"{SITE}:records", "elsewhere:records"):
        assert (await stranger("GET", f"/{address}/k")).code == "AccessDenied"


@BOTH
async def test_a_part_that_a_list_names_twice_counts_as_it_is_named_last(client, dialect):
    upload = (await client("POST", "/records/big?uploads")).texts("UploadId")[0]
    etags = [
        (await client("PUT", f"/records/big?partNumber=1&uploadId={upload}", body)).headers["etag"]
        for body in (b"first", b"second")
    ]
    rows = "".join(f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>" for etag in etags)
    body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
    answer = await client("POST", f"/records/big?uploadId={upload}", body)
    assert answer.code == ("InvalidPart" if dialect is AWS else "")
    got = await client("GET", "/records/big")
    assert (got.body == b"second") if dialect is CEPH else (got.code == "NoSuchKey")


@BOTH
async def test_to_delete_nothing_under_a_condition_is_missing_or_done(door, client, dialect):
    answer = await client("DELETE", "/records/none", headers={"if-match": "*"})
    assert (answer.status, answer.code) == ((404, "NoSuchKey") if dialect is AWS else (204, ""))
    last = door.audit.entries[-1]
    assert (last.action, last.details["key"]) == ("objects.object.delete", "none")
    await client("PUT", "/records/k", b"x")
    answer = await client("DELETE", "/records/k", headers={"if-match": '"other"'})
    assert answer.code == "PreconditionFailed"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3"])
@BOTH
async def test_the_region_without_a_name_has_one_or_not(tmp_path, dialect, region):
    door = opened(tmp_path, dialect, region=region)
    await door.client()("PUT", "/records")
    told = (await door.client()("GET", "/records?location")).xml.text or ""
    assert told == ("" if dialect is AWS and region == "us-east-1" else region)
    door.close()


@BOTH
async def test_a_torrent_is_not_implemented_or_not_there(client, dialect):
    answer = await client("GET", "/records/k?torrent")
    assert answer.code == ("NotImplemented" if dialect is AWS else "NoSuchKey")


@BOTH
async def test_a_statement_without_a_resource_is_malformed_or_about_the_whole_bucket(door, client, dialect):
    await client("PUT", "/records/k", b"x")
    answer = await client("PUT", "/records?policy", policy(statement("Deny", ["s3:GetObject", "s3:ListBucket"])))
    assert answer.code == ("MalformedPolicy" if dialect is AWS else "")
    for target in ("/records/k", "/records"):
        assert (await client("GET", target)).status == (200 if dialect is AWS else 403)


@BOTH
async def test_a_bucket_tells_its_usage_to_those_who_ask_for_it(client, dialect):
    await client("PUT", "/records/k", b"four")
    answer = await client("HEAD", "/records?read-stats=true")
    told = [answer.headers.get(f"x-rgw-{name}") for name in ("object-count", "bytes-used")]
    assert told == ([None, None] if dialect is AWS else ["1", "4"])


@BOTH
async def test_nobody_sees_an_empty_list_where_anybody_may_be_let_in_or_is_refused(shared, dialect):
    answer = await speak(shared.app, "GET", "/", [("host", HOST)])
    assert (answer.status, answer.code) == ((403, "AccessDenied") if dialect is AWS else (200, ""))
    assert dialect is AWS or answer.texts("Buckets/Bucket") == []


@BOTH
async def test_nobody_is_refused_on_the_platform_whatever_the_dialect(door, dialect):
    assert (await speak(door.app, "GET", "/", [("host", HOST)])).code == "AccessDenied"


@BOTH
async def test_whoever_confirms_it_shuts_himself_out_and_the_other_dialect_is_the_way_back(door, client, dialect):
    verbs = ["s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"]
    body = policy(statement("Deny", verbs, Resource=["arn:aws:s3:::records", "arn:aws:s3:::records/*"]))
    confirmed = {"x-amz-confirm-remove-self-bucket-access": "true"}
    assert (await client("PUT", "/records?policy", body)).status == 204
    assert (await client("GET", "/records?policy")).status == 200  # not confirmed: nobody locks himself out
    assert (await client("PUT", "/records?policy", body, confirmed)).status == 204
    for method in ("GET", "DELETE"):
        answer = await client(method, "/records?policy")
        assert (answer.code == "AccessDenied") is (dialect is CEPH)
        if answer.code:
            assert door.audit.entries[-1].outcome.value == "denied"
    door.dialect = AWS
    door.__post_init__()  # as after a restart
    assert (await door.client()("DELETE", "/records?policy")).status == 204


@BOTH
async def test_a_confirmation_ends_with_its_policy(door, client, dialect):
    confirmed = {"x-amz-confirm-remove-self-bucket-access": "true"}
    harmless = policy(statement("Deny", "s3:PutObject", Resource="arn:aws:s3:::records/closed/*"))
    harmful = policy(statement("Deny", "s3:*", Resource="arn:aws:s3:::records"))
    assert (await client("PUT", "/records?policy", harmless, confirmed)).status == 204
    assert (await client("PUT", "/records?policy", harmful)).status == 204
    assert (await client("DELETE", "/records?policy")).status == 204
    assert (await client("PUT", "/records?policy", harmful)).status == 204
    assert (await client("GET", "/records?policy")).body == harmful


@BOTH
async def test_where_policies_let_in_the_one_of_the_target_lets_in_the_log_service(shared, dialect):
    client, refused = shared.client(), "AccessDenied" if dialect is CEPH else "InvalidTargetBucketForLogging"
    put = ("PUT", "/records?logging", logging_to("logs"))
    assert (await client(*put)).code == refused
    for wrong in (
        statement(Principal={"AWS": "*"}, Resource="arn:aws:s3:::logs/*"),
        let_in_the_log_service(source="kaboom"),
        let_in_the_log_service(account="kaboom"),
        let_in_the_log_service(resource="logs/kaboom"),
    ):
        assert (await client("PUT", "/logs?policy", policy(wrong))).status == 204
        assert (await client(*put)).code == refused
    assert (await client("PUT", "/logs?policy", policy(let_in_the_log_service()))).status == 204
    assert (await client(*put)).status == 200
    denied = policy(let_in_the_log_service(), statement("Deny", Resource="arn:aws:s3:::logs/*"))
    assert (await client("PUT", "/logs?policy", denied)).status == 204
    assert (await client(*put)).code == refused


@BOTH
async def test_the_owner_alone_sets_a_log_whatever_a_policy_says(shared, dialect):
    client, guest = shared.client(), shared.client(shared.ring.add(machine("guest")))
    everything = statement(action="s3:*", Resource=["arn:aws:s3:::records", "arn:aws:s3:::records/*"])
    await client("PUT", "/records?policy", policy(everything))
    assert (await guest("GET", "/records?logging")).status == 200
    for body in (logging_to("logs"), b"<BucketLoggingStatus/>"):
        assert (await guest("PUT", "/records?logging", body)).code == "AccessDenied"


@BOTH
async def test_a_log_that_is_listed_for_others_gives_them_its_objects(shared, dialect):
    client, guest = shared.client(), shared.client(shared.ring.add(machine("guest")))
    await client("PUT", "/logs?policy", policy(let_in_the_log_service()))
    kind = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
    grant = "<Grant><Grantee {}><ID>{}</ID></Grantee><Permission>READ</Permission></Grant>"
    listed = f"<TargetGrants>{grant.format(kind, 'mac_guest')}</TargetGrants>".encode()
    body = logging_to("logs").replace(b"<TargetPrefix>", listed + b"<TargetPrefix>")
    unknown = body.replace(b"mac_guest", b"mac_unknown")
    assert (await client("PUT", "/records?logging", unknown)).code == "InvalidArgument"
    assert (await client("PUT", "/records?logging", body)).status == 200
    shown = await client("GET", "/records?logging")
    assert shown.texts("LoggingEnabled/TargetGrants/Grant/Permission") == ["READ"]
    await client("GET", "/records/none")
    await shared.db.bookkeep(Bookkeeping.ACCESS_LINE, lambda tx: None)  # every line is in the database
    await shared.objects.access_logs.write(operation())
    (name,) = (await client("GET", "/logs?list-type=2")).texts("Contents/Key")
    assert b"REST.GET.OBJECT" in (await guest("GET", f"/logs/{name}")).body
    stranger = shared.client(shared.ring.add(machine("stranger")))
    assert (await stranger("GET", f"/logs/{name}")).code == "AccessDenied"


@BOTH
async def test_a_target_is_any_bucket_or_one_that_is_neither_logged_nor_encrypted_nor_paid_for(door, client, dialect):
    refused = "" if dialect is AWS else "InvalidArgument"
    rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
    for name in ("logged", "encrypted", "paid", "plain"):
        assert (await client("PUT", f"/{name}")).status == 200
    await client("PUT", "/logged?logging", logging_to("plain"))
    encrypted = f"<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>".encode()
    assert (await client("PUT", "/encrypted?encryption", encrypted)).status == 200
    assert (await client("PUT", "/paid?requestPayment", paid_by("Requester"))).status == 200
    for target in ("logged", "encrypted", "paid", "records"):
        assert (await client("PUT", "/records?logging", logging_to(target))).code == refused
    missing = "InvalidTargetBucketForLogging" if dialect is AWS else "NoSuchKey"
    assert (await client("PUT", "/records?logging", logging_to("nowhere"))).code == missing
    assert (await client("PUT", "/records?logging", logging_to("plain"))).status == 200


def paid_by(payer):
    return f"<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>".encode()


@pytest.mark.parametrize("dialect", [AWS], ids=["aws"])
async def test_where_readers_would_pay_others_than_the_owner_say_that_they_know(door, client, dialect):
    colleague = machine("colleague")
    door.rights.give(colleague, "*")
    other = door.client(door.ring.add(colleague))
    await client("PUT", "/records/k", b"x")
    assert (await client("GET", "/records?requestPayment")).texts("Payer") == ["BucketOwner"]
    assert (await client("PUT", "/records?requestPayment", paid_by("Nobody"))).code == "MalformedXML"
    assert (await client("PUT", "/records?requestPayment", paid_by("Requester"))).status == 200
    assert (await other("GET", "/records/k")).code == "AccessDenied"
    assert door.audit.entries[-1].outcome.value == "denied"
    assert (await other("GET", "/records/k", headers={"x-amz-request-payer": "requester"})).body == b"x"
    assert (await client("GET", "/records/k")).body == b"x"
    assert (await client("PUT", "/records?requestPayment", paid_by("BucketOwner"))).status == 200
    assert (await other("GET", "/records/k")).body == b"x"


@BOTH
async def test_a_signature_for_iam_names_our_region_or_none_and_never_another(shared, dialect):
    key = shared.owner_key
    shared.accounts.roots = {shared.owner.id}
    iam = QueryClient(shared.client(key), service="iam", version="2010-05-08")
    for region, expected in (("", 200 if dialect is CEPH else 403), ("us-west-9", 403), ("eu-test-1", 200)):
        assert (await iam("GetUser", region=region)).status == expected, region
