"""CORS, tags and life cycle rules of buckets over S3."""

import pytest

from simulators.s3_client import HOST, speak
from simulators.s3_door import open_s3_door


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


def cors(*rules):
    return (
        f"<CORSConfiguration>{''.join(f'<CORSRule>{rule}</CORSRule>' for rule in rules)}</CORSConfiguration>".encode()
    )


RULE = (
    "<AllowedOrigin>https://*.hospital.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
    "<AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
    "<MaxAgeSeconds>60</MaxAgeSeconds>"
)


async def preflight(
    door, origin="https://pacs.hospital.example", method="PUT", headers="x-amz-date", target="/records/k"
):
    asked = [("host", HOST), ("origin", origin), ("access-control-request-method", method)]
    return await speak(door.app, "OPTIONS", target, [*asked, ("access-control-request-headers", headers)])


async def test_a_browser_is_told_what_its_page_may_do(door, client):
    assert (await client("GET", "/records?cors")).code == "NoSuchCORSConfiguration"
    assert (await client("PUT", "/records?cors", cors(RULE))).status == 200
    assert (await client("GET", "/records?cors")).texts("CORSRule/AllowedMethod") == ["GET", "PUT"]
    answer = await preflight(door)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://pacs.hospital.example"
    assert answer.headers["access-control-allow-headers"] == "x-amz-date"
    assert answer.headers["access-control-max-age"] == "60"
    assert door.audit.entries[-1].action == "objects.request.preflight"
    for refused in (
        await preflight(door, origin="https://evil.example"),
        await preflight(door, method="DELETE"),
        await preflight(door, headers="x-amz-date, cookie"),
        await preflight(door, target="/none/k"),
    ):
        assert (refused.status, refused.code) == (403, "AccessForbidden")
    await client("DELETE", "/records?cors")
    assert (await preflight(door)).status == 403


async def test_cors_opens_nothing_it_only_lets_the_page_see_the_answer(door, client):
    await client("PUT", "/records?cors", cors(RULE))
    origin = {"origin": "https://pacs.hospital.example"}
    written = await client("PUT", "/records/k", b"x", origin)
    assert written.headers["access-control-expose-headers"] == "ETag"
    nobody = await speak(door.app, "GET", "/records/k", [("host", HOST), *origin.items()])
    assert (nobody.status, nobody.code) == (403, "AccessDenied")
    assert "access-control-allow-origin" not in (await client("GET", "/records/k")).headers


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (cors(), "MalformedXML"),
        (cors("<AllowedOrigin>*</AllowedOrigin>"), "MalformedXML"),
        (cors("<AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod>"), "InvalidRequest"),
        (cors("<AllowedOrigin>*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"), "InvalidRequest"),
        (cors(RULE.replace("60", "long")), "MalformedXML"),
        (cors(*[RULE] * 101), "MalformedXML"),
    ],
)
async def test_cors_rules_that_mean_nothing_are_refused(client, body, code):
    assert (await client("PUT", "/records?cors", body)).code == code


async def test_a_bucket_has_tags(client):
    def body(*tags):
        inner = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
        return f"<Tagging><TagSet>{inner}</TagSet></Tagging>".encode()

    assert (await client("GET", "/records?tagging")).code == "NoSuchTagSet"
    assert (await client("PUT", "/records?tagging", body(("ward", "4"), ("study", "x")))).status == 204
    assert (await client("GET", "/records?tagging")).texts("TagSet/Tag/Key") == ["study", "ward"]
    assert (await client("PUT", "/records?tagging", body(*((str(n), "") for n in range(51))))).code == "InvalidTag"
    assert (await client("DELETE", "/records?tagging")).status == 204
    assert (await client("GET", "/records?tagging")).code == "NoSuchTagSet"


def rules(*inner):
    lines = "".join(f"<Rule>{each}</Rule>" for each in inner)
    return f"<LifecycleConfiguration>{lines}</LifecycleConfiguration>".encode()


ENABLED = "<Status>Enabled</Status>"
DAYS = "<Expiration><Days>3</Days></Expiration>"


async def test_rules_are_kept_shown_and_told_with_the_objects_they_concern(client):
    assert (await client("GET", "/records?lifecycle")).code == "NoSuchLifecycleConfiguration"
    tag = "<Filter><And><Prefix>tmp/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>"
    body = rules(
        f"<ID>r</ID>{tag}{ENABLED}{DAYS}",
        f"<Prefix>up/</Prefix>{ENABLED}<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
    )
    assert (await client("PUT", "/records?lifecycle", body)).status == 200
    shown = await client("GET", "/records?lifecycle")
    assert shown.texts("Rule/Filter/And/Tag/Key") == ["a"]
    assert shown.texts("Rule/AbortIncompleteMultipartUpload/DaysAfterInitiation") == ["7"]
    assert all(shown.texts("Rule/ID"))
    written = await client("PUT", "/records/tmp/k", b"x", {"x-amz-tagging": "a=b"})
    assert 'rule-id="r"' in written.headers["x-amz-expiration"]
    assert 'rule-id="r"' in (await client("HEAD", "/records/tmp/k")).headers["x-amz-expiration"]
    assert "x-amz-expiration" not in (await client("PUT", "/records/tmp/other", b"x")).headers
    assert (await client("DELETE", "/records?lifecycle")).status == 204


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        (f"{DAYS}", "MalformedXML"),
        (f"<Status>on</Status>{DAYS}", "MalformedXML"),
        (f"{ENABLED}", "InvalidRequest"),
        (f"{ENABLED}<Expiration><Days>0</Days></Expiration>", "InvalidArgument"),
        (f"{ENABLED}<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>", "MalformedXML"),
        (f"{ENABLED}<Expiration><Date>20300101</Date></Expiration>", "InvalidArgument"),
        (f"{ENABLED}<Expiration><Date>2030-01-01T10:00:00Z</Date></Expiration>", "InvalidArgument"),
        (f"<ID>{'x' * 256}</ID>{ENABLED}{DAYS}", "InvalidArgument"),
        (
            f"{ENABLED}{DAYS}<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>",
            "InvalidStorageClass",
        ),
        (
            f"{ENABLED}<NoncurrentVersionExpiration><NoncurrentDays>x</NoncurrentDays></NoncurrentVersionExpiration>",
            "InvalidArgument",
        ),
    ],
)
async def test_rules_that_mean_nothing_are_refused(client, inner, code):
    assert (await client("PUT", "/records?lifecycle", rules(inner))).code == code
    assert (
        await client("PUT", "/records?lifecycle", rules(*[f"<ID>same</ID>{ENABLED}{DAYS}"] * 2))
    ).code == "InvalidArgument"
