"""The issuer at level 3 of OWASP ASVS: requests that are pushed, tokens that are bound to a key, clients with a key pair."""

import httpx
import pytest
from joserfc.jwk import ECKey

from nexus.iam.oidc.model import PUSHED_VALID
from nexus.kernel.clock import SECOND
from nexus.kernel.errors import Invalid
from simulators.issuer import CALLBACK, ISSUER, IssuerAtWork, Tool, open_issuer, sent_back
from simulators.key_holder import KeyHolder
from simulators.people import Human
from simulators.strict_tool import StrictTool, agree, arrive, strict_tool

ABOUT = f"{ISSUER}/oidc/userinfo"


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


@pytest.fixture
def strict(tmp_path):
    with open_issuer(tmp_path, strict=True) as opened:
        yield opened


async def at_work(issuer: IssuerAtWork, **more) -> tuple[Tool, Human]:
    """A registered tool, and somebody signed in in the browser."""
    ada, _ = await issuer.platform.found("ada", "ben")
    issuer.browser.human = ada
    return await issuer.tool(ada, **more), ada


async def push(issuer: IssuerAtWork, tool: Tool, **more: str | None) -> str:
    answer = await issuer.post("/oidc/par", tool, **tool.query(**more))
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == PUSHED_VALID // SECOND and answer.headers["cache-control"] == "no-store"
    return answer.json()["request_uri"]


def refused(answer: httpx.Response) -> str:
    """The error on a page of ours: nobody was sent anywhere."""
    assert answer.status_code == 400 and answer.json()["page"] == "refusal", answer.text
    return answer.json()["error"]


# Pushed requests


async def test_a_pushed_request_becomes_one_code(issuer: IssuerAtWork):
    """It stays while the person signs in and reads what is asked; after the code, the reference stands for nothing."""
    tool, ada = await at_work(issuer)
    reference, issuer.browser.human = await push(issuer, tool), None
    assert reference.startswith("urn:ietf:params:oauth:request_uri:") and tool.callback not in reference
    to_sign_in = await arrive(issuer, tool.id, reference)
    assert to_sign_in.headers["location"].startswith("/sign-in?")
    issuer.browser.human = ada
    asked = await arrive(issuer, tool.id, reference)
    assert (asked.json()["page"], asked.json()["scopes"]) == ("consent", ["openid", "profile"])
    sent = sent_back(await agree(issuer, tool.id, reference))
    assert (sent["address"], sent["state"]) == (CALLBACK, "state-1")
    for again in (await arrive(issuer, tool.id, reference), await agree(issuer, tool.id, reference)):
        assert refused(again) == "invalid_request_uri"
    tokens = (await issuer.exchange(tool, sent["code"])).json()
    assert (await issuer.claims(tokens["id_token"]))["nonce"] == "nonce-1"
    assert "used" in repr(issuer.platform.entries("iam.oidc.authorize")[-1])


async def test_a_reference_ends_soon_and_serves_its_client_only(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    other, reference = await issuer.tool(ada, name="Other"), await push(issuer, tool)
    for client, brought in (
        (other.id, reference),
        ("", reference),
        (tool.id, reference[:-1]),
        (tool.id, reference + "x"),
    ):
        assert refused(await agree(issuer, client, brought)) == "invalid_request_uri", client
    issuer.platform.clock.advance(PUSHED_VALID)
    assert refused(await agree(issuer, tool.id, reference)) == "invalid_request_uri"
    await issuer.platform.service.sweep()
    with issuer.platform.db.read() as tx:
        assert tx.all("SELECT * FROM iam_oidc_pushed") == []


async def test_a_no_uses_a_reference_up(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer)
    reference = await push(issuer, tool)
    assert sent_back(await agree(issuer, tool.id, reference, "no"))["error"] == "access_denied"
    assert refused(await agree(issuer, tool.id, reference)) == "invalid_request_uri"


async def test_nothing_that_comes_along_with_a_reference_counts(issuer: IssuerAtWork):
    """Parameter injection: what the client pushed is what is asked, in the browser as well."""
    tool, _ = await at_work(issuer, redirect_uris=(CALLBACK, "https://tool.test/other"))
    reference = await push(issuer, tool)
    more = {
        "redirect_uri": "https://tool.test/other",
        "scope": "openid email",
        "state": "x",
        "response_mode": "fragment",
    }
    assert (await arrive(issuer, tool.id, reference, **more)).json()["scopes"] == ["openid", "profile"]
    sent = sent_back(await agree(issuer, tool.id, reference, **more))
    assert (sent["address"], sent["state"]) == (CALLBACK, "state-1")


async def test_what_would_be_refused_in_a_browser_is_refused_when_it_is_pushed(issuer: IssuerAtWork):
    """To the program that asks, never by a redirection; and only to the client itself."""
    tool, ada = await at_work(issuer)
    for more, error in (
        ({"redirect_uri": "https://evil.test/"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": await push(issuer, tool)}, "invalid_request"),
        ({"client_id": "cli_other"}, "invalid_client"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ):
        answer = await issuer.post("/oidc/par", tool, **tool.query(**more))
        assert (answer.status_code in {400, 401}, answer.json()["error"]) == (True, error), more
        assert "location" not in answer.headers
    for imposter in (Tool(tool.id, "wrong"), Tool(tool.id), Tool("cli_unknown", "x")):
        assert (await issuer.post("/oidc/par", imposter, **tool.query())).json()["error"] == "invalid_client"
    public = await issuer.public_tool(ada)
    assert (await issuer.post("/oidc/par", None, **public.query())).status_code == 201
    assert (await issuer.http.get("/oidc/par")).status_code == 405


async def test_a_client_that_has_to_push_gets_no_code_otherwise(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer, pushed_requests=True)
    for answer in (await issuer.arrive(tool), await issuer.agree(tool)):
        assert sent_back(answer)["error"] == "invalid_request" and "code" not in sent_back(answer)
    assert "code" in sent_back(await agree(issuer, tool.id, await push(issuer, tool)))


async def test_the_document_says_where_requests_are_pushed(issuer: IssuerAtWork):
    said = (await issuer.http.get("/.well-known/openid-configuration")).json()
    assert said["pushed_authorization_request_endpoint"] == f"{ISSUER}/oidc/par"
    assert said["require_pushed_authorization_requests"] is False and said["dpop_signing_alg_values_supported"] == [
        "ES256"
    ]


# Tokens bound to a key


async def test_the_token_of_a_tool_opens_nothing_without_its_key(issuer: IssuerAtWork):
    """As a bearer, with another key, for another token, method or address, twice."""
    _, ada = await at_work(issuer)
    tool = await strict_tool(issuer, ada, bound_tokens=True)
    tokens = await tool.sign_in(ada)
    token, thief = tokens["access_token"], KeyHolder(issuer)
    assert tokens["token_type"] == "DPoP"
    told = (await tool.say("/oidc/introspect", token=token)).json()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": tool.key.thumbprint()})
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {token}", "DPoP": tool.proof("GET", ABOUT, token=token)},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": thief.proof("GET", ABOUT, token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": tool.proof("GET", ABOUT)},
        {"Authorization": f"DPoP {token}", "DPoP": tool.proof("GET", ABOUT, token=token + "x")},
        {"Authorization": f"DPoP {token}", "DPoP": tool.proof("POST", ABOUT, token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": tool.proof("GET", f"{ISSUER}/oidc/token", token=token)},
    ):
        answer = await issuer.http.get("/oidc/userinfo", headers=headers)
        scheme = headers["Authorization"].split()[0]
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith(scheme), headers
    good = {"Authorization": f"DPoP {token}", "DPoP": tool.proof("GET", ABOUT, token=token)}
    assert (await issuer.http.get("/oidc/userinfo", headers=good)).json()["sub"] == ada.id
    assert (await issuer.http.get("/oidc/userinfo", headers=good)).status_code == 401  # the same proof again


async def test_a_bearer_token_does_not_become_a_bound_one_by_a_proof(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    token, holder = (await issuer.sign_in(tool, ada))["access_token"], KeyHolder(issuer)
    headers = {"Authorization": f"DPoP {token}", "DPoP": holder.proof("GET", ABOUT, token=token)}
    assert (await issuer.http.get("/oidc/userinfo", headers=headers)).status_code == 401


async def test_a_client_whose_tokens_are_bound_gets_none_without_a_proof(issuer: IssuerAtWork):
    """And loses nothing by asking wrongly: the code and the refresh token still work, with a proof."""
    _, ada = await at_work(issuer)
    tool = await strict_tool(issuer, ada, bound_tokens=True)
    code = await tool.code(ada, dpop_jkt=None)
    assert (await tool.exchange(code, proof="")).json() == {
        "error": "invalid_dpop_proof",
        "error_description": "A DPoP proof is required.",
    }
    tokens = (await tool.exchange(code)).json()
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await tool.say("/oidc/token", proof="", **again)).json()["error"] == "invalid_dpop_proof"
    assert (await tool.say("/oidc/token", **again)).json()["token_type"] == "DPoP"


async def test_a_code_that_was_asked_for_with_a_key_is_exchanged_with_that_key(issuer: IssuerAtWork):
    """Whoever steals the code and the verifier still lacks the key. Asked for in the browser, or pushed with a proof."""
    tool, ada = await at_work(issuer)
    holder, thief = KeyHolder(issuer), KeyHolder(issuer)
    for key, works in ((thief, False), (None, False), (holder, True)):
        code = await issuer.code(tool, ada, dpop_jkt=holder.key.thumbprint())
        proof = {"DPoP": key.proof("POST", f"{ISSUER}/oidc/token")} if key else {}
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": tool.callback}
        body = {**fields, "code_verifier": tool.verifier}
        answer = await issuer.http.post("/oidc/token", data=body, headers={**tool.basic, **proof})
        assert (answer.status_code == 200) is works, answer.text
    assert "code with another key" in repr(issuer.platform.entries("iam.oidc.token"))
    pushing = await strict_tool(issuer, ada)
    code = await pushing.code(ada)
    assert (await pushing.exchange(code, proof=thief.proof("POST", f"{ISSUER}/oidc/token"))).status_code == 400
    two = await pushing.push(dpop_jkt=thief.key.thumbprint())
    assert two.json()["error"] == "invalid_dpop_proof"
    once = pushing.proof("POST", f"{ISSUER}/oidc/par")
    assert (await pushing.push(proof=once)).status_code == 201
    assert (await pushing.push(proof=once)).json()["error"] == "invalid_dpop_proof"


async def test_the_refresh_token_of_a_public_client_is_bound_to_its_key(issuer: IssuerAtWork):
    _, ada = await at_work(issuer)
    public = await issuer.public_tool(ada, bound_tokens=True)
    holder = StrictTool(issuer, public, ECKey.generate_key("P-256"))
    code = await issuer.code(public, ada)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": public.callback}
    tokens = (await holder.post("/oidc/token", client_id=public.id, code_verifier=public.verifier, **fields)).json()
    stolen = {"client_id": public.id, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await KeyHolder(issuer).post("/oidc/token", **stolen)).json()["error"] == "invalid_grant"
    assert (await holder.post("/oidc/token", **stolen)).json()["error"] == "invalid_grant"  # the family has ended


# Everybody


async def test_where_it_is_demanded_every_tool_pushes_binds_and_has_a_key_pair(strict: IssuerAtWork):
    """The setting `strict_tools`, whatever a tool was registered with."""
    ada, _ = await strict.platform.found("ada", "ben")
    strict.browser.human = ada
    said = (await strict.http.get("/.well-known/openid-configuration")).json()
    assert said["require_pushed_authorization_requests"] is True
    assert {tuple(v) for n, v in said.items() if n.endswith("_auth_methods_supported")} == {
        ("private_key_jwt",),
        ("private_key_jwt", "none"),
    }
    for more in ({}, {"authentication": "none"}):
        with pytest.raises(Invalid):
            await strict.register(ada, **more)
    tool = await strict_tool(strict, ada)
    assert sent_back(await strict.agree(tool.tool))["error"] == "invalid_request"
    code = await tool.code(ada)
    assert (await tool.exchange(code, proof="")).json()["error"] == "invalid_dpop_proof"
    assert (await tool.exchange(code)).json()["token_type"] == "DPoP"


async def test_a_tool_with_a_secret_stops_working_where_key_pairs_are_demanded(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    public = await issuer.public_tool(ada)
    now_strict = IssuerAtWork(issuer.platform, strict=True)
    now_strict.browser.human = ada
    for path in ("/oidc/par", "/oidc/token", "/oidc/introspect", "/oidc/revoke"):
        for who, fields in ((tool, {}), (public, {"client_id": public.id})):
            answer = await now_strict.post(path, who, grant_type="authorization_code", code="x", token="x", **fields)
            assert answer.json()["error"] == "invalid_client", (path, answer.text)
    assert (await KeyHolder(now_strict).let_in(ada))[
        "token_type"
    ] == "DPoP"  # the command line is bound to its key anyway
