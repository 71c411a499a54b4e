"""ID tokens exchanged for temporary keys: ours, fresh, of a tool that may, once, and ended with the session (issue 3)."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from nexus.iam.model import Role
from nexus.iam.oidc.model import Scope
from nexus.iam.requests.forms import ById
from nexus.iam.requests.rights import ListGrants
from nexus.kernel.clock import MINUTE, SECOND
from simulators.issuer import ISSUER, MemorySigner, kid_of
from simulators.s3_client import QueryClient, S3Client
from simulators.s3_door import REGION, SITE
from simulators.s3_people import open_with_people, settle
from simulators.sts import acting, allow, code_of

OBJECT = "/records/k"
ROLE = f"arn:aws:iam::{SITE}:role/purpose/care/data_steward"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        await settle(opened)
        whole = opened.client(await opened.key(opened.steward))
        assert (await whole("PUT", "/records")).status == 200
        assert (await whole("PUT", OBJECT, b"hello")).status == 200
        await opened.platform.sign_in(opened.ada)
        yield opened


@pytest.fixture
async def tool(door):
    return await door.issuer.tool(door.ada, name="Notebooks")


async def token_of(door, tool, scope="openid storage"):
    return (await door.issuer.sign_in(tool, door.steward, scope=scope))["id_token"]


async def exchange(door, token, role=ROLE, **more):
    nobody = QueryClient(S3Client(door.app, "x", "x", door.platform.clock, REGION))
    fields = {"RoleArn": role, "RoleSessionName": "notebook", "WebIdentityToken": token, **more}
    return await nobody("AssumeRoleWithWebIdentity", signed=False, **fields)


async def test_a_tool_that_may_exchanges_a_persons_token_for_keys_of_hers(door, tool):
    answer = await exchange(door, await token_of(door, tool), Policy=json.dumps(allow("s3:GetObject")))
    assert answer.texts(".//SubjectFromWebIdentityToken") == [door.steward.id]
    assert (answer.texts(".//Audience"), answer.texts(".//Provider")) == ([tool.id], [ISSUER])
    client = acting(door, answer)
    assert (await client("GET", OBJECT)).body == b"hello"
    assert (await client("PUT", OBJECT, b"x")).status == 403
    (made,) = door.platform.entries("iam.temporary-key.create")
    assert (made.operation.actor.id, made.details["parent"]) == (door.steward.id, door.steward.actor.session)


async def test_the_keys_end_with_the_session(door, tool):
    client = acting(door, await exchange(door, await token_of(door, tool)))
    assert (await client("GET", OBJECT)).status == 200
    await door.platform.call("iam.session.end", door.platform.op(door.steward), ById(id=door.steward.actor.session))
    assert (await client("GET", OBJECT)).code == "ExpiredToken"


async def test_a_token_is_exchanged_once(door, tool):
    token = await token_of(door, tool)
    assert (await exchange(door, token)).status == 200
    assert (await exchange(door, token)).status == 403
    assert [e.outcome.value for e in door.platform.entries("iam.temporary-key.create")] == ["allowed", "denied"]


async def test_the_token_of_a_tool_that_may_not_is_worth_nothing(door, tool):
    """A tool that people only sign in to does not act on objects in their names."""
    assert code_of(await exchange(door, await token_of(door, tool, "openid profile"))) == "InvalidIdentityToken"
    other = await door.issuer.tool(door.ada, name="Wiki", scopes=(Scope.OPENID, Scope.PROFILE))
    assert code_of(await exchange(door, await token_of(door, other, "openid profile"))) == "InvalidIdentityToken"


async def test_what_the_tool_lost_since_is_lost(door, tool):
    given = await door.issuer.sign_in(tool, door.steward, scope="openid storage")
    await door.issuer.post("/oidc/revoke", tool, token=given["access_token"])
    assert code_of(await exchange(door, given["id_token"])) == "InvalidIdentityToken"
    late = await token_of(door, tool)
    door.platform.clock.advance(5 * MINUTE)
    assert code_of(await exchange(door, late)) == "InvalidIdentityToken"
    fresh = await token_of(door, tool)
    await door.platform.call("iam.person.suspend", door.platform.op(door.ada), ById(id=door.steward.id))
    assert code_of(await exchange(door, fresh)) == "InvalidIdentityToken"


async def test_a_role_that_the_tool_asks_for_is_asked_for_again(door):
    tool = await door.issuer.tool(door.ada, name="Notebooks", required_roles=(Role.DATA_STEWARD,))
    token = await token_of(door, tool)
    [grant] = (
        await door.platform.call("iam.role.list", door.platform.op(door.ada), ListGrants(identity=door.steward.id))
    ).grants
    await door.platform.call("iam.role.revoke", door.platform.op(door.ben), ById(id=grant.id))
    assert code_of(await exchange(door, token)) == "InvalidIdentityToken"


async def test_forged_and_foreign_tokens_are_worth_nothing(door, tool):
    genuine = await token_of(door, tool)
    claims = await door.issuer.claims(genuine)
    key = door.issuer.signer._keys[0]
    stranger = MemorySigner()._keys[0]

    def signed(with_key, header=None, **changed):
        about = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(
            {"alg": "ES256", "kid": kid_of(key), "typ": "JWT", **(header or {})}, about, ECKey.import_key(with_key)
        )

    head, body, signature = genuine.split(".")
    now = door.platform.clock.now() // SECOND
    for token in (
        signed(stranger),
        signed(stranger, {"kid": kid_of(stranger)}),
        signed(key, {"typ": "at+jwt"}),
        signed(key, iss="https://elsewhere.test"),
        signed(key, aud="cli_unknown"),
        signed(key, aud=[tool.id]),
        signed(key, sub=door.ada.id),
        signed(key, sid=door.ada.actor.session),
        signed(key, sid=None),
        signed(key, storage=None),
        signed(key, storage="true"),
        signed(key, exp=now),
        signed(key, exp=True),
        signed(key, iat=now + 3_600),
        signed(key, events={"http://schemas.openid.net/event/backchannel-logout": {}}),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        f"eyJhbGciOiJub25lIn0.{body}.",
        "x" * 9_000,
        "",
    ):
        answer = await exchange(door, token)
        assert code_of(answer) in ("InvalidIdentityToken", "MissingParameter"), token[:60]
    assert (await exchange(door, genuine)).status == 200  # the one that all of them were made of


async def test_a_role_must_be_held_and_a_purpose_named(door, tool):
    for role, code in (
        (f"arn:aws:iam::{SITE}:role/data_steward", "ValidationError"),
        (f"arn:aws:iam::{SITE}:role/purpose/care/security_officer", "AccessDenied"),
        ("arn:aws:iam::elsewhere:role/purpose/care/data_steward", "AccessDenied"),
    ):
        answer = await exchange(door, await token_of(door, tool), role=role)
        assert code_of(answer) == code
        assert door.platform.recorder.entries[-1].operation.actor.id == door.steward.id


async def test_a_signature_beside_the_token_is_refused(door, tool):
    key = await door.key(door.steward)
    signed = QueryClient(door.client(key))
    fields = {"RoleArn": ROLE, "RoleSessionName": "notebook", "WebIdentityToken": await token_of(door, tool)}
    assert code_of(await signed("AssumeRoleWithWebIdentity", **fields)) == "ValidationError"
