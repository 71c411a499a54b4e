"""Step-up, attacked: a proof for other content, of another session, used twice, too late; a replayed code; machines."""

import json
from base64 import b64decode
from hashlib import sha256

import msgspec
import pytest

from nexus.iam.operations import OPERATIONS
from nexus.iam.step_up import PROOF_VALID
from nexus.iam.throttle import MAX_FAILURES
from nexus.kernel.clock import DAY, Instant, rfc3339
from nexus.kernel.operation import Outcome
from simulators.identity_door import IdentityDoor, digest_in
from simulators.people import BROWSER, HOME, open_platform

DIGEST = "e" * 64


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(platform):
    return IdentityDoor(platform)


@pytest.fixture
async def founders(platform):
    return await platform.found("ada", "ben")


@pytest.fixture
async def ada(founders):
    return founders[0]


async def needed(door, who, name, body=None, path=None) -> str:
    """The digest that a request asks a fresh factor for."""
    digest = digest_in(await door.call(name, body, by=who, path=path))
    assert digest is not None
    return digest


async def about(door, who, person) -> str:
    """The digest of deleting somebody."""
    return await needed(door, who, "iam.person.delete", path={"id": person.id})


async def propose(door, who, person_id, proof="") -> int:
    return (await door.call("iam.person.delete", by=who, path={"id": person_id}, step_up=proof)).status


def test_every_sensitive_operation_and_both_halves_of_four_eyes_ask_for_a_fresh_factor():
    """NX-09. Reviewed here: which operations ask, beside those that are sensitive."""
    asking = {spec.name for spec in OPERATIONS if spec.step_up}
    assert asking == {
        "iam.approval.approve",
        "iam.approval.execute",
        "iam.passkey.begin",
        "iam.federation.begin-link",
        "iam.device.enrol",
        "iam.passkey.remove",
        "iam.password.remove",
    }


async def test_without_a_fresh_factor_nothing_is_proposed_approved_or_executed(platform, door, founders):
    ada, ben = founders
    dan = await platform.person(ada, "dan")
    assert await propose(door, ben, dan.id) == 401
    intent = json.loads((await door.fresh("iam.person.delete", by=ben, path={"id": dan.id})).body)
    path, content = {"id": intent["id"]}, {"digest": intent["digest"]}
    assert (await door.call("iam.approval.approve", content, by=ada, path=path)).status == 401
    assert (await door.fresh("iam.approval.approve", content, by=ada, path=path)).status == 200
    assert (await door.call("iam.approval.execute", by=ben, path=path)).status == 401
    assert (await door.fresh("iam.approval.execute", by=ben, path=path)).status == 204
    uses = [entry.outcome for entry in platform.entries("iam.step-up.use")]
    assert uses == [Outcome.ALLOWED] * 3


async def test_the_answer_says_what_to_do_and_which_content_it_is_about(platform, door, founders):
    ada, _ = founders
    dan = await platform.person(ada, "dan")
    answer = await door.call("iam.person.delete", by=ada, path={"id": dan.id})
    problem = json.loads(answer.body)
    assert (problem["code"], problem["kind"], len(problem["digest"])) == ("iam.step-up-needed", "step-up-needed", 64)
    assert "iam.step-up.prove" in problem["hint"] and "Nexus-Step-Up" in problem["hint"]
    assert "insufficient_user_authentication" in answer.headers["WWW-Authenticate"]
    assert platform.entries("iam.person.delete")[-1].outcome is Outcome.DENIED


async def test_a_proof_for_other_content_is_refused_and_gone(platform, door, founders):
    ada, _ = founders
    dan, eve = await platform.person(ada, "dan"), await platform.person(ada, "eve")
    await platform.sign_in(ada)
    about_dan, about_eve = [await about(door, ada, p) for p in (dan, eve)]
    assert about_dan != about_eve
    proof = await door.proof(ada, about_dan)
    assert await propose(door, ada, eve.id, proof) == 401
    assert await propose(door, ada, dan.id, proof) == 401
    assert [entry.details["reason"] for entry in platform.entries("iam.step-up.use")] == [
        "for other content",
        "unknown or used",
    ]
    assert await propose(door, ada, dan.id, await door.proof(ada, about_dan)) == 202  # the control


async def test_another_operation_on_the_same_thing_is_other_content(platform, door, founders):
    ada, ben = founders
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    path = {"id": dan.id}
    digests = [await needed(door, ada, name, path=path) for name in ("iam.person.delete", "iam.person.re-enrol")]
    intent = json.loads((await door.fresh("iam.person.delete", by=ben, path=path)).body)
    approving = await needed(door, ada, "iam.approval.approve", {"digest": intent["digest"]}, {"id": intent["id"]})
    assert len({*digests, approving, intent["digest"]}) == 4


async def test_the_execution_is_proved_for_what_was_approved(platform, door, founders):
    """Two intents of one shape have two digests: the proof for one does not carry out the other."""
    ada, ben = founders
    dan = await platform.person(ada, "dan")
    digests = []
    for _ in range(2):
        await platform.sign_in(ben)
        intent = json.loads((await door.fresh("iam.person.delete", by=ben, path={"id": dan.id})).body)
        path = {"id": intent["id"]}
        assert (await door.fresh("iam.approval.approve", {"digest": intent["digest"]}, by=ada, path=path)).status == 200
        digests.append(await needed(door, ben, "iam.approval.execute", path=path))
    proof = await door.proof(ben, digests[0])
    assert (await door.call("iam.approval.execute", by=ben, path=path, step_up=proof)).status == 401


async def test_a_proof_serves_once(platform, door, founders):
    ada, _ = founders
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    proof = await door.proof(ada, await about(door, ada, dan))
    assert await propose(door, ada, dan.id, proof) == 202
    assert await propose(door, ada, dan.id, proof) == 401


async def test_a_proof_ends_after_two_minutes(platform, door, founders):
    ada, _ = founders
    dan = await platform.person(ada, "dan")
    for early, status in ((1, 202), (0, 401)):
        await platform.sign_in(ada)
        proof = await door.proof(ada, await about(door, ada, dan))
        platform.clock.advance(PROOF_VALID - early)
        assert await propose(door, ada, dan.id, proof) == status


async def test_a_proof_of_another_session_of_the_same_person_or_of_somebody_else_is_refused(platform, door, founders):
    ada, ben = founders
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    digest, first = await about(door, ada, dan), ada.token
    proof = await door.proof(ada, digest)
    await platform.sign_in(ada)
    assert first != ada.token and await propose(door, ada, dan.id, proof) == 401
    proof = await door.proof(ada, digest)
    await platform.sign_in(ben)
    assert await propose(door, ben, dan.id, proof) == 401
    reasons = [entry.details["reason"] for entry in platform.entries("iam.step-up.use")]
    assert reasons == ["of another session"] * 2


@pytest.mark.parametrize("proof", ["x", "nxp_", "nxp_" + "A" * 43, "' OR 1=1 --", "é" * 400])
async def test_an_invented_proof_is_refused(platform, door, ada, proof):
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    assert await propose(door, ada, dan.id, proof) == 401


async def test_whoever_may_not_do_it_is_not_asked_for_a_factor(platform, door, ada):
    dan, eve = await platform.person(ada, "dan"), await platform.person(ada, "eve")
    assert await propose(door, dan, eve.id) == 403


# Codes


async def test_a_code_proves_one_content_once(platform, door, ada):
    """A replayed code: neither for the same content, nor for another, nor to sign in."""
    await platform.sign_in(ada)
    platform.clock.advance(DAY // 2880)
    typed = {"digest": DIGEST, "totp": platform.totp(ada).reveal().decode()}
    assert (await door.call("iam.step-up.prove", typed, by=ada)).status == 200
    assert (await door.call("iam.step-up.prove", typed, by=ada)).status == 401
    assert (await door.call("iam.step-up.prove", typed | {"digest": "f" * 64}, by=ada)).status == 401
    credentials = {"login": ada.login, "password": ada.password, "totp": typed["totp"]}
    assert (await door.call("iam.session.create", credentials)).status == 401


async def test_the_code_that_signed_in_proves_no_content(platform, door, ada):
    await platform.sign_in(ada)
    typed = {"digest": DIGEST, "totp": platform.totp(ada).reveal().decode()}
    assert (await door.call("iam.step-up.prove", typed, by=ada)).status == 401


async def test_whoever_stole_a_session_does_not_guess_codes_for_long(platform, door, ada):
    await platform.sign_in(ada)
    guess = {"digest": DIGEST, "totp": "000000"}
    statuses = [(await door.call("iam.step-up.prove", guess, by=ada)).status for _ in range(MAX_FAILURES + 2)]
    assert statuses == [401] * MAX_FAILURES + [429] * 2
    await platform.sign_in(ada)  # her own next session goes on
    await door.proof(ada, DIGEST)


# Passkeys


async def test_the_challenge_of_a_step_up_commits_to_its_content(platform, door, ada):
    """What the passkey signs holds a hash of the digest: anybody can check, later, what was agreed to."""
    passkey = await door.register(ada)
    begun = await door.document("iam.step-up.begin", {"digest": DIGEST}, by=ada)
    challenge = b64decode(begun["challenge"])
    nonce, content = challenge[:16], challenge[24:56]
    text = msgspec.json.encode(["step-up", nonce.hex(), DIGEST])
    assert content == sha256(b"nexus challenge v1\n" + text).digest()
    for digest, status in (("f" * 64, 401), (DIGEST, 401)):  # burnt by the first attempt, for whatever content
        body = {"digest": digest, "assertion": passkey.get(begun)}
        assert (await door.call("iam.step-up.prove", body, by=ada)).status == status
    assert await door.proof(ada, DIGEST, passkey)


async def test_somebody_elses_passkey_proves_nothing_for_me(platform, door, founders):
    ada, ben = founders
    passkey = await door.register(ben)
    await platform.sign_in(ada)
    begun = await door.document("iam.step-up.begin", {"digest": DIGEST}, by=ada)
    body = {"digest": DIGEST, "assertion": passkey.get(begun)}
    assert (await door.call("iam.step-up.prove", body, by=ada)).status == 401


async def test_a_fresh_factor_is_remembered_by_the_session(platform, door, ada):
    passkey = await door.register(ada)
    await platform.sign_in(ada)
    platform.clock.advance(10_000_000)
    await door.proof(ada, DIGEST, passkey)
    actor = await platform.authenticator.session(ada.token, HOME, BROWSER)
    assert (actor.factors, actor.proved_at) == ({"password", "totp", "passkey"}, platform.clock.now())


# Bad input, and who cannot


@pytest.mark.parametrize(
    "body",
    [
        {"digest": DIGEST},
        {"digest": DIGEST, "totp": "123456", "assertion": dict.fromkeys(("credential", "client_data"), "")},
        {"digest": "not a digest", "totp": "123456"},
        {"digest": DIGEST.upper(), "totp": "123456"},
        {"digest": "", "totp": "123456"},
        {"totp": "123456"},
    ],
)
async def test_a_proof_is_made_of_one_factor_for_one_digest(platform, door, ada, body):
    assert (await door.call("iam.step-up.prove", body, by=ada)).status == 400


async def test_a_machine_and_a_service_token_do_nothing_sensitive(platform, door, founders):
    """Neither proposes, whatever roles stand behind it."""
    ada, _ = founders
    dan = await platform.person(ada, "dan")
    await platform.sign_in(ada)
    ends = rfc3339(Instant(platform.clock.now() + DAY))
    made = await door.document("iam.token.create", {"identity": ada.id, "label": "x", "expires_at": ends}, by=ada)
    answer = await door.call("iam.person.delete", token=made["token"], path={"id": dan.id})
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "iam.step-up-impossible")
    for name, body in (("iam.step-up.begin", {"digest": DIGEST}), ("iam.step-up.prove", {"digest": DIGEST})):
        assert (await door.call(name, body, token=made["token"])).status == 403
    assert await propose(door, ada, dan.id, await door.proof(ada, await about(door, ada, dan))) == 202  # she may


async def test_the_database_holds_no_proof(platform, door, ada):
    await platform.sign_in(ada)
    proof = await door.proof(ada, DIGEST)
    with platform.db.read() as tx:
        assert proof not in repr(tx.all("SELECT * FROM iam_step_up"))
    assert proof not in repr(platform.recorder.entries)
