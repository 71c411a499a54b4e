"""A key from creation to disablement, over the socket, with both providers.

Fulfils EMC-39 (more than a hundred keys of three types, none without owner, age and rotation date), EMC-40 (automated
life cycle: create, rotate, revoke) and R-157 (provider reported as emulated).
"""

from dataclasses import replace

import msgspec
import pytest

from nexus.kernel.clock import DAY
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.secret import Secret
from nexus.kms.model import MAX_WRAPS_PER_VERSION, Algorithm, Custody, KeyClass, KeyState
from nexus.kms.requests import CreateKey, KeyRef, ListKeys, Nothing
from simulators.clock import EPOCH
from simulators.keyservice import running
from simulators.operations import operation
from simulators.tokens import needs_softhsm

CONTEXT = {"bucket": "bkt_1", "site": "chu"}


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def kms(request):
    async with running(request.param) as service:
        yield service


async def test_a_key_is_created_with_its_owner_purpose_and_rotation(kms):
    api = await kms.client()
    key = await kms.create(api, purpose="buckets of the cardiology site", rotation_days=30)
    assert (key.owner, key.purpose, key.state) == ("per_carol", "buckets of the cardiology site", KeyState.ENABLED)
    assert key.next_rotation_at == EPOCH + 30 * DAY and key.current.number == 1
    assert await api.read(operation(), KeyRef(key_id=key.id)) == key
    created = next(entry for entry in kms.entries() if entry.resource.id == key.id)
    assert created.action == "kms.key.create" and created.details["owner"] == "per_carol"


@pytest.mark.parametrize(
    "lacking",
    [{"owner": ""}, {"purpose": ""}, {"owner": "  "}, {"rotation_days": 0}, {"rotation_days": 5_000}],
)
async def test_no_key_without_owner_purpose_and_rotation_period(lacking):
    async with running() as kms:
        api = await kms.client()
        before = len(kms.service.vault.all())
        with pytest.raises(Invalid):
            await kms.create(api, **lacking)
        assert len(kms.service.vault.all()) == before


def test_a_request_without_owner_cannot_even_be_written_down():
    with pytest.raises(TypeError):
        CreateKey(purpose="x", rotation_days=1)


async def test_the_inventory_holds_more_than_a_hundred_keys_and_every_one_is_complete(kms):
    api = await kms.client()
    for number in range(105):
        chosen = [KeyClass.DATA, KeyClass.PSEUDONYMISATION][number % 2]
        await kms.create(api, key_class=chosen, purpose=f"key {number}")
    listed, after = [], ""
    while True:
        page = await api.list_keys(operation(), ListKeys(after=after, limit=40))
        listed += page.keys
        if not (after := page.next):
            break
    assert len(listed) == 105 + 2 and [key.id for key in listed] == sorted({key.id for key in listed})
    assert all(key.owner and key.purpose and key.next_rotation_at > key.created_at for key in listed)
    kms.clock.advance(3 * DAY)
    assert {key.age_days(kms.clock.now()) for key in listed} == {3}


async def test_pages_of_the_inventory_leave_out_no_key_whose_id_came_late(kms):
    """Ids of one millisecond are in no order of their own: a later key may have a smaller one."""
    api = await kms.client()
    ids = {(await kms.create(api, purpose=f"key {number}")).id for number in range(3)}
    vault = kms.service.vault
    late = vault.all()[-1]
    vault.put(replace(late, key=msgspec.structs.replace(late.key, id="key_" + "0" * 26)))
    seen, after = [], ""
    while True:
        page = await api.list_keys(operation(), ListKeys(after=after, limit=1))
        seen += [key.id for key in page.keys]
        if not (after := page.next):
            break
    assert seen == sorted(set(seen)) and ids < set(seen) and "key_" + "0" * 26 in seen


async def test_after_a_rotation_old_versions_open_and_the_new_one_seals(kms):
    api = await kms.client()
    key = await kms.create(api)
    old = await api.generate(key.id, CONTEXT, operation())
    rotated = await api.rotate(operation(), KeyRef(key_id=key.id))
    new = await api.generate(key.id, CONTEXT, operation())
    assert [version.number for version in rotated.versions] == [1, 2]
    assert await api.unwrap(old.wrapped, CONTEXT, operation()) == old.plaintext
    assert await api.unwrap(new.wrapped, CONTEXT, operation()) == new.plaintext
    await kms.restart()
    await kms.unseal()
    again = await kms.client()
    assert await again.unwrap(old.wrapped, CONTEXT, operation()) == old.plaintext


async def test_a_data_key_rotates_by_itself_when_due_and_only_then():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api, rotation_days=30)
        kms.clock.advance(30 * DAY - 1)
        await kms.turn()
        assert kms.service.vault.key(key.id).current.number == 1
        kms.clock.advance(1)
        await kms.turn()
        await kms.turn()
        now = kms.service.vault.key(key.id)
        assert now.current.number == 2 and now.next_rotation_at == kms.clock.now() + 30 * DAY
        entry = [entry for entry in kms.entries() if entry.action == "kms.key.rotate"][-1]
        assert entry.details["automatic"] is True and entry.operation.actor.id == "system:kms"


async def test_keys_that_others_depend_on_are_told_as_due_once_and_not_rotated():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api, key_class=KeyClass.PSEUDONYMISATION, rotation_days=10)
        kms.clock.advance(11 * DAY)
        for _ in range(3):
            await kms.turn()
        assert kms.service.vault.key(key.id).current.number == 1
        told = [entry for entry in kms.entries() if entry.details.get("step") == "due"]
        assert [entry.resource.id for entry in told] == [key.id]
        assert (await api.status()).rotation_due == 1


async def test_a_worn_key_rotates_before_its_nonces_could_repeat():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        await api.generate(key.id, CONTEXT, operation())
        kms.service.vault.wraps[key.id, 1] += MAX_WRAPS_PER_VERSION - 2
        await kms.turn()
        assert kms.service.vault.key(key.id).current.number == 1
        await api.generate(key.id, CONTEXT, operation())
        await kms.turn()
        assert kms.service.vault.key(key.id).current.number == 2


async def test_a_disabled_key_opens_and_seals_nothing_until_it_is_enabled(kms):
    api = await kms.client()
    key = await kms.create(api)
    made = await api.generate(key.id, CONTEXT, operation())
    assert (await api.disable(operation(), KeyRef(key_id=key.id))).state is KeyState.DISABLED
    for call in (
        lambda: api.generate(key.id, CONTEXT, operation()),
        lambda: api.wrap(key.id, Secret(b"k" * 32), CONTEXT, operation()),
        lambda: api.unwrap(made.wrapped, CONTEXT, operation()),
        lambda: api.rotate(operation(), KeyRef(key_id=key.id)),
        lambda: api.disable(operation(), KeyRef(key_id=key.id)),
    ):
        with pytest.raises(Conflict):
            await call()
    await api.enable(operation(), KeyRef(key_id=key.id))
    assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext


async def test_each_class_does_its_own_work_only(kms):
    api, worker = await kms.client(), await kms.client("worker")
    data = await kms.create(api)
    pseudonyms = await kms.create(api, key_class=KeyClass.PSEUDONYMISATION)
    signing = await kms.create(api, key_class=KeyClass.SIGNING)
    for call in (
        lambda: api.generate(pseudonyms.id, CONTEXT, operation()),
        lambda: api.generate(signing.id, CONTEXT, operation()),
        lambda: api.prf(data.id, [b"x"], operation()),
        lambda: worker.sign(data.id, b"x"),
        lambda: worker.public_key(pseudonyms.id),
        lambda: kms.create(api, key_class=KeyClass.IMPORTED),
        lambda: kms.create(api, algorithm=Algorithm.ED25519),
        lambda: kms.create(api, key_class=KeyClass.SIGNING, algorithm=Algorithm.RSA_3072),
    ):
        with pytest.raises(Invalid):
            await call()


async def test_what_does_not_exist_is_not_found(kms):
    api, unknown = await kms.client(), "key_" + "0" * 26
    for call in (
        lambda: api.generate(unknown, CONTEXT, operation()),
        lambda: api.read(operation(), KeyRef(key_id=unknown)),
        lambda: api.rotate(operation(), KeyRef(key_id=unknown)),
    ):
        with pytest.raises(NotFound):
            await call()
    with pytest.raises(Invalid):
        await api.read(operation(), KeyRef(key_id="../../etc/passwd"))


async def test_signing_keys_say_where_they_live_and_keep_their_old_public_keys(kms):
    api, worker = await kms.client(), await kms.client("worker")
    ed = await kms.create(api, key_class=KeyClass.SIGNING)
    ml = await kms.create(api, key_class=KeyClass.SIGNING, algorithm=Algorithm.ML_DSA_44)
    expected = {
        "keystore": (Custody.IN_KEYSTORE, Custody.IN_KEYSTORE),
        "pkcs11": (Custody.IN_TOKEN, Custody.WRAPPED_BY_TOKEN),
    }[kms.provider]
    assert (ed.current.custody, ml.current.custody) == expected
    first = await worker.public_key(ed.id)
    assert first == ed.current.public_key and len(await worker.sign(ml.id, b"m")) == 2420
    await api.rotate(operation(), KeyRef(key_id=ed.id))
    assert await worker.public_key(ed.id, version=1) == first != await worker.public_key(ed.id)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(first).verify(await worker.sign(ed.id, b"m", version=1), b"m")


async def test_pseudonyms_are_stable_over_restarts_and_versions_are_told_apart(kms):
    """EMC-06: the same secret and identifier give the same pseudonym across refreshes and restarts."""
    api = await kms.client()
    key = await kms.create(api, key_class=KeyClass.PSEUDONYMISATION)
    first = await api.prf(key.id, [b"ana", b"bob", b"ana"], operation())
    assert first.outputs[0] == first.outputs[2] != first.outputs[1] and first.version == 1
    await api.rotate(operation(), KeyRef(key_id=key.id))
    await kms.restart()
    await kms.unseal()
    api = await kms.client()
    assert (await api.prf(key.id, [b"ana"], operation(), version=1)).outputs[0] == first.outputs[0]
    newest = await api.prf(key.id, [b"ana"], operation())
    assert newest.version == 2 and newest.outputs[0] != first.outputs[0]
    batch = next(entry for entry in kms.entries() if entry.action == "kms.pseudonym.compute")
    assert batch.details == {"version": 1, "inputs": 3}


async def test_the_services_own_keys_are_nobodys_tool(kms):
    api, worker = await kms.client(), await kms.client("worker")
    own = [stored.key for stored in kms.service.vault.all() if stored.key.owner == "system:kms"]
    assert {key.algorithm for key in own} == {Algorithm.ED25519, Algorithm.ML_DSA_44}
    with pytest.raises(Denied):
        await worker.sign(own[0].id, b"nexus-key-destruction/1\0{}")
    with pytest.raises(Denied):
        await api.disable(operation(), KeyRef(key_id=own[0].id))
    with pytest.raises(Invalid):
        await kms.create(api, owner="system:kms")


async def test_status_says_what_is_real(kms):
    api = await kms.client()
    await kms.create(api)
    status = await api.read_status(operation(), Nothing())
    assert (status.provider, status.emulated, status.keys, status.missing) == (kms.provider, True, {"enabled": 3}, ())
    assert ("SoftHSM" in status.device) == (kms.provider == "pkcs11")
