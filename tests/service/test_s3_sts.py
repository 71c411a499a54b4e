"""Temporary access keys over S3: derived by STS, never more than what they came from, ended with it (issues 3 and 6)."""

import json
from dataclasses import replace

import pytest

from nexus.iam.model import AccessKey, Purpose, Role
from nexus.iam.requests.departures import Deactivate
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.machines import CreateTemporaryKey, RotateAccessKey
from nexus.kernel.clock import DAY, MINUTE, Instant
from nexus.kernel.database import Recorded
from nexus.kernel.errors import Denied, Unauthenticated
from nexus.kernel.operation import Narrowing, Resource
from simulators.s3_client import HOST, QueryClient, speak
from simulators.s3_door import SITE
from simulators.s3_people import open_with_people, settle
from simulators.sts import acting, allow, assume, code_of, credentials, filled_bucket

OBJECT = "/records/in/k"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        await settle(opened)
        yield opened


@pytest.fixture
async def key(door):
    return await filled_bucket(door)


@pytest.fixture
def sts(door, key):
    return QueryClient(door.client(key))


# What works


async def test_the_caller_hears_who_he_is(door, key, sts):
    answer = await sts("GetCallerIdentity")
    assert answer.xml.tag == "GetCallerIdentityResponse"
    told = [answer.texts(f"GetCallerIdentityResult/{name}")[0] for name in ("Arn", "UserId", "Account")]
    assert told == [f"arn:aws:iam::{SITE}:user/{door.steward.id}", door.steward.id, SITE]
    assert answer.texts("ResponseMetadata/RequestId") == [answer.headers["x-amz-request-id"]]
    assumed = QueryClient(acting(door, await assume(sts)))
    answer = await assumed("GetCallerIdentity")
    assert answer.texts(".//Arn") == [f"arn:aws:sts::{SITE}:assumed-role/data_steward/nightly"]
    assert answer.texts(".//UserId") == [f"{door.steward.id}:nightly"]


async def test_a_session_token_and_an_assumed_role_act_for_their_owner(door, key, sts):
    for answer in (await sts("GetSessionToken"), await assume(sts)):
        client = acting(door, answer)
        assert (await client("GET", OBJECT)).body == b"in/k"
        assert (await client("PUT", "/records/new", b"new")).status == 200
        entry = door.platform.recorder.entries[-1]
        assert (entry.operation.actor.id, entry.operation.purpose) == (door.steward.id, "care")
        presigned = await speak(door.app, "GET", client.presign("GET", OBJECT), [("host", HOST)])
        assert presigned.body == b"in/k"


async def test_every_key_that_is_derived_is_recorded_and_no_secret_is(door, key, sts):
    answer = await assume(sts, allow("s3:GetObject"), DurationSeconds=900)
    key_id, secret, token = credentials(answer)
    (entry,) = door.platform.entries("iam.temporary-key.create")
    assert (entry.operation.id, entry.operation.door) == (answer.headers["x-amz-request-id"], "s3")
    assert (entry.details["access_key"], entry.details["parent"]) == (key_id, key.id)
    assert (entry.details["seconds"], entry.details["name"]) == (900, "nightly")
    assert "s3:GetObject" in entry.details["narrowed"] and "data_steward" in entry.details["narrowed"]
    stored = door.platform.db.peek("SELECT * FROM iam_temporary_key", ())
    for confidential in (secret, token):
        assert confidential not in repr(door.platform.recorder.entries)
        assert confidential not in repr(stored) and confidential.encode() not in b"".join(
            value for value in stored if isinstance(value, bytes)
        )


async def test_a_role_leaves_nothing_of_the_other_roles(door):
    """Somebody with two roles on two sites puts one of them down."""
    both = await door.member("gus", Role.DATA_STEWARD)
    await door.platform.grant(door.ada, both.id, Role.DATA_PROVIDER, "site:elsewhere")
    sts = QueryClient(door.client(await door.key(both)))
    whole = sts.s3
    assert (await whole("PUT", "/gus")).status == 200
    assert (await whole("PUT", "/gus/k", b"x")).status == 200
    for role, status in (
        ("data_steward", 200),
        (f"site/{SITE}/data_steward", 200),
        ("data_provider", 403),
        ("site/elsewhere/data_provider", 403),
    ):
        assumed = await assume(sts, role=f"arn:aws:iam::{SITE}:role/{role}")
        assert (await acting(door, assumed)("GET", "/gus/k")).status == status, role
    for role, told in (
        ("security_officer", "AccessDenied"),
        ("site/elsewhere/data_steward", "AccessDenied"),
        ("project/p/data_steward", "AccessDenied"),
        ("nobody", "ValidationError"),
        ("site/a/project/b/data_steward", "ValidationError"),
        ("purpose/fun/data_steward", "ValidationError"),
    ):
        assert code_of(await assume(sts, role=f"arn:aws:iam::{SITE}:role/{role}")) == told, role


async def test_a_role_that_was_put_down_still_forbids_what_it_forbids(door):
    """Duties that conflict: to assume one of two roles does not escape the rule that keeps them apart."""
    platform = door.platform
    pat = await door.member("pat", Role.DATA_STEWARD)
    sts = QueryClient(door.client(await door.key(pat)))
    bucket = (await sts.s3("PUT", "/exports", headers={"x-nexus-kind": "export"})).status
    assert bucket == 200
    before = await sts.s3("GET", "/exports/k")
    answer = await assume(sts)
    # the other role comes by a way that does not ask whether duties conflict
    with platform.db.read() as tx:
        (row,) = tx.all(
            "SELECT starts_at, ends_at, granted_by, granted_at FROM iam_grant WHERE identity = ?", (pat.id,)
        )

    def grant(tx):
        tx.execute(
            "INSERT INTO iam_grant (id, identity, role, scope, starts_at, ends_at, granted_by, granted_at)"
            " VALUES ('grt_x', ?, 'output_checker', ?, ?, ?, ?, ?)",
            (pat.id, f"site:{SITE}", *row),
        )
        return Recorded(None, platform.op(door.ada).allowed("iam.role.grant", Resource("Identity", pat.id)))

    await platform.db.write(grant)
    whole, assumed = [await client("GET", "/exports/k") for client in (sts.s3, acting(door, answer))]
    assert (before.status, whole.status, assumed.status) == (404, 403, 403)


async def test_a_session_policy_leaves_what_it_allows_and_nothing_else(door, sts):
    answer = await assume(
        sts,
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::records/in/*"},
                {
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": "arn:aws:s3:::records",
                    "Condition": {"StringLike": {"s3:prefix": "in/*"}},
                },
                {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::records/in/secret*"},
            ],
        },
    )
    client = acting(door, answer)
    assert (await client("GET", OBJECT)).body == b"in/k"
    assert (await client("GET", "/records?list-type=2&prefix=in%2F")).status == 200
    body = b"<Delete><Object><Key>in/k</Key></Object></Delete>"
    for method, target, headers, sent in (
        ("GET", "/records/out/k", {}, b""),
        ("GET", "/records/in/secret", {}, b""),
        ("GET", "/records?list-type=2", {}, b""),
        ("GET", "/records?list-type=2&prefix=out%2F", {}, b""),
        ("PUT", OBJECT, {}, b"x"),
        ("PUT", OBJECT, {"x-amz-copy-source": "records/out/k"}, b""),
        ("DELETE", OBJECT, {}, b""),
        ("POST", f"{OBJECT}?uploads", {}, b""),
        ("GET", f"{OBJECT}?tagging", {}, b""),
        ("GET", "/records?versioning", {}, b""),
        ("GET", "/", {}, b""),
        ("PUT", "/another", {}, b""),
    ):
        answer = await client(method, target, sent, headers)
        assert answer.status == 403, (method, target)
        assert door.platform.recorder.entries[-1].details["code"] == "objects.session-policy"
    deleted = await client("POST", "/records?delete", body, {"content-md5": "nS+A5iq3BMqKNzBeK8a0yA=="})
    assert deleted.status in (200, 400) and b"<Deleted>" not in deleted.body
    assert (await door.client(await door.key(door.steward))("GET", OBJECT)).status == 200


async def test_headers_that_ask_for_more_need_the_policys_leave_too(door, sts):
    client = acting(door, await assume(sts, allow("s3:PutObject", resource="arn:aws:s3:::records/*")))
    assert (await client("PUT", OBJECT, b"x")).status == 200
    assert (await client("PUT", OBJECT, b"x", {"x-amz-tagging": "a=b"})).status == 403
    client = acting(door, await assume(sts, allow("s3:PutObject*", resource="arn:aws:s3:::records/*")))
    assert (await client("PUT", OBJECT, b"x", {"x-amz-tagging": "a=b"})).status == 200


async def test_a_policy_may_look_at_tags_and_networks(door, sts):
    whole = sts.s3
    assert (await whole("PUT", OBJECT, b"x", {"x-amz-tagging": "kind=open"})).status == 200
    tagged = {"StringEquals": {"s3:ExistingObjectTag/kind": "open"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    client = acting(door, await assume(sts, allow("s3:GetObject", Condition=tagged)))
    assert (await client("GET", OBJECT)).status == 200
    assert (await client("GET", "/records/out/k")).status == 403
    elsewhere = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    client = acting(door, await assume(sts, allow("s3:GetObject", Condition=elsewhere)))
    assert (await client("GET", OBJECT)).status == 403


# What it never is: more


async def test_what_a_key_was_narrowed_to_stays_taken_away(door, key):
    narrow = await door.key(
        door.steward,
        only_prefixes=("records/in/",),
        only_networks=("203.0.113.0/24",),
        only_purposes=(Purpose.CARE,),
    )
    sts = QueryClient(door.client(narrow))
    answer = await assume(sts, allow("s3:*"))
    client = acting(door, answer)
    assert (await client("GET", OBJECT)).status == 200
    assert (await client("GET", "/records/out/k")).status == 403
    assert (await client("GET", OBJECT, headers={"x-nexus-purpose": "research"})).status == 403
    made = door.platform.authenticator.access_key(credentials(answer)[0]).actor.narrowed
    assert (made.prefixes, made.networks, made.purposes) == (("records/in/",), ("203.0.113.0/24",), ("care",))
    research = f"arn:aws:iam::{SITE}:role/purpose/research/data_steward"
    assert code_of(await assume(sts, role=research)) == "AccessDenied"
    elsewhere = await door.key(door.steward, only_networks=("198.51.100.0/24",))
    assert code_of(await assume(QueryClient(door.client(elsewhere)))) == "AccessDenied"


async def test_a_chain_only_narrows_and_ends_with_its_first_link(door, key, sts):
    first = await assume(sts, allow("s3:GetObject", "s3:PutObject"), DurationSeconds=900)
    chained = QueryClient(acting(door, first))
    second = await assume(chained, allow("s3:*"), name="second", DurationSeconds=43_200)
    assert second.texts(".//Expiration") == first.texts(".//Expiration")
    client = acting(door, second)
    assert (await client("GET", OBJECT)).status == 200
    assert (await client("DELETE", OBJECT)).status == 403  # the first policy still counts
    assert code_of(await chained("GetSessionToken")) == "AccessDenied"
    assert code_of(await assume(chained, role=f"arn:aws:iam::{SITE}:role/researcher")) == "AccessDenied"
    third = await assume(QueryClient(client), allow("s3:*"))
    fourth = await assume(QueryClient(acting(door, third)), allow("s3:*"))
    assert code_of(await assume(QueryClient(acting(door, fourth)), allow("s3:*"))) == "ValidationError"
    await door.platform.call("iam.access-key.revoke", door.platform.op(door.steward), ById(id=key.id))
    for answer in (first, second, third, fourth):
        assert (await acting(door, answer)("GET", OBJECT)).code == "ExpiredToken"


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "{",
        "[]",
        json.dumps({"Version": "2012-10-17"}),
        json.dumps(allow("s3:GetObject", Principal="*")),
        json.dumps(allow("s3:GetObject", NotPrincipal={"AWS": "x"})),
        json.dumps(allow("s3:Everything")),
        json.dumps(allow("iam:CreateUser")),
        json.dumps(allow("s3:GetObject", resource="arn:aws:iam::x:user/y")),
        json.dumps(allow("s3:GetObject", resource="records/*")),
        json.dumps(allow("s3:GetObject", Condition={"StringEquals": {"aws:MultiFactorAuthAge": "1"}})),
        json.dumps(allow("s3:GetObject", Condition={"StringSortOf": {"aws:SourceIp": "1"}})),
        json.dumps(allow("s3:GetObject", resource="arn:aws:s3:::${aws:username}/*")),
        json.dumps({**allow("s3:GetObject"), "Unknown": 1}),
        json.dumps(allow("s3:GetObject", resource="arn:aws:s3:::" + "x" * 2_048)),
    ],
)
async def test_a_policy_that_is_not_understood_whole_makes_no_key(door, sts, policy):
    answer = await assume(sts, policy)
    if policy:
        assert code_of(answer) in ("MalformedPolicyDocument", "ValidationError")
        assert door.platform.entries("iam.temporary-key.create")[-1].outcome.value == "failed"
        assert door.platform.db.peek("SELECT count(*) FROM iam_temporary_key", ()) == (0,)
    else:
        assert answer.status == 200  # as if there were none


async def test_a_stored_policy_that_cannot_be_read_leaves_nothing(door, key, sts):
    stale = replace(key.actor, narrowed=Narrowing(policies=('{"Statement": "of another time"}',)))

    class Ring:
        def access_key(self, key_id):
            return AccessKey(key.id, key.secret, stale, key.purpose, key.expires_at)

    door.app._authenticator._access_keys = Ring()
    assert (await sts.s3("GET", OBJECT)).status == 403


# What ends it


async def test_it_ends_at_its_own_date(door, sts):
    client = acting(door, await sts("GetSessionToken", DurationSeconds=900))
    door.platform.clock.advance(15 * MINUTE - 1)
    assert (await client("GET", OBJECT)).status == 200
    door.platform.clock.advance(1)
    answer = await client("GET", OBJECT)
    assert (answer.status, answer.code) == (400, "ExpiredToken")
    assert code_of(await QueryClient(client)("GetCallerIdentity")) == "ExpiredToken"
    await door.platform.service.sweep()
    assert door.platform.db.peek("SELECT count(*) FROM iam_temporary_key", ()) == (0,)


@pytest.mark.parametrize("seconds", ["899", "43201", "0", "-900", "1e3", "٩٠٠٠", "99999999999"])
async def test_it_lasts_a_quarter_of_an_hour_to_twelve_hours(sts, seconds):
    assert code_of(await sts("GetSessionToken", DurationSeconds=seconds)) == "ValidationError"


async def revoke(door, key):
    await door.platform.call("iam.access-key.revoke", door.platform.op(door.steward), ById(id=key.id))


async def rotate(door, key):
    request = RotateAccessKey(id=key.id, expires_at=Instant(door.platform.clock.now() + DAY), overlap_minutes=0)
    await door.platform.call("iam.access-key.rotate", door.platform.op(door.steward), request)


async def suspend(door, key):
    await door.platform.call("iam.person.suspend", door.platform.op(door.ada), ById(id=door.steward.id))


async def depart(door, key):
    await door.platform.call("iam.person.deactivate", door.platform.op(door.ada), Deactivate(id=door.steward.id))


async def take_the_role(door, key):
    grants = door.platform.db.peek("SELECT id FROM iam_grant WHERE identity = ?", (door.steward.id,))
    await door.platform.call("iam.role.revoke", door.platform.op(door.ada), ById(id=grants[0]))


@pytest.mark.parametrize("how", [revoke, rotate, suspend, depart, take_the_role])
async def test_it_ends_with_what_it_came_from_at_the_next_request(door, key, sts, how):
    client = acting(door, await assume(sts))
    assert (await client("GET", OBJECT)).status == 200
    await how(door, key)
    answer = await client("GET", OBJECT)
    assert answer.code == ("AccessDenied" if how is take_the_role else "ExpiredToken")
    assert code_of(await assume(sts)) in ("AccessDenied", "InvalidClientTokenId")


async def test_one_derived_from_a_session_ends_with_the_session(door, key):
    platform, rita = door.platform, door.steward
    request = CreateTemporaryKey(
        identity=rita.id, purpose=Purpose.CARE, minutes=120, role="data_steward", label="notebook"
    )
    made = await platform.call("iam.temporary-key.create", platform.op(rita), request)
    found = platform.authenticator.access_key(made.id)
    client = door.client(found, made.session_token.reveal().decode())
    for _ in range(3):  # using the key is using the session, which would have ended half an hour after its last use
        platform.clock.advance(20 * MINUTE)
        assert (await client("GET", OBJECT)).status == 200
        assert (await client("PUT", OBJECT, b"in/k")).status == 200  # the note of the use is written before, or with it
    listed = await platform.call("iam.temporary-key.list", platform.op(rita), OfIdentity(identity=rita.id))
    (view,) = listed.temporary_keys
    assert (view.id, view.parent, view.role, view.label) == (made.id, rita.actor.session, "data_steward", "notebook")
    await platform.call("iam.session.end", platform.op(rita), ById(id=rita.actor.session))
    assert (await client("GET", OBJECT)).code == "ExpiredToken"
    with pytest.raises(Unauthenticated):
        await platform.call("iam.temporary-key.create", platform.op(rita), request)


async def test_one_is_derived_for_oneself_and_ended_by_its_owner_or_an_officer(door, key, sts):
    platform, rita = door.platform, door.steward
    other = await door.member("tom", Role.DATA_STEWARD)
    request = CreateTemporaryKey(identity=rita.id, purpose=Purpose.CARE)
    with pytest.raises(Denied):
        await platform.call("iam.temporary-key.create", platform.op(other), request)
    with pytest.raises(Denied):  # a key is no session
        await platform.call("iam.temporary-key.create", platform.op(key.actor), request)
    key_id, _, _ = credentials(await assume(sts))
    with pytest.raises(Denied):
        await platform.call("iam.temporary-key.end", platform.op(other), ById(id=key_id))
    await platform.sign_in(door.ada)
    await platform.call("iam.temporary-key.end", platform.op(door.ada), ById(id=key_id))
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(key_id)
