"""Attacks on the issuer: redirections, forged forms, codes, PKCE."""

import pytest

from nexus.iam.oidc.model import CODE_VALID, Scope
from nexus.iam.oidc.redirects import check_uri
from nexus.kernel.errors import Invalid
from simulators.issuer import CALLBACK, ISSUER, IssuerAtWork, Tool, open_issuer, sent_back
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


# Where people are sent


ODD = [
    "http://tool.test/cb",
    "https://*.tool.test/cb",
    "https://tool.test/cb#fragment",
    "https://tool.test/cb#",
    "https://user@tool.test/cb",
    "https://tool.test\\@evil.test/cb",
    "https://tool.test/a/../cb",
    "https://tool.test/a/%2e%2e/cb",
    "https://tool.test",
    "https:///cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "myapp://callback",
    "//tool.test/cb",
    "/cb",
    "https://tool.test/cb\r\nX: y",
    "https://tool.test/c b",
    "https://t\u043eol.test/cb",
    "http://localhost.evil.test/cb",
    "http://127.0.0.1.evil.test/cb",
    "https://tool.test:99999/cb",
    "https://" + "a" * 600,
]


def test_odd_addresses_are_never_registered():
    for uri in (*ODD, ""):
        with pytest.raises(Invalid):
            check_uri(uri, "a redirect URI")
    for uri in ("https://tool.test/", "http://127.0.0.1:8000/cb", "http://[::1]:1/cb", "https://t.test/a?b=c"):
        assert check_uri(uri, "a redirect URI") == uri


async def test_every_address_of_a_registration_is_looked_at(issuer: IssuerAtWork):
    ada, _ = await issuer.platform.found("ada", "ben")
    for odd in (
        {"redirect_uris": (CALLBACK, ODD[0])},
        {"redirect_uris": (CALLBACK,) * 21},
        {"post_logout_redirect_uris": (ODD[0],)},
        {"backchannel_logout_uri": ODD[0]},
        {"scopes": (Scope.PROFILE,)},
        {"name": ""},
    ):
        with pytest.raises(Invalid):
            await issuer.register(ada, **odd)


async def test_nobody_is_sent_to_an_address_that_differs_in_anything(issuer: IssuerAtWork):
    """Prefix, suffix, path traversal, user, port, case, query, fragment, another tool's address, none."""
    tool, ada = await at_work(issuer)
    await issuer.register(ada, name="Other", redirect_uris=("https://other.test/cb",))
    for uri in (
        CALLBACK + "/",
        CALLBACK + "/../evil",
        CALLBACK + "?next=https://evil.test",
        CALLBACK + "#x",
        CALLBACK + ".evil.test",
        CALLBACK[:-1],
        "https://tool.test:443/callback",
        "https://TOOL.test/callback",
        "https://tool.test/Callback",
        "https://tool.test@evil.test/callback",
        "https://evil.test/callback",
        "http://tool.test/callback",
        "https://other.test/cb",
        None,
        'https://tool.test/"\\',
        "https://tool.test/call\u00e9",
    ):
        answer = await issuer.arrive(tool, redirect_uri=uri)
        assert answer.status_code == 400 and answer.json()["page"] == "refusal", uri
        assert "location" not in answer.headers
    assert (await issuer.arrive(tool)).json()["page"] == "consent"


async def test_an_unknown_tool_gets_a_page_and_no_redirection(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer)
    for client in ("cli_unknown", "' OR 1=1", "", None):
        answer = await issuer.arrive(tool, client_id=client)
        assert answer.status_code == 400 and "location" not in answer.headers


async def test_every_answer_to_a_tool_names_the_issuer(issuer: IssuerAtWork):
    """Mix-up (RFC 9207): a tool with several issuers sees which one answered, refusals included."""
    tool, _ = await at_work(issuer)
    refused = sent_back(await issuer.arrive(tool, scope="openid admin"))
    assert (refused["error"], refused["iss"], refused["state"]) == ("invalid_scope", ISSUER, "state-1")
    assert sent_back(await issuer.agree(tool))["iss"] == ISSUER


NOT_DONE_HERE = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": "none"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"response_mode": "form_post"}, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.test/r"}, "request_uri_not_supported"),
    ({"scope": "openid admin"}, "invalid_scope"),
    ({"scope": "profile"}, "invalid_scope"),
    ({"scope": None}, "invalid_scope"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"nonce": "n" * 300}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
]


async def test_what_this_issuer_does_not_do_is_refused_by_name(issuer: IssuerAtWork):
    """Implicit flow, PKCE downgrade, request objects, scopes beyond the registration."""
    tool, _ = await at_work(issuer, scopes=(Scope.OPENID, Scope.PROFILE))
    for more, error in NOT_DONE_HERE:
        for answer in (await issuer.arrive(tool, **more), await issuer.agree(tool, **more)):
            assert sent_back(answer)["error"] == error, more
            assert "code" not in sent_back(answer)


async def test_a_scope_beyond_the_registration_is_refused_not_narrowed(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer, scopes=(Scope.OPENID,))
    assert sent_back(await issuer.arrive(tool, scope="openid email"))["error"] == "invalid_scope"


async def test_a_parameter_given_twice_is_refused(issuer: IssuerAtWork):
    tool, _ = await at_work(issuer)
    for name in ("redirect_uri", "client_id", "scope", "code_challenge", "state"):
        twice = [*tool.query().items(), (name, "https://evil.test/")]
        assert (await issuer.http.get("/oidc/authorize", params=twice)).status_code == 400


# Forms that others made


async def test_nobody_agrees_by_a_form_that_was_not_ours(issuer: IssuerAtWork):
    """CSRF: another site cannot press the button."""
    tool, _ = await at_work(issuer)
    for csrf in ("x", "csrf-of-another-session"):
        answer = await issuer.agree(tool, csrf=csrf)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    without = await issuer.agree(tool, csrf="")  # no answer to our page, but a request that starts anew, and asks
    assert (await issuer.http.get(without.headers["location"])).status_code == 400
    with issuer.platform.db.read() as tx:
        assert tx.one("SELECT count(*) FROM iam_oidc_code") == (0,)


# Codes


async def test_a_code_used_twice_ends_what_was_issued_for_it(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    code = await issuer.code(tool, ada)
    tokens = (await issuer.exchange(tool, code)).json()
    assert (await issuer.introspect(tool, tokens["access_token"]))["active"] is True
    again = await issuer.exchange(tool, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert issuer.platform.entries("iam.oidc.token")[1].details["reason"] == "code used again"


async def test_a_code_of_another_client_is_worth_nothing_and_is_spent(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    thief = await issuer.tool(ada, name="Thief")
    thief.verifier = tool.verifier
    code = await issuer.code(tool, ada)
    assert (await issuer.exchange(thief, code)).json()["error"] == "invalid_grant"
    assert (await issuer.exchange(tool, code)).json()["error"] == "invalid_grant"
    assert issuer.platform.entries("iam.oidc.token")[0].details["reason"] == "code of another client"


async def test_a_code_without_its_verifier_or_address_is_worth_nothing(issuer: IssuerAtWork):
    """The challenge is no verifier either: that is what `plain` would accept."""
    tool, ada = await at_work(issuer)
    for more in (
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"code_verifier": "short"},
        {"code_verifier": tool.challenge},
        {"redirect_uri": None},
        {"redirect_uri": "https://tool.test/other"},
    ):
        code = await issuer.code(tool, ada)
        answer = await issuer.exchange(tool, code, **more)
        assert answer.status_code == 400 and answer.json()["error"] in {"invalid_grant", "invalid_request"}, more
        assert (await issuer.exchange(tool, code)).json()["error"] == "invalid_grant"  # one attempt a code


async def test_a_code_ends_after_a_minute(issuer: IssuerAtWork):
    tool, ada = await at_work(issuer)
    code = await issuer.code(tool, ada)
    issuer.platform.clock.advance(CODE_VALID)
    assert (await issuer.exchange(tool, code)).json()["error"] == "invalid_grant"
