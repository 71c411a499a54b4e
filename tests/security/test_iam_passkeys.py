"""Passkeys, attacked: replay, another origin, a copy, a challenge used twice or elsewhere, a suspended owner, guessing."""

import json
import statistics
import time

import pytest

from nexus.app.demo.passkey import PRESENT, VERIFIED, SoftwarePasskey
from nexus.iam.challenges import CHALLENGE_VALID
from nexus.iam.requests.forms import ById
from nexus.kernel.clock import DAY, Instant, rfc3339
from nexus.kernel.operation import Outcome
from simulators.identity_door import IdentityDoor, digest_in, text
from simulators.people import BROWSER, HOME, PARTY, open_platform

EVIL = "203.0.113.66"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(platform):
    return IdentityDoor(platform)


@pytest.fixture
async def ada(platform):
    ada, _ = await platform.found("ada", "ben")
    return ada


def said(answer) -> dict[str, str]:
    """What a refusal tells whoever was refused."""
    document = json.loads(answer.body)
    return {key: document[key] for key in ("title", "status", "detail", "code", "kind", "hint")}


async def test_a_passkey_alone_signs_in_and_counts_for_two_factors(platform, door, ada):
    """NX-09. Passwordless: neither login nor password are asked for."""
    passkey = await door.register(ada)
    answer = await door.sign_in(passkey)
    assert answer.status == 200
    ada.token = json.loads(answer.body)["token"]
    actor = await platform.authenticator.session(ada.token, HOME, BROWSER)
    assert (actor.id, actor.factors, actor.proved_at) == (ada.id, {"passkey"}, platform.clock.now())
    entry = platform.entries("iam.session.create")[-1]
    assert (entry.operation.actor.id, entry.details["factors"]) == (ada.id, "passkey")


async def test_signing_in_by_passkey_opens_a_session_that_nobody_knew_before(platform, door, ada):
    """Session fixation: a token that the client brings is never the token of the new session."""
    passkey = await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {})
    brought = "nxs_" + "A" * 43
    answer = await door.call("iam.passkey.sign-in", passkey.get(asked), token=brought)
    token = json.loads(answer.body)["token"]
    assert token not in {brought, ada.token}
    assert (await door.call("iam.me.read", token=brought)).status == 401
    assert json.loads((await door.sign_in(passkey)).body)["token"] != token


async def test_a_captured_answer_signs_in_once(platform, door, ada):
    passkey = await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {})
    captured = passkey.get(asked)
    assert (await door.call("iam.passkey.sign-in", captured)).status == 200
    assert (await door.call("iam.passkey.sign-in", captured)).status == 401
    assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == 401  # the same challenge, signed anew


async def test_a_challenge_is_burnt_by_whatever_is_presented_for_it(platform, door, ada):
    passkey = await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {})
    wrong = passkey.get(asked) | {"signature": text(b"x" * 70)}
    assert (await door.call("iam.passkey.sign-in", wrong)).status == 401
    assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == 401


async def test_a_challenge_ends_after_minutes(platform, door, ada):
    passkey = await door.register(ada)
    for early, status in ((1, 200), (0, 401)):
        asked = await door.document("iam.passkey.challenge", {})
        platform.clock.advance(CHALLENGE_VALID - early)
        assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == status


@pytest.mark.parametrize(("origin", "client"), [(EVIL, BROWSER), (HOME, "evil/1")])
async def test_a_challenge_is_worth_nothing_to_another_client(platform, door, ada, origin, client):
    """A page that relays somebody else's challenge to its victim gets nowhere."""
    passkey = await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {}, origin=origin, client=client)
    assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == 401


async def test_a_challenge_of_one_ceremony_is_worth_nothing_in_another(platform, door, ada):
    passkey = await door.register(ada)
    registering = await door.begin_passkey(ada)
    stepping = await door.document("iam.step-up.begin", {"digest": "a" * 64}, by=ada)
    signing = await door.document("iam.passkey.challenge", {})
    for asked in (registering, stepping):
        assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == 401
    proof = {"digest": "a" * 64, "assertion": passkey.get(signing)}
    assert (await door.call("iam.step-up.prove", proof, by=ada)).status == 401
    other = SoftwarePasskey(PARTY.origin).create(registering | {"challenge": signing["challenge"]})
    answer = await door.call("iam.passkey.register", {"identity": ada.id, "name": "key", **other}, by=ada)
    assert answer.status == 401


async def test_an_invented_or_altered_challenge_is_refused(platform, door, ada):
    """Whoever makes one needs the platform's key: not a longer time, not another client, not another content."""
    from base64 import b64decode

    passkey = await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {})
    genuine = b64decode(asked["challenge"])
    later = genuine[:16] + (int.from_bytes(genuine[16:24], "big") + 10**9).to_bytes(8, "big") + genuine[24:]
    for challenge in (b"", b"x" * 88, later, genuine[:-1], genuine + b"\0"):
        answer = await door.call("iam.passkey.sign-in", passkey.get({"challenge": text(challenge)}))
        assert answer.status == 401
    assert (await door.call("iam.passkey.sign-in", passkey.get(asked))).status == 200  # the control


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("origin", "https://console.test"),
        ("origin", "https://console.test:8443.evil.test"),
        ("origin", "http://console.test:8443"),
        ("rp_id", "evil.test"),
        ("flags", PRESENT),
        ("flags", VERIFIED),
        ("client", {"crossOrigin": True}),
        ("client", {"crossOrigin": False, "topOrigin": "https://evil.test"}),
        ("client", {"type": "webauthn.create"}),
    ],
)
async def test_another_origin_another_platform_or_no_verification_is_refused(platform, door, ada, what, value):
    passkey = await door.register(ada)
    setattr(passkey, what, value)
    refused = await door.sign_in(passkey)
    assert refused.status == 401
    digest = "b" * 64
    begun = await door.document("iam.step-up.begin", {"digest": digest}, by=ada)
    proof = {"digest": digest, "assertion": passkey.get(begun)}
    assert (await door.call("iam.step-up.prove", proof, by=ada)).status == 401


@pytest.mark.parametrize(
    ("what", "value"),
    [("origin", "https://evil.test"), ("rp_id", "evil.test"), ("flags", PRESENT), ("client", {"crossOrigin": True})],
)
async def test_a_passkey_of_another_origin_or_without_verification_is_not_registered(platform, door, ada, what, value):
    asked = await door.begin_passkey(ada)
    passkey = SoftwarePasskey(PARTY.origin)
    if what == "rp_id":
        asked["rp_id"] = value
    else:
        setattr(passkey, what, value)
    made = passkey.create(asked)
    answer = await door.call("iam.passkey.register", {"identity": ada.id, "name": "key", **made}, by=ada)
    assert (answer.status, json.loads(answer.body)["code"]) == (401, "iam.passkey-refused")
    assert (await listed(door, ada)) == []


async def listed(door, who):
    found = await door.document("iam.passkey.list", by=who, path={"identity": who.id})
    return found["passkeys"]


async def test_a_cloned_authenticator_is_found_out_suspended_and_recorded(platform, door, ada):
    """The counter of a copy falls behind that of the original: neither of the two opens the door any more."""
    passkey = await door.register(ada)
    passkey.count = 5
    assert (await door.sign_in(passkey)).status == 200
    clone = SoftwarePasskey(PARTY.origin)
    clone.__dict__.update(passkey.__dict__ | {"count": 3})
    assert (await door.sign_in(clone)).status == 401
    assert (await door.sign_in(passkey)).status == 401
    [entry] = platform.entries("iam.passkey.suspend")
    assert (entry.outcome, entry.resource.id, entry.subject) == (Outcome.DENIED, ada.id, ada.id)
    assert (entry.details["reason"], entry.details["counted"]) == ("cloned authenticator", 4)
    [view] = await listed(door, ada)
    assert view["suspended_at"]
    told = await door.document("iam.notice.list", by=ada, path={"identity": ada.id})
    assert {notice["kind"] for notice in told["notices"]} >= {"new_passkey", "passkey_cloned"}
    begun = await door.document("iam.step-up.begin", {"digest": "c" * 64}, by=ada)
    assert begun["allow"] == []
    proof = {"digest": "c" * 64, "assertion": passkey.get(begun)}
    assert (await door.call("iam.step-up.prove", proof, by=ada)).status == 401


async def test_a_clone_is_found_out_by_a_step_up_too(platform, door, ada):
    passkey = await door.register(ada)
    await door.proof(ada, "d" * 64, passkey)
    passkey.count = 0
    begun = await door.document("iam.step-up.begin", {"digest": "d" * 64}, by=ada)
    proof = {"digest": "d" * 64, "assertion": passkey.get(begun)}
    assert (await door.call("iam.step-up.prove", proof, by=ada)).status == 401
    assert len(platform.entries("iam.passkey.suspend")) == 1


async def test_an_authenticator_that_does_not_count_goes_on(platform, door, ada):
    passkey = await door.register(ada)
    for _ in range(3):
        passkey.count = -1  # shows zero for ever, as synced passkeys do
        assert (await door.sign_in(passkey)).status == 200


async def test_a_suspended_or_deleted_person_does_not_come_in_by_passkey(platform, door, ada):
    dan = await platform.person(ada, "dan")
    passkey = await door.register(dan)
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=dan.id))
    assert (await door.sign_in(passkey)).status == 401
    await platform.call("iam.person.resume", platform.op(ada), ById(id=dan.id))
    assert (await door.sign_in(passkey)).status == 200


async def test_every_reason_for_a_refusal_gives_the_same_answer(platform, door, ada):
    """IN-10. Nobody learns whether a credential exists, is suspended, or whose it is."""
    dan = await platform.person(ada, "dan")
    known, of_suspended, unknown = await door.register(ada), await door.register(dan), SoftwarePasskey(PARTY.origin)
    unknown.rp_id = PARTY.id
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=dan.id))
    stale = known.get(await door.document("iam.passkey.challenge", {}))
    platform.clock.advance(CHALLENGE_VALID)
    answers = [await door.call("iam.passkey.sign-in", stale)]
    for passkey, change in ((of_suspended, {}), (unknown, {}), (known, {"user_handle": text(dan.id.encode())})):
        asked = await door.document("iam.passkey.challenge", {})
        answers.append(await door.call("iam.passkey.sign-in", passkey.get(asked) | change))
    for garbage in ("", "AAAA", text(b"{}"), text(b'{"challenge": 5}'), text(b"\xff" * 9_000)):
        body = known.get(await door.document("iam.passkey.challenge", {})) | {"client_data": garbage}
        answers.append(await door.call("iam.passkey.sign-in", body))
    assert {answer.status for answer in answers} == {401}
    assert len({json.dumps(said(answer)) for answer in answers}) == 1


async def test_a_challenge_names_nobody(platform, door, ada):
    await door.register(ada)
    asked = await door.document("iam.passkey.challenge", {})
    assert asked["allow"] == []
    assert ada.id not in json.dumps(asked)


async def test_an_unknown_credential_takes_as_long_as_a_known_one(platform, door, ada):
    known, unknown = await door.register(ada), SoftwarePasskey(PARTY.origin)
    unknown.rp_id, unknown.user_handle = PARTY.id, known.user_handle
    known.key = unknown.key  # both fail on their signature
    times: dict[bool, list[float]] = {True: [], False: []}
    for n in range(60):
        passkey = known if n % 2 else unknown
        body = passkey.get(await door.document("iam.passkey.challenge", {}))
        start = time.process_time()  # of the clock, others on the machine would be measured as well
        await door.call("iam.passkey.sign-in", body)
        times[bool(n % 2)].append(time.process_time() - start)
    assert 0.5 < statistics.median(times[True]) / statistics.median(times[False]) < 2


# Registration


async def test_registration_begins_with_a_fresh_factor_for_exactly_this_registration(platform, door, ada):
    wanted = {"identity": ada.id, "name": "telephone"}
    asked = await door.call("iam.passkey.begin", wanted, by=ada)
    digest = digest_in(asked)
    assert (asked.status, digest is not None) == (401, True)
    proof = await door.proof(ada, digest)
    other = await door.call("iam.passkey.begin", wanted | {"name": "thief's"}, by=ada, step_up=proof)
    assert other.status == 401
    assert (await door.call("iam.passkey.begin", wanted, by=ada, step_up=proof)).status == 401  # used up
    proof = await door.proof(ada, digest)
    assert (await door.call("iam.passkey.begin", wanted, by=ada, step_up=proof)).status == 200


async def test_a_registration_belongs_to_the_session_the_person_and_the_name_that_it_began_with(platform, door, ada):
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    asked = await door.begin_passkey(ada, "telephone")
    made = SoftwarePasskey(PARTY.origin).create(asked)
    body = {"identity": ada.id, "name": "telephone", **made}
    first = ada.token
    await platform.sign_in(ada)
    assert (await door.call("iam.passkey.register", body, by=ada)).status == 401
    assert (await door.call("iam.passkey.register", body, by=dan)).status == 403
    assert (await door.call("iam.passkey.register", body | {"identity": dan.id}, by=dan)).status == 401
    assert (await door.call("iam.passkey.register", body | {"name": "x"}, token=first)).status == 401
    assert await listed(door, ada) == []


async def test_a_credential_is_registered_once(platform, door, ada):
    passkey = await door.register(ada)
    dan = await platform.person(ada, "dan")
    made = passkey.create(await door.begin_passkey(dan))
    answer = await door.call("iam.passkey.register", {"identity": dan.id, "name": "key", **made}, by=dan)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "iam.passkey-known")


async def test_neither_a_stranger_nor_a_service_token_registers_a_passkey(platform, door, ada):
    ends = rfc3339(Instant(platform.clock.now() + DAY))
    body = {"identity": ada.id, "label": "script", "expires_at": ends}
    token = (await door.document("iam.token.create", body, by=ada))["token"]
    wanted = {"identity": ada.id, "name": "key"}
    assert (await door.call("iam.passkey.begin", wanted)).status == 401
    assert (await door.call("iam.passkey.begin", wanted, token=token)).status == 403


# Keeping them


async def test_passkeys_have_names_and_are_listed_renamed_and_removed(platform, door, ada):
    first, second = await door.register(ada, "telephone"), await door.register(ada, "blue key")
    assert [view["name"] for view in await listed(door, ada)] == ["telephone", "blue key"]
    path = {"id": (await listed(door, ada))[0]["id"]}
    await door.document("iam.passkey.rename", {"name": "old telephone"}, by=ada, path=path)
    assert [view["name"] for view in await listed(door, ada)] == ["old telephone", "blue key"]
    assert (await door.call("iam.passkey.remove", by=ada, path=path)).status == 401  # asks for a fresh factor
    assert (await door.fresh("iam.passkey.remove", by=ada, path=path)).status == 204
    assert [view["name"] for view in await listed(door, ada)] == ["blue key"]
    assert (await door.sign_in(first)).status == 401
    assert (await door.sign_in(second)).status == 200


async def test_nobody_touches_the_passkeys_of_somebody_else_but_an_officer_who_stops_them(platform, door, ada):
    dan, eve = await platform.person(ada, "dan"), await platform.person(ada, "eve")
    passkey = await door.register(dan)
    path = {"id": (await listed(door, dan))[0]["id"]}
    for name, body in (("iam.passkey.remove", None), ("iam.passkey.rename", {"name": "mine"})):
        assert (await door.call(name, body, by=eve, path=path)).status == 403
    assert (await door.call("iam.passkey.list", by=eve, path={"identity": dan.id})).status == 403
    assert (await door.call("iam.passkey.rename", {"name": "mine"}, by=ada, path=path)).status == 403
    assert (await door.fresh("iam.passkey.remove", by=ada, path=path)).status == 204
    assert (await door.sign_in(passkey)).status == 401


async def test_the_last_factor_is_never_removed(platform, door, ada):
    """Going without a password takes two passkeys; then the last of them stays."""
    first = await door.register(ada)
    path = {"identity": ada.id}
    few = await door.fresh("iam.password.remove", by=ada, path=path)
    assert (few.status, json.loads(few.body)["code"]) == (409, "iam.too-few-passkeys")
    second = await door.register(ada)
    assert (await door.fresh("iam.password.remove", by=ada, path=path)).status == 204
    platform.clock.advance(DAY)
    answer = await door.call("iam.session.create", typed(platform, ada))
    assert answer.status == 401
    ada.token = json.loads((await door.sign_in(first)).body)["token"]
    one, two = [view["id"] for view in await listed(door, ada)]
    assert (await remove(door, ada, one, second)) == 204
    assert (await remove(door, ada, two, second)) == 409
    assert (await door.sign_in(second)).status == 200


def typed(platform, human):
    return {"login": human.login, "password": human.password, "totp": platform.totp(human).reveal().decode()}


async def remove(door, who, passkey_id, with_passkey) -> int:
    path = {"id": passkey_id}
    digest = digest_in(await door.call("iam.passkey.remove", by=who, path=path))
    proof = await door.proof(who, digest, with_passkey)
    return (await door.call("iam.passkey.remove", by=who, path=path, step_up=proof)).status


async def test_a_person_has_so_many_passkeys_and_no_more(platform, door, ada):
    for n in range(10):
        await door.register(ada, f"key {n}")
        await platform.sign_in(ada)
    answer = await door.fresh("iam.passkey.begin", {"identity": ada.id, "name": "one more"}, by=ada)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "iam.too-many-passkeys")
