"""Leaving: a session that ends takes every tool with it, and tools hear of it; nobody is signed out by a link alone."""

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet

from nexus.iam.oidc.goodbyes import EVENT, MAX_ATTEMPTS
from nexus.iam.requests.forms import ById
from nexus.kernel.clock import HOUR, MINUTE
from nexus.kernel.operation import Outcome
from simulators.issuer import IssuerAtWork, Tool, open_issuer, sent_back
from simulators.people import Human

LISTENS = "https://tool.test/signed-out"
AFTER = "https://tool.test/bye"


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


async def signed_in(issuer: IssuerAtWork) -> tuple[Tool, Human, dict]:
    ada, _ = await issuer.platform.found("ada", "ben")
    tool = await issuer.tool(ada, backchannel_logout_uri=LISTENS, post_logout_redirect_uris=(AFTER,))
    return tool, ada, await issuer.sign_in(tool, ada)


async def test_a_tool_is_told_that_the_session_has_ended_whatever_ended_it(issuer: IssuerAtWork):
    """Signing out, being suspended, a stolen cookie, idleness."""
    tool, ada, _ = await signed_in(issuer)
    ben = await issuer.platform.person(ada, "ben2")

    async def sign_out() -> None:
        await issuer.platform.call("iam.session.end", issuer.platform.op(ada), ById(id=ada.actor.session))

    async def theft() -> None:
        with pytest.raises(Exception, match="not valid here"):
            await issuer.platform.authenticator.session(ada.token, "198.51.100.9", "another")

    async def idleness() -> None:
        issuer.platform.clock.advance(HOUR)
        await issuer.platform.service.sweep()

    for end in (sign_out, theft, idleness):
        if end is not sign_out:
            await issuer.platform.sign_in(ada)
            await issuer.sign_in(tool, ada)
        session = ada.actor.session
        await end()
        await issuer.goodbyes.send_due()
        uri, token = issuer.tools.told[-1]
        claims = await issuer.claims(token)
        assert (uri, claims["aud"], claims["sub"], claims["sid"]) == (LISTENS, tool.id, ada.id, session)
        assert claims["events"] == {EVENT: {}} and "nonce" not in claims
        assert jws.extract_compact(token.encode()).headers()["typ"] == "logout+jwt"
    assert len(issuer.tools.told) == 3
    assert ben.id not in repr(issuer.tools.told)
    assert {entry.outcome for entry in issuer.platform.entries("iam.oidc.goodbye")} == {Outcome.ALLOWED}


async def test_a_tool_that_does_not_answer_is_asked_again_and_at_last_given_up(issuer: IssuerAtWork):
    _, ada, _ = await signed_in(issuer)
    issuer.tools.confirm = False
    await issuer.platform.call("iam.session.end", issuer.platform.op(ada), ById(id=ada.actor.session))
    await issuer.goodbyes.send_due()
    await issuer.goodbyes.send_due()
    assert len(issuer.tools.told) == 1  # not at once
    for _ in range(MAX_ATTEMPTS + 3):
        issuer.platform.clock.advance(15 * MINUTE)
        await issuer.goodbyes.send_due()
    assert len(issuer.tools.told) == MAX_ATTEMPTS
    [entry] = issuer.platform.entries("iam.oidc.goodbye")
    assert (entry.outcome, entry.details["attempts"]) == (Outcome.FAILED, MAX_ATTEMPTS)


async def test_a_tool_without_an_address_for_it_is_not_noted(issuer: IssuerAtWork):
    ada, _ = await issuer.platform.found("ada", "ben")
    tool = await issuer.tool(ada)
    tokens = await issuer.sign_in(tool, ada)
    await issuer.platform.call("iam.session.end", issuer.platform.op(ada), ById(id=ada.actor.session))
    assert await issuer.goodbyes.send_due() is False and issuer.tools.told == []
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}


async def test_a_tool_signs_out_the_session_that_its_id_token_is_from(issuer: IssuerAtWork):
    tool, ada, tokens = await signed_in(issuer)
    issuer.platform.clock.advance(10 * MINUTE)  # the ID token has expired meanwhile: it is only a hint
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "s 1"}
    back = sent_back(await issuer.http.get("/oidc/logout", params=query))
    assert (back["address"], back["state"]) == (AFTER, "s 1")
    assert await issuer.introspect(tool, tokens["refresh_token"]) == {"active": False}
    assert issuer.platform.entries("iam.session.end")[-1].resource.id == ada.id
    elsewhere = {"Sec-Fetch-Site": "cross-site"}  # arrives without our cookie: the page sends it again, from here
    assert (await issuer.http.get("/oidc/logout", params=query, headers=elsewhere)).json() == {"page": "once more"}


async def test_whoever_shows_no_token_of_this_session_is_asked(issuer: IssuerAtWork):
    """CSRF: a link signs nobody out."""
    tool, ada, tokens = await signed_in(issuer)
    await issuer.platform.sign_in(ada)  # another session now
    for query in ({}, {"client_id": tool.id}, {"id_token_hint": tokens["id_token"]}):
        asked = (await issuer.http.get("/oidc/logout", params=query)).json()
        assert (asked["page"], asked["done"]) == ("goodbye", False)
    for csrf in ("x", "csrf-of-another-session"):
        forged = await issuer.http.post("/oidc/logout", data={"csrf": csrf})
        assert forged.status_code == 400
    done = await issuer.http.post("/oidc/logout", data={"csrf": issuer.browser.csrf})
    assert (done.json()["page"], done.json()["done"]) == ("goodbye", True)
    assert issuer.browser.human is None


async def test_odd_requests_to_sign_out_lead_nowhere(issuer: IssuerAtWork):
    """Open redirection, a forged or foreign hint, an address of another tool."""
    tool, ada, tokens = await signed_in(issuer)
    other = await issuer.tool(ada, name="Other")
    key = ECKey.generate_key("P-256")
    claims = jwt.decode(
        tokens["id_token"], KeySet.import_key_set((await issuer.http.get("/oidc/jwks")).json()), algorithms=["ES256"]
    ).claims
    head, body, signature = tokens["id_token"].split(".")
    forged = [
        jwt.encode({"alg": "ES256"}, claims, key),
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        await issuer.issuer.signed({**claims, "iss": "https://evil.test"}),
        await issuer.issuer.signed({**claims, "events": {EVENT: {}}}, "logout+jwt"),
    ]
    hint = tokens["id_token"]
    for query in (
        *({"id_token_hint": token} for token in forged),
        {"post_logout_redirect_uri": AFTER},
        {"client_id": tool.id, "post_logout_redirect_uri": AFTER + "/x"},
        {"id_token_hint": hint, "post_logout_redirect_uri": "https://evil.test/"},
        {"id_token_hint": hint, "client_id": other.id},
        {"client_id": other.id, "post_logout_redirect_uri": AFTER},
        {"client_id": "cli_unknown"},
    ):
        answer = await issuer.http.get("/oidc/logout", params=query)
        assert (answer.status_code, answer.json()["page"]) == (400, "refusal"), query
    assert (await issuer.introspect(tool, tokens["access_token"]))["active"] is True
