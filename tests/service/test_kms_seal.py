"""uninitialised -> sealed -> unsealed, and back: passphrase, shares, throttling, and what being sealed means.

Fulfils the sealed start of EMC-40 and AP-03 (secure secrets management).
"""

import os

import pytest

from nexus.kernel.clock import HOUR, MINUTE, SECOND
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, Sealed, Throttled
from nexus.kernel.secret import Secret
from nexus.kms.model import ServiceState
from nexus.kms.requests import Initialise, KeyRef, ListKeys, Nothing, ScheduleDestruction
from simulators.keyservice import PASSPHRASE, RunningKeyService, running
from simulators.operations import operation
from simulators.tokens import needs_softhsm

CONTEXT = {"bucket": "bkt_1"}
providers = pytest.mark.parametrize(
    "provider", ["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])]
)


def secret(text):
    return Secret(text.encode())


@providers
async def test_it_starts_uninitialised_then_sealed_then_unsealed_and_sealed_after_a_restart(provider):
    async with running(provider, unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        status = await supervisor.status()
        assert (status.state, status.unseal_with) == (ServiceState.UNINITIALISED, "")
        await supervisor.initialise(Initialise(passphrase=secret(PASSPHRASE), pin=kms.pin))
        status = await supervisor.status()
        assert (status.state, status.unseal_with) == (ServiceState.SEALED, "passphrase")
        assert (await supervisor.unseal(secret(PASSPHRASE))).state is ServiceState.UNSEALED
        await kms.restart()
        assert (await (await kms.client("supervisor")).status()).state is ServiceState.SEALED


async def test_there_is_one_initialisation_only():
    async with running() as kms:
        supervisor = await kms.client("supervisor")
        with pytest.raises(Conflict):
            await supervisor.initialise(Initialise(passphrase=secret("another passphrase")))
        await supervisor.seal(operation())
        with pytest.raises(Conflict):
            await supervisor.initialise(Initialise(passphrase=secret("another passphrase")))


@pytest.mark.parametrize(
    "request_",
    [
        Initialise(),
        Initialise(passphrase=secret("short")),
        Initialise(passphrase=secret(PASSPHRASE), threshold=2, total=3),
        Initialise(threshold=3),
        Initialise(threshold=4, total=3),
        Initialise(passphrase=secret(PASSPHRASE), pin=secret("1234")),
    ],
)
async def test_an_initialisation_that_makes_no_sense_leaves_nothing_behind(request_):
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        with pytest.raises(Invalid):
            await supervisor.initialise(request_)
        assert (await supervisor.status()).state is ServiceState.UNINITIALISED


@needs_softhsm
async def test_a_token_needs_its_true_pin_at_the_initialisation():
    async with running("pkcs11", unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        for pin, error in ((None, Invalid), (secret("99999999"), Denied)):
            with pytest.raises(error):
                await supervisor.initialise(Initialise(passphrase=secret(PASSPHRASE), pin=pin))
        assert (await supervisor.status()).state is ServiceState.UNINITIALISED


@providers
async def test_sealed_means_that_every_call_but_status_and_unseal_is_refused(provider):
    async with running(provider) as kms:
        api, worker = await kms.client(), await kms.client("worker")
        key = await kms.create(api)
        made = await api.generate(key.id, CONTEXT, operation())
        await api.seal(operation())
        for call in (
            lambda: api.generate(key.id, CONTEXT, operation()),
            lambda: api.unwrap(made.wrapped, CONTEXT, operation()),
            lambda: api.wrap(key.id, secret("k"), CONTEXT, operation()),
            lambda: kms.create(api),
            lambda: api.list_keys(operation(), ListKeys()),
            lambda: api.read(operation(), KeyRef(key_id=key.id)),
            lambda: api.rotate(operation(), KeyRef(key_id=key.id)),
            lambda: api.disable(operation(), KeyRef(key_id=key.id)),
            lambda: api.schedule_destruction(operation(), ScheduleDestruction(key_id=key.id)),
            lambda: api.import_parameters(operation(), Nothing()),
            lambda: api.seal(operation()),
            lambda: worker.sign(key.id, b""),
            lambda: worker.rewrap([], [], operation()),
        ):
            with pytest.raises(Sealed):
                await call()
        assert (await api.status()).state is ServiceState.SEALED
        await kms.unseal()
        assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext


async def test_sealing_leaves_no_key_and_no_anchor_in_the_provider():
    async with running() as kms:
        api = await kms.client()
        await kms.create(api)
        provider = kms.service.vault.provider
        await api.seal(operation())
        assert provider._master is None and not provider._opened
        assert not kms.service.vault._register._slots


@needs_softhsm
async def test_sealing_drops_the_session_of_the_token():
    import pkcs11

    from simulators.tokens import LABEL, MODULE

    async with running("pkcs11") as kms:
        api = await kms.client()
        await kms.create(api)
        await api.seal(operation())
        with pkcs11.lib(str(MODULE)).get_token(token_label=LABEL).open() as session:
            assert not [item for item in session.get_objects() if item.object_class is pkcs11.ObjectClass.SECRET_KEY]


# Passphrases


async def test_wrong_passphrases_cost_more_and_more_time_also_over_a_restart():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        await supervisor.initialise(Initialise(passphrase=secret(PASSPHRASE)))
        for _ in range(4):
            with pytest.raises(Denied):
                await supervisor.unseal(secret("wrong wrong wrong"))
        with pytest.raises(Throttled) as caught:
            await supervisor.unseal(secret(PASSPHRASE))
        assert caught.value.retry_after_s == 1
        await kms.restart()
        supervisor = await kms.client("supervisor")
        with pytest.raises(Throttled):
            await supervisor.unseal(secret(PASSPHRASE))
        for expected in (1, 2, 4, 8):
            assert (await supervisor.status()).retry_after_s == expected
            kms.clock.advance(expected * SECOND)
            with pytest.raises(Denied):
                await supervisor.unseal(secret("wrong wrong wrong"))
        kms.clock.advance(16 * SECOND)
        assert (await supervisor.unseal(secret(PASSPHRASE))).state is ServiceState.UNSEALED
        failed = [entry for entry in kms.entries() if entry.outcome.value == "failed"]
        assert len(failed) == 8 and failed[-1].details["attempts"] == 8


async def test_a_passphrase_is_the_same_however_its_accents_are_composed():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        await supervisor.initialise(Initialise(passphrase=secret("clé d'été à Sète")))
        await supervisor.unseal(secret("cle\u0301 d'e\u0301te\u0301 a\u0300 Se\u0300te"))
        assert kms.service.vault.is_open


# Shares


async def test_any_three_of_five_custodians_unseal_with_progress():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        shares = (await supervisor.initialise(Initialise(threshold=3, total=5))).shares
        assert len(shares) == 5
        for received, index in enumerate((4, 0, 4), start=1):
            status = await supervisor.unseal(shares[index])
            assert status.state is ServiceState.SEALED
            assert (status.progress.received, status.progress.threshold, status.progress.total) == (
                min(received, 2),
                3,
                5,
            )
        assert (await supervisor.unseal(shares[2])).state is ServiceState.UNSEALED
        api = await kms.client()
        key = await kms.create(api)
        made = await api.generate(key.id, CONTEXT, operation())
        await kms.restart()
        supervisor, api = await kms.client("supervisor"), await kms.client()
        for index in (1, 3, 0):
            await supervisor.unseal(shares[index])
        assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext


async def test_two_of_three_shares_open_nothing():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        shares = (await supervisor.initialise(Initialise(threshold=3, total=3))).shares
        await supervisor.unseal(shares[0])
        await supervisor.unseal(shares[1])
        with pytest.raises(Sealed):
            await (await kms.client()).list_keys(operation(), ListKeys())


async def test_mistyped_and_foreign_shares_are_told_apart_and_do_not_disturb_the_others():
    async with running(unsealed=False) as other, running(unsealed=False) as kms:
        foreign = (await (await other.client("supervisor")).initialise(Initialise(threshold=2, total=2))).shares
        supervisor = await kms.client("supervisor")
        shares = (await supervisor.initialise(Initialise(threshold=2, total=2))).shares
        await supervisor.unseal(shares[0])
        text = shares[1].reveal().decode()
        typo = text[:-1] + ("a" if text[-1] != "a" else "b")
        for wrong, code in ((secret(typo), "sharing.typo"), (foreign[1], "kms.share-set"), (secret("x"), None)):
            with pytest.raises(Invalid) as caught:
                await supervisor.unseal(wrong)
            assert code in (None, caught.value.code)
        assert (await supervisor.unseal(shares[1])).state is ServiceState.UNSEALED


async def test_shares_that_are_not_completed_are_forgotten():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        shares = (await supervisor.initialise(Initialise(threshold=2, total=2))).shares
        await supervisor.unseal(shares[0])
        kms.clock.advance(16 * MINUTE)
        assert (await supervisor.status()).progress.received == 0
        assert (await supervisor.unseal(shares[1])).state is ServiceState.SEALED


# What others do to the files


async def test_an_altered_seal_opens_nothing():
    async with running() as kms:
        file = kms.data / "seal.json"
        intact = file.read_text()

        def cheaper():
            file.write_text(intact.replace('"memory_kib": 64', '"memory_kib": 72'))

        await kms.restart(cheaper)
        with pytest.raises(Denied):
            await kms.unseal()
        await kms.restart(lambda: file.write_text("{}"))
        with pytest.raises(Damaged):
            await (await kms.client("supervisor")).status()
        await kms.restart(lambda: file.write_text(intact))
        kms.clock.advance(HOUR)
        await kms.unseal()


async def test_without_its_anchors_nothing_opens_and_the_reason_is_told():
    async with running() as kms:
        anchors = kms.outside / "anchors"
        intact = anchors.read_bytes()
        await kms.restart(anchors.unlink)
        with pytest.raises(Damaged, match="anchor register is gone"):
            await kms.unseal()
        await kms.restart(lambda: anchors.write_bytes(intact))
        await kms.unseal()


async def test_the_anchors_of_another_platform_are_refused():
    async with running() as kms:
        kms.settings["instance"] = "nx_other"
        await kms.restart()
        with pytest.raises(Conflict):
            await kms.unseal()


async def test_keys_whose_anchors_are_missing_are_named_and_the_others_work():
    async with running() as kms:
        api = await kms.client()
        kept = await kms.create(api)
        anchors = (kms.outside / "anchors").read_bytes()
        lost = await kms.create(api)
        await kms.restart(lambda: (kms.outside / "anchors").write_bytes(anchors))
        await kms.unseal()
        api = await kms.client()
        assert (await api.status()).missing == (lost.id,)
        await api.generate(kept.id, CONTEXT, operation())
        with pytest.raises(Damaged):
            await api.generate(lost.id, CONTEXT, operation())


async def test_a_second_service_on_the_same_anchors_is_refused():
    async with running() as kms:
        second = RunningKeyService.__new__(RunningKeyService)
        second.__dict__.update(kms.__dict__, root=kms.root / "second", clients=[])
        second.root.mkdir()
        await second.start()
        try:
            with pytest.raises(Conflict, match="another key service"):
                await second.unseal()
        finally:
            await second.stop()


# The record


async def test_sealing_and_unsealing_are_entries_also_the_refused_ones():
    async with running(unsealed=False) as kms:
        supervisor = await kms.client("supervisor")
        await supervisor.initialise(Initialise(passphrase=secret(PASSPHRASE)))
        with pytest.raises(Denied):
            await supervisor.unseal(secret("not the passphrase"), operation("per_mallory"))
        await supervisor.unseal(secret(PASSPHRASE), operation("per_carol"))
        await supervisor.seal(operation("per_dave"))
        story = [
            (entry.operation.actor.id, entry.outcome.value, entry.details["step"])
            for entry in kms.entries()
            if entry.action == "kms.service.seal"
        ]
        assert story == [
            ("system:supervisor", "allowed", "initialised"),
            ("per_mallory", "failed", "unseal"),
            ("per_carol", "allowed", "unsealed"),
            ("per_dave", "allowed", "sealed"),
        ]


async def test_entries_are_collected_while_sealed_and_forgotten_once_acknowledged():
    async with running() as kms:
        api, worker = await kms.client(), await kms.client("worker")
        await kms.create(api)
        await api.seal(operation())
        waiting = (await worker.status()).pending_entries
        messages = await worker.entries(1000)
        assert len(messages) == waiting > 3 and len({message.id for message in messages}) == waiting
        assert await worker.entries_done(messages[-2].position) == waiting - 1
        assert await worker.entries(1000) == messages[-1:]


async def test_no_secret_stands_in_any_file():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        canary = os.urandom(32)
        await api.wrap(key.id, Secret(canary), CONTEXT, operation())
        made = await api.generate(key.id, CONTEXT, operation())
        master = kms.service.vault.provider._master.reveal()
        await kms.stop()
        for file in [path for path in kms.root.rglob("*") if path.is_file()]:
            content = file.read_bytes()
            for bare in (canary, made.plaintext.reveal(), master, PASSPHRASE.encode()):
                assert bare not in content and bare.hex().encode() not in content, file.name
        assert (kms.data / "seal.json").stat().st_mode & 0o777 == 0o600
        assert (kms.outside / "anchors").stat().st_mode & 0o777 == 0o600
        await kms.start()
