"""The end of a key: four eyes, waiting, cancellation, certificate; and no restored backup brings it back.

Fulfils EMC-40 (destroy, crypto-shred proof), EMC-11 and RG-30 (certificate of destruction), AP-18 (erasure reaches the
backups: they are copies of ciphertext whose key is gone).
"""

import shutil
from dataclasses import replace

import msgspec
import pytest

from nexus.audit.payload import MAX_PAYLOAD_BYTES, encode_payload
from nexus.kernel.clock import DAY, SECOND
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NexusError
from nexus.kms import certificate
from nexus.kms.anchors import AnchorRegister
from nexus.kms.model import Algorithm, KeyClass, KeyEventKind, KeyState
from nexus.kms.requests import KeyRef, ScheduleDestruction
from simulators.keyservice import INSTANCE, running
from simulators.operations import operation
from simulators.tokens import needs_softhsm, token_directory

CONTEXT = {"bucket": "bkt_1"}


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def kms(request):
    async with running(request.param) as service:
        yield service


def approved(approval="apr_1", **more):
    """An operation that two persons stand behind."""
    return replace(operation(**more), approval=approval)


async def destroy(kms, api, key, days=7):
    await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id, waiting_days=days))
    kms.clock.advance(days * DAY)
    await kms.turn()


def public_keys(kms):
    own = [stored.key for stored in kms.service.vault.all() if stored.key.owner == "system:kms"]
    return {key.algorithm.value: key.current.public_key for key in own}


async def test_a_destroyed_key_opens_nothing_ever_again_and_its_neighbours_do(kms):
    api = await kms.client()
    key, kept = await kms.create(api), await kms.create(api)
    lost = [await api.generate(key.id, CONTEXT, operation())]
    await api.rotate(operation(), KeyRef(key_id=key.id))
    lost.append(await api.generate(key.id, CONTEXT, operation()))
    still = await api.generate(kept.id, CONTEXT, operation())
    await destroy(kms, api, key)
    for _ in range(2):
        state = await api.read(operation(), KeyRef(key_id=key.id))
        assert state.state is KeyState.DESTROYED and state.destroyed_at == kms.clock.now()
        for each in lost:
            with pytest.raises(Conflict, match="destroyed") as caught:
                await api.unwrap(each.wrapped, CONTEXT, operation())
            assert (
                caught.value.code == "kms.key-destroyed"
            )  # others rely on it: what it sealed is gone, not just closed
        assert await api.unwrap(still.wrapped, CONTEXT, operation()) == still.plaintext
        await kms.restart()
        await kms.unseal()
        api = await kms.client()


async def test_nobody_schedules_a_destruction_without_a_second_person(kms):
    api = await kms.client()
    key = await kms.create(api)
    with pytest.raises(Denied):
        await api.schedule_destruction(operation(), ScheduleDestruction(key_id=key.id))
    scheduled = await api.schedule_destruction(approved("apr_77"), ScheduleDestruction(key_id=key.id))
    assert scheduled.state is KeyState.PENDING_DESTRUCTION
    assert scheduled.destroy_at == kms.clock.now() + 30 * DAY
    entry = kms.entries()[-1]
    assert (entry.action, entry.details["approval"]) == ("kms.key.destroy", "apr_77")


@pytest.mark.parametrize("days", [-1, 0, 6, 31, 10_000])
async def test_the_waiting_period_is_7_to_30_days(days):
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        with pytest.raises(Invalid):
            await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id, waiting_days=days))


async def test_a_demonstration_may_wait_for_seconds_and_nobody_else():
    async with running(demonstration=True, demo_destruction_seconds=5) as kms:
        api = await kms.client()
        key = await kms.create(api)
        await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id))
        kms.clock.advance(4 * SECOND)
        await kms.turn()
        assert kms.service.vault.key(key.id).state is KeyState.PENDING_DESTRUCTION
        kms.clock.advance(SECOND)
        await kms.turn()
        assert kms.service.vault.key(key.id).state is KeyState.DESTROYED
    with pytest.raises(Invalid):
        async with running(demo_destruction_seconds=5):
            pass


async def test_the_waiting_counts_from_the_services_clock_not_from_the_callers():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        old = approved(at=kms.clock.now() - 100 * DAY)
        scheduled = await api.schedule_destruction(old, ScheduleDestruction(key_id=key.id, waiting_days=7))
        assert scheduled.destroy_at == kms.clock.now() + 7 * DAY


async def test_a_key_that_waits_is_unusable_and_comes_back_when_cancelled(kms):
    api = await kms.client()
    key = await kms.create(api)
    made = await api.generate(key.id, CONTEXT, operation())
    await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id))
    with pytest.raises(Conflict):
        await api.unwrap(made.wrapped, CONTEXT, operation())
    with pytest.raises(Conflict):
        await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id))
    with pytest.raises(Conflict):
        await api.enable(operation(), KeyRef(key_id=key.id))
    cancelled = await api.cancel_destruction(operation(), KeyRef(key_id=key.id))
    assert cancelled.state is KeyState.DISABLED and cancelled.destroy_at is None
    kms.clock.advance(40 * DAY)
    await kms.turn()
    await api.enable(operation(), KeyRef(key_id=key.id))
    assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext


async def test_once_destroyed_nothing_is_cancelled(kms):
    api = await kms.client()
    key = await kms.create(api)
    await destroy(kms, api, key)
    for call in (api.cancel_destruction, api.enable, api.disable, api.rotate):
        with pytest.raises(Conflict):
            await call(operation(), KeyRef(key_id=key.id))


async def test_holders_are_told_before_the_order_is_acknowledged_and_again_at_the_end():
    async with running() as kms:
        api, s3 = await kms.client(), await kms.client("s3")
        key = await kms.create(api)
        heard = []
        s3.subscribe(heard.append)
        await api.schedule_destruction(approved(), ScheduleDestruction(key_id=key.id))
        assert [(event.kind, event.key_id) for event in heard] == [(KeyEventKind.KEY_CHANGED, key.id)]
        kms.clock.advance(30 * DAY)
        await kms.turn()
        assert len(heard) == 2


# The certificate


async def test_the_certificate_says_what_was_destroyed_and_verifies_with_both_signatures(kms):
    api = await kms.client()
    key = await kms.create(api, purpose="bucket keys of the trial")
    await destroy(kms, api, key)
    ended = await api.read(operation(), KeyRef(key_id=key.id))
    told = certificate.verify(ended.certificate, public_keys(kms))
    assert (told.key_id, told.purpose, told.approval, told.instance) == (key.id, key.purpose, "apr_1", INSTANCE)
    assert (told.provider, told.emulated) == (kms.provider, True) and len(told.versions) == 1
    recorded = [entry for entry in kms.entries() if entry.details.get("step") == "destroyed"]
    assert recorded[0].details["certificate"].encode() == ended.certificate


async def test_the_certificate_of_a_key_with_many_versions_fits_into_an_entry_of_the_log():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        for _ in range(150):
            await api.rotate(operation(), KeyRef(key_id=key.id))
        await destroy(kms, api, key)
        ended = await api.read(operation(), KeyRef(key_id=key.id))
        told = certificate.verify(ended.certificate, public_keys(kms))
        assert (told.version_count, len(told.versions), told.versions[-1].number) == (151, 32, 151)
        entry = next(entry for entry in kms.entries() if entry.details.get("step") == "destroyed")
        assert len(encode_payload(entry, "2026-11-23T04:18:01.000000Z")) < MAX_PAYLOAD_BYTES * 3 // 4


async def test_an_altered_or_half_signed_certificate_does_not_verify():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        await destroy(kms, api, key)
        good = (await api.read(operation(), KeyRef(key_id=key.id))).certificate
        keys = public_keys(kms)
        decoded = msgspec.json.decode(good, type=certificate.Certificate)
        halved = certificate.encode(msgspec.structs.replace(decoded, signatures=decoded.signatures[:1]))
        for altered in (good.replace(b"per_carol", b"per_alice"), halved, b"{}", b"", good[:-10], b"x" * 100_000):
            with pytest.raises(Damaged):
                certificate.verify(altered, keys)
        with pytest.raises(Damaged):
            certificate.verify(good, {})
        other = {**keys, Algorithm.ED25519.value: bytes(32)}
        with pytest.raises(Damaged):
            certificate.verify(good, other)


# Restored backups


async def opened(kms, wrapped):
    """Whether a data key opens, with a fresh client."""
    api = await kms.client()
    try:
        await api.unwrap(wrapped, CONTEXT, operation())
    except NexusError:
        return False
    return True


@pytest.mark.parametrize("key_class", [KeyClass.DATA, KeyClass.PSEUDONYMISATION, KeyClass.SIGNING])
async def test_a_restored_backup_brings_no_destroyed_key_back(kms, key_class):
    """The whole data directory of before, and the token's own files, really are put back."""
    api = await kms.client()
    key, kept = await kms.create(api, key_class=key_class), await kms.create(api)
    lost = await api.generate(key.id, CONTEXT, operation()) if key_class is KeyClass.DATA else None
    still = await api.generate(kept.id, CONTEXT, operation())
    backup = kms.root / "backup"

    await kms.restart(lambda: back_up(kms, backup))
    await kms.unseal()
    assert lost is None or await opened(kms, lost.wrapped)
    api = await kms.client()
    await destroy(kms, api, key)

    await kms.restart(lambda: restore(kms, backup))
    await kms.unseal()
    assert await opened(kms, still.wrapped)
    api = await kms.client()
    assert (await api.read(operation(), KeyRef(key_id=key.id))).state is KeyState.DESTROYED
    assert lost is None or not await opened(kms, lost.wrapped)
    assert "found-destroyed-after-restore" in [entry.details.get("step") for entry in kms.entries()]

    with pytest.raises(Conflict):
        await api.enable(operation(), KeyRef(key_id=key.id))


def back_up(kms, backup):
    shutil.copytree(kms.data, backup / "data")
    if kms.provider == "pkcs11":
        shutil.copytree(token_directory(), backup / "token")


def restore(kms, backup):
    shutil.rmtree(kms.data)
    shutil.copytree(backup / "data", kms.data)
    if kms.provider == "pkcs11":
        shutil.rmtree(token_directory())
        shutil.copytree(backup / "token", token_directory())


async def test_the_old_backup_itself_holds_nothing_that_opens_the_destroyed_key():
    """Not a matter of our own politeness: with passphrase, old files and the present anchors, the bytes do not open."""
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        stored = kms.service.vault.stored(key.id)
        master = kms.service.vault.provider._master.reveal()
        await destroy(kms, api, key)
        await kms.stop()

        from nexus.kernel.secret import Secret
        from nexus.kms.providers.keystore import Keystore
        from nexus.kms.vault import spec_of

        register = AnchorRegister([kms.outside / "anchors"], INSTANCE)
        register.open(create=False)
        keystore = Keystore(register)
        keystore.open(Secret(master))
        with pytest.raises(NexusError):
            keystore.use(spec_of(key, 1), stored.handles[1])
        register.close()
        await kms.start()


async def test_a_key_made_after_the_backup_does_not_disturb_the_restored_service(kms):
    api = await kms.client()
    key = await kms.create(api)
    backup = kms.root / "backup"
    await kms.restart(lambda: back_up(kms, backup))
    await kms.unseal()
    await kms.create(await kms.client())
    await kms.restart(lambda: restore(kms, backup))
    status = await kms.unseal()
    assert status.missing == () and status.keys == {"enabled": 3}
    assert await (await kms.client()).generate(key.id, CONTEXT, operation())
