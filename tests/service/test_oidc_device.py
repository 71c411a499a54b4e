"""The command line is let in from a browser (device flow); its tokens are worth nothing without its key (DPoP)."""

import json
from base64 import urlsafe_b64encode

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from nexus.iam.model import Factor
from nexus.iam.oidc import dpop
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.kernel.clock import HOUR, MINUTE, SECOND
from nexus.kernel.errors import Unauthenticated
from nexus.web.ports import KeyProof
from nexus.web.rest import rest_app
from simulators.console import Console
from simulators.issuer import ISSUER, IssuerAtWork, open_issuer
from simulators.key_holder import KeyHolder, decide, type_code
from simulators.people import Human

API = "https://api.test"
ME = f"{API}/v1/me"


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


async def at_work(issuer: IssuerAtWork) -> tuple[KeyHolder, Human]:
    ada, _ = await issuer.platform.found("ada", "ben")
    issuer.browser.human = ada
    return KeyHolder(issuer), ada


def door(issuer: IssuerAtWork) -> httpx.AsyncClient:
    """The REST door over the same people."""
    app = rest_app(Console(issuer.platform).dispatcher, lambda: b"{}")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("198.51.100.7", 9)), base_url=API)


async def test_a_person_lets_her_command_line_in_after_reading_who_asks_and_from_where(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    begun = await line.begin()
    assert begun["verification_uri"] == f"{ISSUER}/oidc/verify" and begun["interval"] == 2
    assert (await line.poll(begun["device_code"])).json() == {"error": "authorization_pending"}
    asked = await type_code(issuer, begun["user_code"].lower().replace("-", " "))
    assert (asked["stage"], asked["origin"], asked["elsewhere"]) == ("confirm", "192.0.2.77", False)
    assert (await decide(issuer, begun["user_code"]))["stage"] == "let-in"
    issuer.platform.clock.advance(2 * SECOND)
    tokens = (await line.poll(begun["device_code"])).json()
    assert tokens["token_type"] == "DPoP" and tokens["expires_in"] == 300
    assert (await issuer.claims(tokens["id_token"]))["sub"] == ada.id
    proof = line.proof("GET", ME, token=tokens["access_token"])
    me = await door(issuer).get("/v1/me", headers={"Authorization": f"DPoP {tokens['access_token']}", "DPoP": proof})
    assert me.status_code == 200 and me.json()["id"] == ada.id
    again = await line.poll(begun["device_code"])
    assert again.json()["error"] == "invalid_request"  # a device code is exchanged once


async def test_the_command_line_has_a_session_of_its_own_with_the_factors_of_the_person(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    tokens = await line.let_in(ada)
    proof = KeyProof(line.proof("GET", ME, token=tokens["access_token"]), "GET", ME)
    actor = await issuer.platform.authenticator.bound(tokens["access_token"], proof)
    assert actor.session != ada.actor.session and actor.factors == {Factor.PASSWORD, Factor.TOTP}
    assert actor.proved_at == ada.actor.proved_at
    listed = await issuer.platform.call("iam.session.list", issuer.platform.op(ada), OfIdentity(identity=ada.id))
    assert actor.session in {session.id for session in listed.sessions}
    await issuer.platform.call("iam.session.end", issuer.platform.op(ada), ById(id=actor.session))
    again = KeyProof(line.proof("GET", ME, token=tokens["access_token"]), "GET", ME)
    with pytest.raises(Unauthenticated):
        await issuer.platform.authenticator.bound(tokens["access_token"], again)
    assert (await line.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_its_tokens_are_refreshed_with_the_same_key(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    first = await line.let_in(ada)
    issuer.platform.clock.advance(6 * MINUTE)
    second = (await line.refresh(first["refresh_token"])).json()
    assert second["token_type"] == "DPoP"
    assert (await line.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await line.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"


async def test_whoever_says_no_keeps_it_out(issuer: IssuerAtWork):
    line, _ = await at_work(issuer)
    begun = await line.begin()
    assert (await decide(issuer, begun["user_code"], "no"))["stage"] == "kept-out"
    assert (await line.poll(begun["device_code"])).json()["error"] == "access_denied"
    assert (await decide(issuer, begun["user_code"]))["unknown"] is True
    assert issuer.platform.entries("iam.oidc.let-in")[-1].outcome.value == "denied"


async def test_a_link_fills_the_form_and_decides_nothing(issuer: IssuerAtWork):
    """Phishing: the person still reads and presses."""
    line, _ = await at_work(issuer)
    begun = await line.begin()
    page = (await issuer.http.get(begun["verification_uri_complete"])).json()
    assert (page["stage"], page["user_code"]) == ("ask", begun["user_code"])
    for csrf in ("", "x"):
        form = {"csrf": csrf, "user_code": begun["user_code"], "agrees": "yes"}
        assert (await issuer.http.post("/oidc/verify", data=form)).status_code == 403
    assert (await line.poll(begun["device_code"])).json()["error"] == "authorization_pending"
    issuer.browser.human = None
    assert (await issuer.http.get("/oidc/verify")).headers["location"].startswith("/sign-in?")


async def test_user_codes_cannot_be_tried_out(issuer: IssuerAtWork):
    """34 bits, ten minutes, ten attempts a person in a quarter of an hour."""
    line, _ = await at_work(issuer)
    begun = await line.begin()
    for _ in range(10):
        assert (await type_code(issuer, "BBBB-BBBB"))["unknown"] is True
    answer = await issuer.http.post(
        "/oidc/verify", data={"csrf": issuer.browser.csrf, "user_code": begun["user_code"], "agrees": "yes"}
    )
    assert answer.status_code == 429
    assert (await line.poll(begun["device_code"])).json()["error"] == "authorization_pending"


async def test_a_hurried_command_line_is_slowed_down(issuer: IssuerAtWork):
    line, _ = await at_work(issuer)
    begun = await line.begin()
    assert (await line.poll(begun["device_code"])).json()["error"] == "authorization_pending"
    assert (await line.poll(begun["device_code"])).json()["error"] == "slow_down"
    issuer.platform.clock.advance(3 * SECOND)  # enough at first, not any more
    assert (await line.poll(begun["device_code"])).json()["error"] == "slow_down"
    issuer.platform.clock.advance(30 * SECOND)
    assert (await line.poll(begun["device_code"])).json()["error"] == "authorization_pending"
    issuer.platform.clock.advance(10 * MINUTE)
    assert (await line.poll(begun["device_code"])).json()["error"] == "expired_token"
    assert (await type_code(issuer, begun["user_code"]))["unknown"] is True


async def test_few_command_lines_of_one_address_wait_at_a_time(issuer: IssuerAtWork):
    line, _ = await at_work(issuer)
    for _ in range(10):
        await line.begin()
    assert (await line.post("/oidc/device")).json()["error"] == "slow_down"


async def test_a_device_code_is_worth_nothing_with_another_key_or_at_another_client(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    begun = await line.begin()
    await decide(issuer, begun["user_code"])
    assert (await KeyHolder(issuer).poll(begun["device_code"])).json()["error"] == "invalid_request"
    assert (await line.poll(begun["device_code"], proof="")).json()["error"] == "invalid_request"
    tool = await issuer.public_tool(ada)
    assert (await line.poll(begun["device_code"], client_id=tool.id)).json()["error"] == "unauthorized_client"
    assert (await line.poll(begun["device_code"])).status_code == 200


async def test_tools_cannot_use_the_device_flow_nor_the_command_line_a_code(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    tool = await issuer.public_tool(ada)
    proof = {"DPoP": line.proof("POST", f"{ISSUER}/oidc/device")}
    answer = await issuer.http.post("/oidc/device", data={"client_id": tool.id}, headers=proof)
    assert answer.json()["error"] == "unauthorized_client"
    assert (await line.post("/oidc/device", proof="")).json()["error"] == "invalid_request"  # without a key
    query = {"response_type": "code", "client_id": "nexus-cli", "redirect_uri": "https://evil.test/"}
    assert (await issuer.http.get("/oidc/authorize", params=query)).status_code == 400
    fields = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://evil.test/"}
    assert (await line.post("/oidc/token", **fields)).json()["error"] == "unauthorized_client"


# Tokens without their key


async def test_a_stolen_token_is_worth_nothing_without_its_key(issuer: IssuerAtWork):
    """As a bearer, with another key, with a proof for something else, with the same proof again."""
    line, ada = await at_work(issuer)
    token = (await line.let_in(ada))["access_token"]
    thief, api = KeyHolder(issuer), door(issuer)
    once = line.proof("GET", ME, token=token)
    bad = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {token}", "DPoP": line.proof("GET", ME, token=token)},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": f"DPoP {token}", "DPoP": thief.proof("GET", ME, token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": line.proof("POST", ME, token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", f"{API}/v1/persons", token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", "https://evil.test/v1/me", token=token)},
        {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", ME)},
        {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", ME, token=token + "x")},
    ]
    for headers in bad:
        assert (await api.get("/v1/me", headers=headers)).status_code == 401, headers
    good = {"Authorization": f"DPoP {token}", "DPoP": once}
    assert (await api.get("/v1/me", headers=good)).status_code == 200
    assert (await api.get("/v1/me", headers=good)).status_code == 401  # replay
    about = await issuer.http.get("/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert about.status_code == 401


async def test_a_stolen_refresh_token_is_worth_nothing_and_ends_the_family(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    tokens = await line.let_in(ada)
    assert (await KeyHolder(issuer).refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await line.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert "refresh token with another key" in repr(issuer.platform.entries("iam.oidc.token"))


async def test_the_token_of_another_tool_does_not_open_the_rest_door(issuer: IssuerAtWork):
    """The audience: a tool cannot act here in the name of who signed in to it, bound to its key or not."""
    line, ada = await at_work(issuer)
    tool = await issuer.tool(ada)
    code = await issuer.code(tool, ada)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": tool.callback}
    proof = {"DPoP": line.proof("POST", f"{ISSUER}/oidc/token"), **tool.basic}
    tokens = (
        await issuer.http.post("/oidc/token", data={**fields, "code_verifier": tool.verifier}, headers=proof)
    ).json()
    assert tokens["token_type"] == "DPoP"
    told = await issuer.introspect(tool, tokens["access_token"])
    assert told["cnf"]["jkt"] == line.key.thumbprint()
    token = tokens["access_token"]
    bound = {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", ME, token=token)}
    assert (await door(issuer).get("/v1/me", headers=bound)).status_code == 401
    bearer = (await issuer.sign_in(tool, ada))["access_token"]
    assert (await door(issuer).get("/v1/me", headers={"Authorization": f"Bearer {bearer}"})).status_code == 401


async def test_a_proof_that_is_not_one_proves_nothing(issuer: IssuerAtWork):
    """Wrong type, algorithm, key, time, shape; a skewed clock within the limits still works."""
    line, _ = await at_work(issuer)
    now = issuer.platform.clock.now() // SECOND
    url = f"{ISSUER}/oidc/device"
    head, body, signature = line.proof("POST", url).split(".")

    def forged(header: dict) -> str:
        return f"{urlsafe_b64encode(json.dumps(header).encode()).rstrip(b'=').decode()}.{body}.{signature}"

    public = line.key.as_dict(private=False)
    other = ECKey.generate_key("P-256").as_dict(private=False)
    bad = [
        forged({"alg": "none", "typ": "dpop+jwt", "jwk": public}),
        forged({"alg": "HS256", "typ": "dpop+jwt", "jwk": public}),
        forged({"alg": "ES256", "typ": "dpop+jwt", "jwk": other}),
        forged({"alg": "ES256", "typ": "dpop+jwt"}),
        f"{head}.{body}.",
        line.proof("POST", url, header={"typ": "JWT"}),
        line.proof("POST", url, header={"jwk": line.key.as_dict(private=True)}),
        line.proof("POST", url, key=RSAKey.generate_key(2048), header={"alg": "RS256"}),
        line.proof("GET", url),
        line.proof("POST", f"{ISSUER}/oidc/token"),
        *(line.proof("POST", url, **more) for more in (
            {"iat": now - 61}, {"iat": now + 6}, {"iat": None}, {"iat": True}, {"iat": str(now)},
            {"jti": None}, {"jti": ""}, {"jti": "j" * 300}, {"htm": None}, {"htu": 7},
        )),
        "a.b.c", "x" * 3_000,
    ]  # fmt: skip
    for proof in bad:
        assert (await line.post("/oidc/device", proof=proof)).json()["error"] == "invalid_dpop_proof", proof[:60]
    for more in ({"iat": now - 59}, {"iat": now + 4}, {"htu": url + "?x=1"}, {"htu": "HTTPS://NEXUS.TEST/oidc/device"}):
        assert (await line.post("/oidc/device", proof=line.proof("POST", url, **more))).status_code == 200, more
    again = line.proof("POST", url)
    assert (await line.post("/oidc/device", proof=again)).status_code == 200
    assert (await line.post("/oidc/device", proof=again)).json()["error"] == "invalid_dpop_proof"


async def test_a_process_that_starts_anew_takes_no_proof_from_before(issuer: IssuerAtWork):
    line, _ = await at_work(issuer)
    before = dpop.check(line.proof("GET", ME), method="GET", url=ME, now=issuer.platform.clock.now())
    issuer.platform.clock.advance(5 * SECOND)
    with pytest.raises(dpop.BadToken):
        dpop.Seen(issuer.platform.clock).once(before)


async def test_rights_count_for_the_command_line_as_for_the_person(issuer: IssuerAtWork):
    line, ada = await at_work(issuer)
    eve = await issuer.platform.person(ada, "eve")
    token = (await line.let_in(eve))["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": line.proof("GET", f"{API}/v1/persons", token=token)}
    assert (await door(issuer).get("/v1/persons", headers=headers)).status_code == 403
    issuer.platform.clock.advance(HOUR)
    headers["DPoP"] = line.proof("GET", f"{API}/v1/persons", token=token)
    assert (await door(issuer).get("/v1/persons", headers=headers)).status_code == 401  # idle, and expired
