"""Attacks on the issuer: clients that are not who they say, tokens that come back, signatures that prove nothing."""

import hmac
import json
import logging
from base64 import urlsafe_b64encode
from itertools import product

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from nexus.iam.oidc.model import ClientAuthentication
from nexus.kernel.clock import MINUTE, SECOND
from nexus.kernel.errors import Invalid
from simulators.issuer import ISSUER, IssuerAtWork, Tool, open_issuer
from simulators.people import Human

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


async def at_work(issuer: IssuerAtWork, **more) -> tuple[Tool, Human]:
    """A registered tool, and somebody signed in in the browser."""
    ada, _ = await issuer.platform.found("ada", "ben")
    issuer.browser.human = ada
    return await issuer.tool(ada, **more), ada


# Clients that are not who they say


async def test_strangers_learn_nothing_from_the_token_endpoint(issuer: IssuerAtWork):
    """No enumeration: unknown client, wrong secret, no secret, public instead of confidential: one answer."""
    tool, ada = await at_work(issuer)
    code = await issuer.code(tool, ada)
    imposters = [Tool("cli_unknown", "x"), Tool(tool.id, "wrong"), Tool("cli_unknown"), Tool(tool.id)]
    answers = [await issuer.exchange(imposter, code, code_verifier=tool.verifier) for imposter in imposters]
    assert {answer.json()["error"] for answer in answers} == {"invalid_client"}
    assert answers[0].text == answers[1].text and answers[2].text == answers[3].text
    assert [answer.status_code for answer in answers] == [401, 401, 400, 400]
    assert (await issuer.exchange(tool, code)).status_code == 200  # the code was not spent by strangers


async def test_a_client_authenticates_in_one_way_only(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer)
    twice = await issuer.post("/oidc/introspect", tool, token="x", client_secret=tool.secret, client_id=tool.id)
    assert twice.json()["error"] == "invalid_request"
    other = await issuer.post("/oidc/introspect", tool, token="x", client_id="cli_other")
    assert (other.status_code, other.json()["error"]) == (401, "invalid_client")
    for header in ("Basic", "Basic !!!", "Basic w6k6eA==", "Bearer x", "Basic Og"):
        answer = await issuer.http.post("/oidc/introspect", data={"token": "x"}, headers={"Authorization": header})
        assert answer.json()["error"] == "invalid_client", header


async def test_strangers_and_public_clients_introspect_nothing(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    token = (await issuer.sign_in(tool, ada))["access_token"]
    assert (await issuer.post("/oidc/introspect", None, token=token)).json()["error"] == "invalid_client"
    assert await issuer.introspect(await issuer.tool(ada, name="Other"), token) == {"active": False}
    public = await issuer.public_tool(ada)
    own = (await issuer.sign_in(public, ada))["access_token"]
    assert (await issuer.post("/oidc/introspect", public, token=own, client_id=public.id)).json() == {"active": False}


async def test_nobody_revokes_the_token_of_another_client(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    token = (await issuer.sign_in(tool, ada))["access_token"]
    other = await issuer.tool(ada, name="Other")
    assert (await issuer.post("/oidc/revoke", other, token=token)).json()["error"] == "invalid_grant"
    assert (await issuer.introspect(tool, token))["active"] is True


# Refresh tokens


async def test_a_refresh_token_used_twice_ends_the_whole_family(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    first = await issuer.sign_in(tool, ada)
    second = (await issuer.refresh(tool, first["refresh_token"])).json()
    assert (await issuer.refresh(tool, first["refresh_token"])).json()["error"] == "invalid_grant"
    assert await issuer.introspect(tool, second["access_token"]) == {"active": False}
    assert (await issuer.refresh(tool, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert "refresh token used again" in {e.details.get("reason") for e in issuer.platform.entries("iam.oidc.token")}


async def test_a_refresh_token_at_another_client_ends_the_family(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    tokens = await issuer.sign_in(tool, ada)
    thief = await issuer.tool(ada, name="Thief")
    assert (await issuer.refresh(thief, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}


async def test_tokens_of_one_kind_do_not_pass_for_another(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    tokens = await issuer.sign_in(tool, ada, scope="openid")
    assert (await issuer.refresh(tool, tokens["access_token"])).json()["error"] == "invalid_grant"
    for wrong in (tokens["refresh_token"], tokens["id_token"], ada.token, "", "x" * 500):
        about = await issuer.http.get("/oidc/userinfo", headers={"Authorization": f"Bearer {wrong}"})
        assert about.status_code == 401 and "invalid_token" in about.headers["www-authenticate"]


async def test_a_refresh_never_widens_what_was_agreed_to(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    tokens = await issuer.sign_in(tool, ada, scope="openid")
    wider = await issuer.refresh(tool, tokens["refresh_token"], scope="openid email")
    assert wider.json()["error"] == "invalid_scope"


# Signatures that prove nothing


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


async def _key_client(issuer: IssuerAtWork) -> tuple[Tool, ECKey]:
    ada, _ = await issuer.platform.found("ada", "ben")
    issuer.browser.human = ada
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    public = KeySet([key]).as_dict(private=False)
    tool = await issuer.tool(ada, authentication=ClientAuthentication.PRIVATE_KEY, jwks=json.dumps(public))
    return tool, key


def _claims(issuer: IssuerAtWork, tool: Tool, **more):
    now = issuer.platform.clock.now() // SECOND
    own = {"iss": tool.id, "sub": tool.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": f"j{len(more)}{now}"}
    return {name: value for name, value in {**own, **more}.items() if value is not None}


async def _present(issuer: IssuerAtWork, assertion: str):
    fields = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
    return await issuer.post("/oidc/introspect", None, token="x", **fields)


async def test_a_client_proves_itself_with_its_key_once_for_each_assertion(issuer: IssuerAtWork):
    tool, key = await _key_client(issuer)
    signed = jwt.encode({"alg": "ES256", "kid": "k1"}, _claims(issuer, tool), key)
    assert (await _present(issuer, signed)).json() == {"active": False}
    assert (await _present(issuer, signed)).json()["error"] == "invalid_client"  # replay


async def test_algorithm_confusion_proves_nothing(issuer: IssuerAtWork):
    """`none`, and HS256 with the public key as secret, in the forms that an attacker has it."""
    tool, key = await _key_client(issuer)
    claims = _claims(issuer, tool)
    head, body, _ = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, key).split(".")
    none = _base64url(b'{"alg":"none","kid":"k1"}')
    forged = [f"{none}.{body}.", f"{none}.{body}.AAAA", f"{head}.{body}.", f"{head}.{body}.{'A' * 86}"]
    hs256 = _base64url(b'{"alg":"HS256","kid":"k1"}')
    for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()):
        mac = hmac.digest(secret, f"{hs256}.{body}".encode(), "sha256")
        forged.append(f"{hs256}.{body}.{_base64url(mac)}")
    other = ECKey.generate_key("P-256", {"kid": "k1"})
    forged.append(jwt.encode({"alg": "ES256", "kid": "k1"}, claims, other))
    forged.append(jwt.encode({"alg": "ES256", "jwk": other.as_dict(private=False)}, claims, other))
    for assertion in (*forged, "", "a.b.c", "....", "x" * 9_000):
        assert (await _present(issuer, assertion)).json()["error"] in {"invalid_client"}, assertion[:80]


async def test_an_assertion_for_somebody_else_or_another_time_proves_nothing(issuer: IssuerAtWork):
    """Wrong audience, wrong issuer, expired, too long, from the future, without an id; a skewed clock still works."""
    tool, key = await _key_client(issuer)
    now = issuer.platform.clock.now() // SECOND

    def signed(**more):
        return jwt.encode({"alg": "ES256", "kid": "k1"}, _claims(issuer, tool, **more), key)

    for more in (
        {"aud": "https://evil.test"},
        {"aud": None},
        {"iss": "cli_other"},
        {"sub": "cli_other"},
        {"exp": now - 31},
        {"exp": now + 3600},
        {"exp": None},
        {"iat": now + 31},
        {"nbf": now + 31},
        {"jti": None},
        {"jti": 7},
    ):
        assert (await _present(issuer, signed(**more))).json()["error"] == "invalid_client", more
    for more in ({"exp": now - 29, "jti": "late"}, {"iat": now + 29, "exp": now + 89, "jti": "early"}):
        assert (await _present(issuer, signed(**more))).json() == {"active": False}, more


async def test_only_public_keys_are_registered(issuer: IssuerAtWork):
    ada, _ = await issuer.platform.found("ada", "ben")
    private = json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]})
    symmetric = json.dumps({"keys": [{"kty": "oct", "k": "A" * 43}]})
    for jwks in ("", "{}", "[]", "nonsense", '{"keys":[]}', symmetric, private):
        with pytest.raises(Invalid):
            await issuer.register(ada, authentication=ClientAuthentication.PRIVATE_KEY, jwks=jwks)


# Hostile input, and what logs hold


async def test_hostile_forms_end_in_a_precise_answer(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = [
        b"\xff\xfe",
        b"token=%ff%fe",
        b"a=1&a=2",
        b"x=" + b"y" * 40_000,
        b"&".join(b"f%d=1" % n for n in range(99)),
    ]
    for body, path in product(bodies, ("/oidc/token", "/oidc/introspect", "/oidc/revoke")):
        answer = await issuer.http.post(path, content=body, headers={**form, **tool.basic})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (path, body[:20])
    for fields in ({}, {"grant_type": "password"}, {"grant_type": 'x"\\'}, {"grant_type": "client_credentials"}):
        answer = await issuer.post("/oidc/token", tool, **fields)
        assert answer.status_code == 400 and answer.json()["error"] in {"unsupported_grant_type", "invalid_request"}
    assert (await issuer.http.post("/oidc/token", json={"grant_type": "x"})).json()["error"] == "invalid_request"


async def test_no_library_logs_a_token(issuer: IssuerAtWork, caplog):
    caplog.set_level(logging.DEBUG)
    tool, ada = await at_work(issuer)
    code = await issuer.code(tool, ada)
    tokens = (await issuer.exchange(tool, code)).json()
    more = (await issuer.refresh(tool, tokens["refresh_token"])).json()
    issuer.platform.clock.advance(MINUTE)
    for told in (
        code,
        tool.secret,
        *(answer[n] for answer in (tokens, more) for n in ("access_token", "refresh_token")),
    ):
        assert told not in caplog.text
    assert "Issue token" in caplog.text
