"""Where passkeys are demanded (`passkeys_only`): what can be phished opens nothing but the way to one's first passkey."""

import json

import pytest

from nexus.iam.conditions import PASSKEYS_ONLY, Conditions
from nexus.iam.gate import Gate
from nexus.iam.model import Factor
from nexus.iam.opening import Opener, Proved
from nexus.iam.requests.forms import OfIdentity
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Outcome
from simulators.identity_door import IdentityDoor
from simulators.issuer import IssuerAtWork, sent_back
from simulators.people import BROWSER, HOME, Platform, open_platform

PEOPLE = "iam.person.list"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


def demand(platform: Platform) -> IdentityDoor:
    """From here on passkeys are demanded, as after a restart with the setting."""
    platform.federate(passkeys_only=True)
    platform.gate = Gate(platform.db, platform.clock, Conditions(passkeys_only=True))
    return IdentityDoor(platform)


async def test_password_and_code_open_the_way_to_the_first_passkey_and_nothing_else(platform):
    """OWASP ASVS 6.3.3 at level 3."""
    ada, _ = await platform.found("ada", "ben")
    before = IdentityDoor(platform)
    assert (await before.call(PEOPLE, by=ada)).status == 200
    door = demand(platform)
    refused = await door.call(PEOPLE, by=ada)
    assert (refused.status, json.loads(refused.body)["code"]) == (403, "iam.condition-passkey")
    entry = platform.entries(PEOPLE)[-1]
    assert (entry.outcome, entry.details["rule"]) == (Outcome.DENIED, PASSKEYS_ONLY)
    passkey = await door.register(ada)
    assert (await door.call(PEOPLE, by=ada)).status == 403  # the session is the same as before
    ada.token = json.loads((await door.sign_in(passkey)).body)["token"]
    assert (await door.call(PEOPLE, by=ada)).status == 200


async def test_whoever_has_a_passkey_signs_in_with_it(platform):
    """A phished password and code would otherwise register the passkey of a thief."""
    ada, _ = await platform.found("ada", "ben")
    door = demand(platform)
    await platform.sign_in(ada)  # she has none yet
    await door.register(ada)
    with pytest.raises(Unauthenticated) as refused:
        await platform.sign_in(ada)
    assert refused.value.code == "iam.passkey-demanded"


async def test_a_wrong_password_or_code_does_not_tell_that_there_is_a_passkey(platform):
    ada, ben = await platform.found("ada", "ben")
    door = demand(platform)
    await door.register(ada)
    for login in (ada.login, ben.login, "nobody"):
        body = {"login": login, "password": "a wrong one, and long", "totp": "000000"}
        assert json.loads((await door.call("iam.session.create", body)).body)["code"] == "iam.sign-in-refused"


async def test_an_outside_issuer_that_vouches_for_less_opens_no_more(platform):
    """The rule stands where sessions are opened, whatever the way in."""
    ada, _ = await platform.found("ada", "ben")
    await demand(platform).register(ada)
    opener, refused = Opener(platform.db, platform.clock, passkeys_only=True), Unauthenticated("no", code="x")
    weak = frozenset({Factor.FEDERATED, Factor.PASSWORD, Factor.TOTP})
    with pytest.raises(Unauthenticated) as heard:
        await opener.open(platform.op(), Proved(ada.id, "Ada", weak), lambda tx: None, refused)
    assert heard.value.code == "iam.passkey-demanded"
    strong = frozenset({Factor.FEDERATED, Factor.PASSKEY})
    opened = await opener.open(platform.op(), Proved(ada.id, "Ada", strong), lambda tx: None, refused)
    actor = await platform.authenticator.session(opened.token.reveal().decode(), HOME, BROWSER)
    listed = await platform.call("iam.session.list", platform.op(actor), OfIdentity(identity=ada.id))
    assert opened.session in {session.id for session in listed.sessions}


async def test_nobody_signs_in_to_a_tool_without_a_passkey(platform):
    ada, _ = await platform.found("ada", "ben")
    tool = await IssuerAtWork(platform).tool(ada)
    door = demand(platform)
    issuer = IssuerAtWork(platform, passkeys_only=True)
    issuer.browser.human = ada
    for answer in (await issuer.arrive(tool), await issuer.agree(tool)):
        assert sent_back(answer)["error"] == "access_denied"
    assert "without a passkey" in repr(platform.entries("iam.oidc.authorize")[-1])
    passkey = await door.register(ada)
    ada.token = json.loads((await door.sign_in(passkey, origin="192.0.2.10")).body)["token"]
    tokens = await issuer.sign_in(tool, ada)
    assert (await issuer.claims(tokens["id_token"]))["acr"] == "phr"
