"""Keys that sign for one use: made at the first request, for the callers that the use names, old versions listed.

Fulfils R-157 (signing keys in the key service) for the certificate authority and the token issuer.
"""

import asyncio
import hashlib
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature

from nexus.app import pki
from nexus.kernel.clock import DAY, HOUR
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, Sealed
from nexus.kms.model import Algorithm, KeyClass
from nexus.kms.requests import KeyRef, Nothing, ScheduleDestruction
from nexus.kms.uses import USES, Use
from simulators.keyservice import running
from simulators.operations import operation
from simulators.p256 import P256PublicKey
from simulators.tokens import needs_softhsm


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def kms(request):
    async with running(request.param) as service:
        yield service


@pytest.fixture
async def soft():
    async with running() as service:
        yield service


def verifies(public, signature, message):
    try:
        P256PublicKey(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


async def test_the_first_request_makes_the_key_and_later_ones_find_it(kms):
    console = await kms.client("console")
    made = await console.bound_key(Use.TOKEN_ISSUER, operation())
    assert made.algorithm is Algorithm.ECDSA_P256 and [version.signs for version in made.versions] == [True]
    await kms.restart()
    await kms.unseal()
    console = await kms.client("console")
    signed = await console.sign_bound(Use.TOKEN_ISSUER, b"header.payload", operation())
    assert (await console.bound_key(Use.TOKEN_ISSUER, operation())) == made
    assert (signed.key_id, signed.version, len(signed.signature)) == (made.key_id, 1, 64)
    assert verifies(made.signing.public_key, signed.signature, b"header.payload")
    assert not verifies(made.signing.public_key, signed.signature, b"header.payloaD")


async def test_ten_first_requests_at_once_make_one_key(kms):
    console = await kms.client("console")
    found = await asyncio.gather(*(console.bound_key(Use.TOKEN_ISSUER, operation()) for _ in range(10)))
    assert len({key.key_id for key in found}) == 1


async def test_each_use_has_its_own_callers_and_a_trespass_is_recorded(soft):
    supervisor, console, api, worker, s3 = [
        await soft.client(name) for name in ("supervisor", "console", "api", "worker", "s3")
    ]
    point = (await supervisor.bound_key(Use.CERTIFICATE_AUTHORITY, operation())).signing.public_key
    root = pki.draft_root("nx_test", point, soft.clock.now())
    await supervisor.sign_bound(Use.CERTIFICATE_AUTHORITY, root, operation())
    await console.sign_bound(Use.TOKEN_ISSUER, b"token", operation())
    assert await api.bound_key(Use.TOKEN_ISSUER, operation())
    assert await s3.bound_key(Use.TOKEN_ISSUER, operation())
    for call in (
        lambda: supervisor.sign_bound(Use.TOKEN_ISSUER, b"forged", operation()),
        lambda: console.sign_bound(Use.CERTIFICATE_AUTHORITY, b"forged", operation()),
        lambda: console.bound_key(Use.CERTIFICATE_AUTHORITY, operation()),
        lambda: api.sign_bound(Use.TOKEN_ISSUER, b"forged", operation()),
        lambda: worker.sign_bound(Use.TOKEN_ISSUER, b"forged", operation()),
        lambda: s3.sign_bound(Use.TOKEN_ISSUER, b"forged", operation()),
        lambda: s3.bound_key(Use.CERTIFICATE_AUTHORITY, operation()),
    ):
        before = len(soft.entries())
        with pytest.raises(Denied):
            await call()
        (refusal,) = soft.entries()[before:]
        assert refusal.outcome.value == "denied" and refusal.details["caller"]


async def test_the_method_for_other_keys_does_not_sign_with_a_bound_one(soft):
    console, worker, api = [await soft.client(name) for name in ("console", "worker", "api")]
    key_id = (await console.bound_key(Use.TOKEN_ISSUER, operation())).key_id
    with pytest.raises(Denied):
        await worker.sign(key_id, b"token")
    with pytest.raises(Invalid):
        await soft.create(api, owner="system:platform-signing", key_class=KeyClass.SIGNING)


async def test_every_signature_is_recorded_with_the_hash_of_what_was_signed(soft):
    console = await soft.client("console")
    signed = await console.sign_bound(Use.TOKEN_ISSUER, b"header.payload", operation())
    entry = soft.entries()[-1]
    assert (entry.action, entry.resource.id) == ("kms.bound-key.sign", signed.key_id)
    assert entry.details == {
        "use": "token-issuer",
        "version": 1,
        "sha256": hashlib.sha256(b"header.payload").hexdigest(),
    }


async def test_a_new_version_is_listed_before_it_signs_and_an_old_one_after(soft):
    console, api = await soft.client("console"), await soft.client("api")
    key_id = (await console.bound_key(Use.TOKEN_ISSUER, operation())).key_id

    async def shown():
        key = await console.bound_key(Use.TOKEN_ISSUER, operation())
        signed = await console.sign_bound(Use.TOKEN_ISSUER, b"t", operation())
        assert signed.version == key.signing.number
        return [(version.number, version.signs) for version in key.versions]

    await api.rotate(operation(), KeyRef(key_id=key_id))
    assert await shown() == [(1, True), (2, False)]
    soft.clock.advance(HOUR)
    assert await shown() == [(1, False), (2, True)]
    soft.clock.advance(2 * DAY)
    assert await shown() == [(2, True)]


async def test_the_issuer_key_rotates_by_itself_and_the_authority_only_by_a_person(soft):
    console, supervisor = await soft.client("console"), await soft.client("supervisor")
    await console.bound_key(Use.TOKEN_ISSUER, operation())
    await supervisor.bound_key(Use.CERTIFICATE_AUTHORITY, operation())
    soft.clock.advance(3_650 * DAY)
    await soft.turn()
    assert len((await console.bound_key(Use.TOKEN_ISSUER, operation())).versions) == 2
    assert len((await supervisor.bound_key(Use.CERTIFICATE_AUTHORITY, operation())).versions) == 1
    assert any(entry.details.get("step") == "due" for entry in soft.entries())


async def test_disabled_means_no_signature_and_destroyed_means_a_new_key(soft):
    console, api = await soft.client("console"), await soft.client("api")
    key_id = (await console.bound_key(Use.TOKEN_ISSUER, operation())).key_id
    await api.disable(operation(), KeyRef(key_id=key_id))
    with pytest.raises(Conflict):
        await console.sign_bound(Use.TOKEN_ISSUER, b"t", operation())
    await api.schedule_destruction(
        replace(operation(), approval="apr_1"), ScheduleDestruction(key_id=key_id, waiting_days=7)
    )
    soft.clock.advance(8 * DAY)
    await soft.turn()
    assert (await console.bound_key(Use.TOKEN_ISSUER, operation())).key_id != key_id


async def test_sealed_means_that_nothing_is_signed(soft):
    console, api = await soft.client("console"), await soft.client("api")
    await console.bound_key(Use.TOKEN_ISSUER, operation())
    await api.seal(operation(), Nothing())
    with pytest.raises(Sealed):
        await console.sign_bound(Use.TOKEN_ISSUER, b"t", operation())


def test_every_use_names_its_callers_and_an_algorithm_for_what_they_do():
    assert set(USES) == set(Use)
    for rule in USES.values():
        does = {"signing": rule.signers, "pseudonymisation": rule.computers, "data": rule.wrappers}
        assert [kind for kind, callers in does.items() if callers] == [rule.key_class.value]
        assert rule.key_class is not KeyClass.SIGNING or rule.algorithm in (Algorithm.ECDSA_P256, Algorithm.ED25519)


FIRST, SECOND = "pseudonyms-first", "pseudonyms-second"


async def test_the_secret_of_the_first_level_computes_inside_and_is_let_out_to_nobody(kms):
    first, second, api = [await kms.client(name) for name in (FIRST, SECOND, "api")]
    made = await first.prf_bound(Use.PSEUDONYM_LINKS, [b"one", b"two"], operation())
    assert len(set(made.outputs)) == 2 and {len(each) for each in made.outputs} == {32}
    assert await first.prf_bound(Use.PSEUDONYM_LINKS, [b"one", b"two"], operation(), version=1) == made
    assert (await first.prf_bound(Use.PSEUDONYM_LINKS, [], operation())).version == made.version
    key_id = next(entry.resource.id for entry in kms.entries() if entry.details.get("bound_use") == "pseudonym-links")
    for trespass in (
        lambda: second.prf_bound(Use.PSEUDONYM_LINKS, [b"one"], operation()),
        lambda: api.prf(key_id, [b"one"], operation()),
        lambda: first.generate_bound(Use.PSEUDONYM_LINKS, {"a": "b"}, operation()),
    ):
        with pytest.raises(Denied):
            await trespass()
    key = await api.read(operation(), KeyRef(key_id=key_id))
    assert key.key_class is KeyClass.PSEUDONYMISATION and not key.exportable


async def test_neither_level_of_pseudonyms_opens_what_the_other_or_anybody_else_wrapped(kms):
    first, second, api = [await kms.client(name) for name in (FIRST, SECOND, "api")]
    context = {"pseudonyms": "EMC2"}
    theirs = await second.generate_bound(Use.PSEUDONYM_DOMAINS, context, operation())
    ours = await first.generate_bound(Use.PSEUDONYM_LINKAGE, context, operation())
    opened = await second.unwrap_bound(Use.PSEUDONYM_DOMAINS, theirs.wrapped, context, operation())
    assert opened == theirs.plaintext
    for trespass in (
        lambda: first.unwrap_bound(Use.PSEUDONYM_DOMAINS, theirs.wrapped, context, operation()),
        lambda: second.unwrap_bound(Use.PSEUDONYM_LINKAGE, ours.wrapped, context, operation()),
        lambda: api.unwrap(theirs.wrapped, context, operation()),
        lambda: api.rewrap([theirs.wrapped], [context], operation()),
        lambda: second.unwrap(theirs.wrapped, context, operation()),
    ):
        with pytest.raises(Denied):
            await trespass()
    with pytest.raises(Damaged):
        await first.unwrap_bound(Use.PSEUDONYM_LINKAGE, theirs.wrapped, context, operation())
    with pytest.raises(Damaged):
        await second.unwrap_bound(Use.PSEUDONYM_DOMAINS, theirs.wrapped, {"pseudonyms": "OTHER"}, operation())


async def test_the_keys_of_pseudonyms_do_not_rotate_by_themselves(soft):
    first = await soft.client(FIRST)
    await first.prf_bound(Use.PSEUDONYM_LINKS, [b"one"], operation())
    await first.generate_bound(Use.PSEUDONYM_LINKAGE, {"a": "b"}, operation())
    soft.clock.advance(3_651 * DAY)
    await soft.turn()
    assert (await first.prf_bound(Use.PSEUDONYM_LINKS, [], operation())).version == 1
