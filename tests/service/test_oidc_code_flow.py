"""People sign in to other tools through the issuer: discovery, code flow, tokens, what tools learn, how it ends."""

from contextlib import nullcontext

import pytest

from nexus.iam.model import Role
from nexus.iam.oidc.authorizing import Ask, Authorizing
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.model import ACCESS_VALID, ID_TOKEN_VALID, ClientAuthentication, RolesClaim
from nexus.iam.oidc.ports import Visitor
from nexus.iam.oidc.server import Asked
from nexus.iam.requests.agreements import AgreementRef
from nexus.iam.requests.departures import Deactivate
from nexus.iam.requests.forms import ById, OfIdentity, Page
from nexus.kernel.clock import HOUR, MINUTE, SECOND
from nexus.kernel.errors import Conflict, Denied, NotFound
from simulators.issuer import CALLBACK, ISSUER, IssuerAtWork, open_issuer, sent_back
from simulators.people import Human


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


async def founded(issuer: IssuerAtWork) -> tuple[Human, Human]:
    ada, ben = await issuer.platform.found("ada", "ben")
    return ada, ben


async def test_a_tool_finds_everything_from_the_address_of_the_issuer(issuer: IssuerAtWork):
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        found = (await issuer.http.get(path)).json()
        assert found["issuer"] == ISSUER
        assert found["code_challenge_methods_supported"] == ["S256"]
        assert found["id_token_signing_alg_values_supported"] == ["ES256"]
        assert found["authorization_response_iss_parameter_supported"] is True
    assert found["jwks_uri"] == f"{ISSUER}/oidc/jwks"
    [key] = (await issuer.http.get("/oidc/jwks")).json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


async def test_a_person_signs_in_to_a_tool_and_the_tool_learns_what_she_agreed_to(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    issuer.browser.human = ada
    asked = (await issuer.arrive(tool)).json()
    assert (asked["client"], asked["address"], asked["scopes"]) == (
        "Grafana",
        "https://tool.test",
        ["openid", "profile"],
    )
    back = sent_back(await issuer.agree(tool))
    assert (back["address"], back["state"], back["iss"]) == (CALLBACK, "state-1", ISSUER)
    answer = await issuer.exchange(tool, back["code"])
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", ACCESS_VALID // SECOND)
    claims = await issuer.claims(tokens["id_token"])
    now = issuer.platform.clock.now() // SECOND
    assert claims["iss"] == ISSUER and claims["aud"] == tool.id and claims["sub"] == ada.id
    assert claims["nonce"] == "nonce-1" and claims["iat"] == now and claims["exp"] == now + ID_TOKEN_VALID // SECOND
    assert claims["auth_time"] == ada.actor.proved_at // SECOND
    assert (claims["acr"], claims["amr"]) == ("mfa", ["pwd", "otp", "mfa"])
    assert (claims["name"], claims["preferred_username"]) == ("Ada", "ada")
    assert "email" not in claims and "roles" not in claims
    about = await issuer.http.get("/oidc/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert about.json() == {"sub": ada.id, "name": "Ada", "preferred_username": "ada"}


async def test_the_second_time_nobody_is_asked_again_unless_more_is_wanted(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    await issuer.sign_in(tool, ada)
    assert "code" in sent_back(await issuer.arrive(tool))
    assert (await issuer.arrive(tool, prompt="consent")).json()["page"] == "consent"
    assert (await issuer.arrive(tool, scope="openid email")).json()["page"] == "consent"


async def test_email_and_roles_are_told_with_their_scopes_only(issuer: IssuerAtWork):
    ada, ben = await founded(issuer)
    eve = await issuer.platform.person(ada, "eve")
    await issuer.platform.grant(ben, eve.id, Role.RESEARCHER, "project:alpha")
    tool = await issuer.tool(ada, roles_claim=RolesClaim.GROUPS)
    claims = await issuer.claims((await issuer.sign_in(tool, eve, scope="openid email roles"))["id_token"])
    assert (claims["email"], claims["email_verified"]) == ("eve@nexus.example", False)
    assert claims["groups"] == ["researcher", "researcher@project:alpha"]
    assert "name" not in claims and "preferred_username" not in claims


async def test_nobody_signed_in_is_led_through_sign_in_and_comes_back_to_the_same_request(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    there = sent_back(await issuer.arrive(tool))
    assert there["address"] == "/sign-in" and there["again"] == "false"
    issuer.browser.human = ada
    asked = (await issuer.http.get(there["to"])).json()
    assert (asked["page"], asked["client"]) == ("consent", "Grafana")


async def test_a_tool_may_ask_for_a_fresh_proof_or_for_silence(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    assert sent_back(await issuer.arrive(tool, prompt="none"))["error"] == "login_required"
    issuer.browser.human = ada
    assert sent_back(await issuer.arrive(tool, prompt="none"))["error"] == "consent_required"
    await issuer.sign_in(tool, ada)
    assert "code" in sent_back(await issuer.arrive(tool, prompt="none"))
    issuer.platform.clock.advance(5 * MINUTE)
    for more in ({"prompt": "login"}, {"max_age": "60"}):
        assert sent_back(await issuer.arrive(tool, **more))["again"] == "true"
    assert "code" in sent_back(await issuer.arrive(tool, max_age="600"))


async def test_saying_no_sends_back_without_a_code(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    issuer.browser.human = ada
    back = sent_back(await issuer.agree(tool, agrees="no"))
    assert back["error"] == "access_denied" and back["iss"] == ISSUER and "code" not in back
    assert issuer.platform.entries("iam.oidc.authorize")[-1].details["reason"] == "the person said no"


# Tokens


async def test_introspection_tells_a_tool_about_its_tokens_until_they_end(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    tokens = await issuer.sign_in(tool, ada)
    told = await issuer.introspect(tool, tokens["access_token"])
    assert told["active"] is True and told["sub"] == ada.id and told["client_id"] == tool.id
    assert told["scope"] == "openid profile" and told["acr"] == "mfa"
    issuer.platform.clock.advance(ACCESS_VALID)
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}


async def test_a_resource_introspects_the_tokens_that_it_is_registered_for(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    resource = await issuer.tool(ada, name="An API", redirect_uris=(), introspects=(tool.id,))
    token = (await issuer.sign_in(tool, ada))["access_token"]
    assert (await issuer.introspect(resource, token))["active"] is True


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_any_token_ends_all_that_came_with_it_at_once(issuer: IssuerAtWork, which: str):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    tokens = await issuer.sign_in(tool, ada)
    assert (await issuer.post("/oidc/revoke", tool, token=tokens[which])).status_code == 200
    for held in ("access_token", "refresh_token"):
        assert await issuer.introspect(tool, tokens[held]) == {"active": False}
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_refreshing_gives_new_tokens_and_spends_the_old_one(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    first = await issuer.sign_in(tool, ada)
    issuer.platform.clock.advance(20 * MINUTE)
    second = (await issuer.refresh(tool, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await issuer.claims(second["id_token"]))["sub"] == ada.id
    issuer.platform.clock.advance(20 * MINUTE)  # the session lives on: the tool was used in it
    third = await issuer.refresh(tool, second["refresh_token"], scope="openid")
    assert third.status_code == 200 and third.json()["scope"] == "openid"
    assert "name" not in await issuer.claims(third.json()["id_token"])


async def test_tokens_end_with_the_session_and_with_the_person(issuer: IssuerAtWork):
    """RG-40: whoever leaves is out of every tool at its next look."""
    ada, ben = await founded(issuer)
    tool = await issuer.tool(ada)
    tokens = await issuer.sign_in(tool, ada)
    await issuer.platform.call("iam.session.end", issuer.platform.op(ada), ById(id=ada.actor.session))
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    eve = await issuer.platform.person(ben, "eve")
    tokens = await issuer.sign_in(tool, eve)
    await issuer.platform.call("iam.person.suspend", issuer.platform.op(ben), ById(id=eve.id))
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}


async def test_an_idle_session_ends_its_tokens_too(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    tokens = await issuer.sign_in(tool, ada)
    issuer.platform.clock.advance(31 * MINUTE)
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_keys_overlap_when_they_rotate(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    before = (await issuer.sign_in(tool, ada))["id_token"]
    issuer.signer.rotate()
    after = (await issuer.sign_in(tool, ada))["id_token"]
    assert (await issuer.claims(before))["sub"] == (await issuer.claims(after))["sub"] == ada.id


async def test_without_a_signature_nothing_stays_issued(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    code = await issuer.code(tool, ada)
    issuer.signer.broken = True
    answer = await issuer.exchange(tool, code)
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    with issuer.platform.db.read() as tx:
        assert tx.one("SELECT count(*) FROM iam_oidc_authorization WHERE ended_at IS NULL") == (0,)


async def test_sealed_means_that_nothing_is_issued(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    code = await issuer.code(tool, ada)
    issuer.lease.held = False
    for answer in (await issuer.exchange(tool, code), await issuer.post("/oidc/introspect", tool, token="x")):
        assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    assert (await issuer.arrive(tool)).status_code == 503


# Clients


async def test_officers_register_clients_and_nobody_else_does(issuer: IssuerAtWork):
    ada, ben = await founded(issuer)
    eve = await issuer.platform.person(ada, "eve")
    with pytest.raises(Denied):
        await issuer.register(eve)
    new = await issuer.register(ada)
    listed = await issuer.platform.call("iam.client.list", issuer.platform.op(ben), Page())
    assert [client.id for client in listed.clients] == [new.id]
    read = await issuer.platform.call("iam.client.read", issuer.platform.op(ben), ById(id=new.id))
    assert (read.redirect_uris, read.created_by) == ((CALLBACK,), ada.id)


async def test_a_rotated_secret_stops_the_old_one(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    again = await issuer.platform.call("iam.client.rotate-secret", issuer.platform.op(ada), ById(id=tool.id))
    assert (await issuer.post("/oidc/introspect", tool, token="x")).status_code == 401
    tool.secret = again.secret.reveal().decode()
    assert await issuer.introspect(tool, "x") == {"active": False}
    public = await issuer.register(ada, authentication=ClientAuthentication.NONE)
    with pytest.raises(Conflict):
        await issuer.platform.call("iam.client.rotate-secret", issuer.platform.op(ada), ById(id=public.id))


async def test_removing_a_client_ends_what_was_issued_to_it(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    resource = await issuer.tool(ada, redirect_uris=(), introspects=(tool.id,))
    tokens = await issuer.sign_in(tool, ada)
    await issuer.platform.call("iam.client.delete", issuer.platform.op(ada), ById(id=tool.id))
    assert await issuer.introspect(resource, tokens["access_token"]) == {"active": False}
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_client"
    with pytest.raises(NotFound):
        await issuer.platform.call("iam.client.delete", issuer.platform.op(ada), ById(id=tool.id))


# The log


async def test_every_issuance_and_refusal_is_in_the_log_without_secrets(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    code = await issuer.code(tool, ada)
    tokens = (await issuer.exchange(tool, code)).json()
    await issuer.refresh(tool, tokens["refresh_token"])
    await issuer.exchange(tool, code)
    await issuer.introspect(tool, tokens["access_token"])
    await issuer.post("/oidc/revoke", tool, token=tokens["access_token"])
    entries = [entry for entry in issuer.platform.recorder.entries if entry.action.startswith("iam.oidc.")]
    assert [(entry.action.rsplit(".", 1)[1], entry.outcome.value) for entry in entries] == [
        ("authorize", "allowed"),
        ("token", "allowed"),
        ("token", "allowed"),
        ("token", "denied"),
        ("introspect", "allowed"),
        ("revoke", "allowed"),
    ]
    assert entries[1].subject == ada.id and entries[1].resource.id == ada.id
    text = repr(issuer.platform.recorder.entries)
    for told in (code, tool.secret, tool.verifier, tokens["access_token"], tokens["refresh_token"], "nonce-1"):
        assert told not in text


async def test_codes_and_tokens_are_stored_as_hashes_only(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    code = await issuer.code(tool, ada)
    tokens = (await issuer.exchange(tool, code)).json()
    with issuer.platform.db.read() as tx:
        rows = [tx.all(f"SELECT * FROM iam_oidc_{table}") for table in ("code", "token", "client", "authorization")]
    for told in (code, tool.secret, tokens["access_token"], tokens["refresh_token"]):
        assert told not in repr(rows)


async def test_what_has_ended_is_swept_a_day_later_and_nothing_sooner(issuer: IssuerAtWork):
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    await issuer.sign_in(tool, ada)

    def rows() -> list[int]:
        with issuer.platform.db.read() as tx:
            return [tx.one(f"SELECT count(*) FROM iam_oidc_{t}")[0] for t in ("code", "token", "authorization")]

    issuer.platform.clock.advance(12 * HOUR)
    await issuer.platform.service.sweep()
    assert rows() == [1, 2, 1]
    issuer.platform.clock.advance(25 * HOUR)
    await issuer.platform.service.sweep()
    assert rows() == [0, 0, 0]


async def test_a_person_sees_her_agreements_and_ends_one_with_all_that_the_tool_holds(issuer: IssuerAtWork):
    """ASVS 10.7.3: at once, for that tool alone, and it has to ask her anew."""
    ada, ben = await founded(issuer)
    tool = await issuer.tool(ada, backchannel_logout_uri="https://tool.test/bye")
    other = await issuer.tool(ada, name="Wiki")
    tokens, kept = await issuer.sign_in(tool, ada), await issuer.sign_in(other, ada)
    unspent = await issuer.code(tool, ada)
    op, mine = issuer.platform.op(ada), OfIdentity(identity=ada.id)
    listed = (await issuer.platform.call("iam.agreement.list", op, mine)).agreements
    assert [(one.name, one.client, one.in_use) for one in listed] == [
        ("Grafana", tool.id, True),
        ("Wiki", other.id, True),
    ]
    assert set(listed[0].scopes) == {"openid", "profile"}

    ended = AgreementRef(identity=ada.id, client=tool.id)
    for stranger, error in ((ben, Denied), (ada, None)):
        with pytest.raises(error) if error else nullcontext():
            await issuer.platform.call("iam.agreement.end", issuer.platform.op(stranger), ended)
    for held in ("access_token", "refresh_token"):
        assert await issuer.introspect(tool, tokens[held]) == {"active": False}
    assert (await issuer.refresh(tool, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.exchange(tool, unspent)).json()["error"] == "invalid_grant"
    assert (await issuer.introspect(other, kept["access_token"]))["active"] is True
    await issuer.goodbyes.send_due()
    assert [uri for uri, _ in issuer.tools.told] == ["https://tool.test/bye"]
    assert (await issuer.arrive(tool)).json()["page"] == "consent"
    assert "code" in sent_back(await issuer.arrive(other))
    with pytest.raises(NotFound):
        await issuer.platform.call("iam.agreement.end", issuer.platform.op(ada), ended)
    assert [one.name for one in (await issuer.platform.call("iam.agreement.list", op, mine)).agreements] == ["Wiki"]


class Late:
    """A database at which somebody else is faster: her change is done before the first one that is asked for here."""

    def __init__(self, db, first) -> None:
        self._db, self._first = db, first
        self.read = db.read

    async def write(self, work):
        await self._first()
        return await self._db.write(work)


async def test_an_agreement_that_ends_while_a_code_is_made_gives_no_code(issuer: IssuerAtWork):
    """The silent way looks at the agreement again in the transaction that stores the code."""
    ada, _ = await founded(issuer)
    tool = await issuer.tool(ada)
    await issuer.sign_in(tool, ada)
    platform, ended = issuer.platform, AgreementRef(identity=ada.id, client=tool.id)
    late = Late(platform.db, lambda: platform.call("iam.agreement.end", platform.op(ada), ended))
    authorizing = Authorizing(late, platform.clock, Endpoints(ISSUER))
    step = await authorizing.next(platform.op(ada), Asked(tool.query()), Visitor(ada.actor, "csrf"))
    assert isinstance(step, Ask)
    with platform.db.read() as tx:
        assert tx.all("SELECT 1 FROM iam_oidc_code WHERE used_at IS NULL") == []


async def test_what_a_person_agreed_to_goes_with_her(issuer: IssuerAtWork):
    ada, ben = await founded(issuer)
    tool, rita = await issuer.tool(ada), await issuer.platform.person(ada, "rita")
    await issuer.sign_in(tool, rita)
    await issuer.platform.call("iam.person.deactivate", issuer.platform.op(ben), Deactivate(id=rita.id, successor=""))
    with issuer.platform.db.read() as tx:
        assert tx.all("SELECT 1 FROM iam_oidc_consent WHERE person = ?", (rita.id,)) == []
