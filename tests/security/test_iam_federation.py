"""People sign in with an outside issuer; the issuer, its impostors and the network may lie in every way we know.

ASVS 5.0 V6.8, V10.1, V10.2, V10.5 (as a relying party).
"""

import base64

import pytest
from joserfc.jwk import ECKey

from nexus.iam.model import Factor, NoticeKind, Role
from nexus.iam.requests.federation import BeginFederation, BeginLink, CompleteFederation, CompleteLink
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.rights import ListGrants
from nexus.kernel.clock import DAY, MINUTE, SECOND
from nexus.kernel.errors import Conflict, Denied, NotFound, Unauthenticated, Unavailable
from nexus.kernel.secret import Secret
from simulators.outside_issuer import URL, WEAK, OutsideIssuerSimulator, rsa_key
from simulators.people import BROWSER, HOME, open_platform

SUBJECT = "f1b2-subject"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        opened.outside = OutsideIssuerSimulator(opened.clock)
        opened.federate(opened.outside.configured(), transport=opened.outside.transport)
        yield opened


async def linked(platform, human, subject=SUBJECT):
    """Link a person's account, as the console does."""
    begun = await platform.call(
        "iam.federation.begin-link", platform.op(human), BeginLink(identity=human.id, issuer="chu")
    )
    answer = platform.outside.sign_in(begun.url, subject)
    return await platform.call("iam.federation.link", platform.op(human), complete_link(human, begun, answer))


def complete_link(human, begun, answer):
    return CompleteLink(
        identity=human.id,
        transaction=begun.transaction,
        **{**answer, "code": Secret(answer["code"].encode())},
    )


def complete(begun, answer):
    return CompleteFederation(transaction=begun.transaction, **{**answer, "code": Secret(answer["code"].encode())})


async def begin(platform, **where):
    return await platform.call("iam.federation.begin", platform.op(**where), BeginFederation(issuer="chu"))


async def sign_in(platform, subject=SUBJECT, *, change=None, **claims):
    """The whole way; `change` alters what the browser brings back."""
    begun = await begin(platform)
    answer = platform.outside.sign_in(begun.url, subject, **claims)
    return await platform.call("iam.federation.complete", platform.op(), complete(begun, {**answer, **(change or {})}))


async def test_a_linked_person_signs_in_with_what_she_proved_there(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    signed_in = await sign_in(platform)
    actor = await platform.authenticator.session(signed_in.token.reveal().decode(), HOME, BROWSER)
    assert actor.person == ada.id and actor.factors == {Factor.PASSWORD, Factor.TOTP, Factor.FEDERATED}
    links = await platform.call("iam.federation.list", platform.op(ada), OfIdentity(identity=ada.id))
    assert links.links[0].issuer == URL and links.links[0].last_used_at is not None


async def test_an_issuer_speaks_for_nobody_who_did_not_link_herself(platform):
    ada, _ = await platform.found("ada", "bob")
    with pytest.raises(Unauthenticated) as unknown:
        await sign_in(platform, email="ada@nexus.example", preferred_username="ada", email_verified=True)
    await linked(platform, ada)
    with pytest.raises(Unauthenticated) as other:
        await sign_in(platform, "another-subject", email="ada@nexus.example")
    assert str(unknown.value) == str(other.value) and unknown.value.code == "iam.federation-unknown"


async def test_one_subject_is_one_person(platform):
    ada, bob = await platform.found("ada", "bob")
    await linked(platform, ada)
    with pytest.raises(Conflict):
        await linked(platform, bob)


async def test_nobody_links_the_account_of_somebody_else_or_without_a_session(platform):
    ada, bob = await platform.found("ada", "bob")
    request = BeginLink(identity=ada.id, issuer="chu")
    with pytest.raises(Denied):
        await platform.call("iam.federation.begin-link", platform.op(bob), request)
    begun = await platform.call("iam.federation.begin-link", platform.op(ada), request)
    answer = platform.outside.sign_in(begun.url, SUBJECT)
    with pytest.raises((Denied, Unauthenticated)):  # bob brings ada's transaction to his own account
        await platform.call("iam.federation.link", platform.op(bob), complete_link(bob, begun, answer))


async def test_a_sign_in_answer_does_not_link_and_a_link_answer_does_not_sign_in(platform):
    ada, _ = await platform.found("ada", "bob")
    begun = await begin(platform)
    with pytest.raises(Unauthenticated):
        await platform.call(
            "iam.federation.link",
            platform.op(ada),
            complete_link(ada, begun, platform.outside.sign_in(begun.url, SUBJECT)),
        )
    begun = await platform.call("iam.federation.begin-link", platform.op(ada), BeginLink(identity=ada.id, issuer="chu"))
    with pytest.raises(Unauthenticated):
        await platform.call(
            "iam.federation.complete", platform.op(), complete(begun, platform.outside.sign_in(begun.url, SUBJECT))
        )


async def test_an_answer_counts_once_in_the_browser_that_asked_within_its_time(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    for change in ({"origin": "198.51.100.9"}, {"client": "another browser"}):
        begun = await begin(platform)
        answer = platform.outside.sign_in(begun.url, SUBJECT)
        with pytest.raises(Unauthenticated):
            await platform.call("iam.federation.complete", platform.op(**change), complete(begun, answer))
    begun = await begin(platform)
    answer = platform.outside.sign_in(begun.url, SUBJECT)
    await platform.call("iam.federation.complete", platform.op(), complete(begun, answer))
    answer = platform.outside.sign_in(begun.url, SUBJECT)  # a fresh code for the same transaction
    with pytest.raises(Unauthenticated):
        await platform.call("iam.federation.complete", platform.op(), complete(begun, answer))
    begun = await begin(platform)
    platform.clock.advance(11 * MINUTE)
    with pytest.raises(Unauthenticated):
        await platform.call(
            "iam.federation.complete", platform.op(), complete(begun, platform.outside.sign_in(begun.url, SUBJECT))
        )


async def test_state_code_and_issuer_of_another_sign_in_are_refused(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    foreign = platform.outside.sign_in((await begin(platform)).url, SUBJECT)
    for name, value in (
        ("state", foreign["state"]),
        ("code", "invented"),
        ("iss", "https://evil.example"),
        ("iss", ""),
    ):
        begun = await begin(platform)
        wrong = {**platform.outside.sign_in(begun.url, SUBJECT), name: value}
        with pytest.raises((Unauthenticated, Unavailable)):
            await platform.call("iam.federation.complete", platform.op(), complete(begun, wrong))
    begun = await begin(platform)  # the attacker's code in the victim's transaction: PKCE and nonce say no
    own = {**platform.outside.sign_in(begun.url, SUBJECT), "code": foreign["code"]}
    with pytest.raises((Unauthenticated, Unavailable)):
        await platform.call("iam.federation.complete", platform.op(), complete(begun, own))


def at(platform, seconds):
    return platform.clock.now() // SECOND + seconds


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["nexus", "another-client"]},
        {"aud": ["nexus", "another-client"], "azp": "another-client"},
        {"azp": "another-client"},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"acr": WEAK},
        {"acr": None},
        {"acr": "urn:unheard-of"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"auth_time": None},
    ],
    ids=str,
)
async def test_a_token_that_says_one_thing_wrong_is_not_believed(platform, lie):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    platform.outside.lies = lie
    with pytest.raises(Unauthenticated) as refused:
        await sign_in(platform)
    assert SUBJECT not in str(refused.value)
    platform.outside.lies = {}
    await sign_in(platform)


@pytest.mark.parametrize(
    ("claim", "seconds"),
    [("exp", -61), ("iat", 120), ("nbf", 120), ("auth_time", -61 * 60 - 1), ("auth_time", 120)],
)
async def test_a_token_of_another_time_is_not_believed(platform, claim, seconds):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    platform.outside.lies = {claim: at(platform, seconds)}
    with pytest.raises(Unauthenticated):
        await sign_in(platform)


async def test_a_clock_that_is_a_little_off_is_forgiven(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    platform.outside.lies = {"iat": at(platform, 30), "nbf": at(platform, 30), "exp": at(platform, -30)}
    await sign_in(platform)


async def test_no_algorithm_but_the_named_ones_and_no_key_but_the_issuers(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    outside = platform.outside
    stranger = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    for header, signing in (
        ({"alg": "none"}, None),
        ({"alg": "HS256"}, outside.public_key_as_secret()),
        ({}, stranger),
        ({"alg": "RS256", "kid": "k1"}, rsa_key("k1")),
        ({"jwk": stranger.as_dict(private=False)}, stranger),
        ({"jku": "https://evil.example/jwks", "kid": "evil"}, stranger),
        ({"alg": "RS512", "kid": "k1"}, rsa_key("k1")),
    ):
        outside.header, outside.signing = header, signing
        with pytest.raises(Unauthenticated):
            await sign_in(platform)
    assert not [url for url in outside.requests if not url.startswith(URL)], "we follow no address in a token"
    outside.header, outside.signing = {}, None
    await sign_in(platform)


async def test_a_token_with_one_byte_changed_is_not_believed(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    outside = platform.outside
    honest = outside._signed
    outside._signed = lambda claims: _flipped(honest(claims))
    with pytest.raises(Unauthenticated):
        await sign_in(platform)


def _flipped(token):
    head, body, signature = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    at = raw.index(SUBJECT.encode())
    raw[at] ^= 1
    return ".".join((head, base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="), signature))


async def test_new_keys_are_found_and_strangers_cannot_make_us_ask_for_them_all_the_time(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    platform.outside.rotate("k2")
    with pytest.raises(Unauthenticated):  # within the minute after the last look
        await sign_in(platform)
    platform.clock.advance(2 * MINUTE)
    await sign_in(platform)
    asked = platform.outside.requests.count(f"{URL}/jwks")
    platform.outside.header = {"kid": "invented"}
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await sign_in(platform)
    assert platform.outside.requests.count(f"{URL}/jwks") <= asked + 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://issuer.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
async def test_metadata_of_another_issuer_or_without_tls_are_refused(platform, metadata):
    platform.outside.metadata = metadata
    await platform.found("ada", "bob")
    with pytest.raises(Unavailable):
        await begin(platform)


async def test_an_issuer_that_is_down_says_so_and_everybody_else_goes_on(platform):
    ada, _ = await platform.found("ada", "bob")
    platform.outside.down = True
    with pytest.raises(Unavailable):
        await begin(platform)
    platform.clock.advance(MINUTE)
    await platform.sign_in(ada)
    with pytest.raises(NotFound):
        await platform.call("iam.federation.begin", platform.op(), BeginFederation(issuer="unknown"))


async def test_a_suspended_or_unlinked_person_does_not_come_in(platform):
    ada, bob = await platform.found("ada", "bob")
    link = await linked(platform, ada)
    await platform.call("iam.person.suspend", platform.op(bob), ById(id=ada.id))
    with pytest.raises(Unauthenticated):
        await sign_in(platform)
    await platform.call("iam.person.resume", platform.op(bob), ById(id=ada.id))
    await sign_in(platform)
    await platform.call("iam.federation.unlink", platform.op(bob), ById(id=link.id))
    with pytest.raises(Unauthenticated):
        await sign_in(platform)


async def test_the_person_hears_of_links(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    found = await platform.call("iam.notice.list", platform.op(ada), OfIdentity(identity=ada.id))
    assert NoticeKind.LINKED in {notice.kind for notice in found.notices}


async def test_claims_give_roles_of_data_work_for_days_and_take_them_back(platform):
    ada, bob = await platform.found("ada", "bob")
    zoe = await platform.person(ada, "zoe")
    await linked(platform, zoe)

    async def roles():
        found = await platform.call("iam.role.list", platform.op(bob), ListGrants(identity=zoe.id))
        return [(grant.role, grant.scope, grant.granted_by) for grant in found.grants]

    await sign_in(platform, groups=["cardio", "others"])
    assert await roles() == [(Role.RESEARCHER, "project:p1", "system:federation:chu")]
    await sign_in(platform, groups=["cardio"])
    assert len(await roles()) == 1, "a right that lasts is not granted again"
    platform.clock.advance(4 * DAY)
    await platform.sign_in(bob)
    await sign_in(platform, groups="cardio")
    assert len(await roles()) == 2, "renewed after half its time"
    await sign_in(platform, groups=["others"])
    assert await roles() == []
    granted = platform.entries("iam.role.grant")
    assert granted and {entry.operation.actor.id for entry in granted} == {"system:federation:chu"}
