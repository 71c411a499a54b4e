"""The platform's keys come and go with the lease: wiped before anybody is told, back without a restart."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from nexus.app import custody, datadir
from nexus.app.custody import Part
from nexus.app.holding import HeldSecret, KeyHold
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.errors import Damaged, Sealed, Unavailable
from nexus.kernel.secret import Secret
from nexus.kms.requests import KeyRef
from simulators.keyservice import running
from simulators.operations import operation


@asynccontextmanager
async def founded(tmp_path):
    """A key service with the platform's keys in it, the directory with their wrapped forms, and a hold on two of them."""
    directory = datadir.create(tmp_path / "data")
    async with running() as service:
        supervisor, api = await service.client("supervisor"), await service.client("api")
        index = await custody.found(supervisor, directory, "log.example", operation())
        hold = KeyHold(api, directory, (Part.IDENTITY, Part.AUDIT_READER), index.platform_key, operation)
        await hold.start()
        try:
            yield service, directory, index, hold
        finally:
            await hold.close()


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def held(hold) -> bool:
    try:
        hold.require()
        return bool(hold.secrets[Part.IDENTITY].reveal())
    except (Sealed, Unavailable):
        return False


async def test_a_seal_wipes_before_it_is_acknowledged_and_an_unseal_brings_the_same_keys_back(tmp_path):
    async with founded(tmp_path) as (service, _, _, hold):
        before = hold.secrets[Part.IDENTITY].reveal()
        wiped = []
        hold.on_wipe(lambda: wiped.append(True))
        await (await service.client("supervisor")).seal(operation())
        assert wiped and not hold.secrets[Part.IDENTITY]._bytes
        with pytest.raises(Sealed):
            hold.require()
        with pytest.raises(Sealed):
            hold.secrets[Part.AUDIT_READER].reveal()
        await service.unseal()
        await until(lambda: held(hold))
        assert hold.secrets[Part.IDENTITY].reveal() == before


async def test_a_lost_key_service_counts_as_lost_keys(tmp_path):
    async with founded(tmp_path) as (service, _, _, hold):
        await service.server.close()
        await until(lambda: not held(hold))
        with pytest.raises(Unavailable) as raised:
            hold.require()
        assert raised.value.code == "kms.lost"


async def test_disabling_the_platforms_key_wipes_and_enabling_it_brings_all_back(tmp_path):
    async with founded(tmp_path) as (service, _, index, hold):
        api = await service.client("api")
        await api.disable(operation(), KeyRef(key_id=index.object_key))
        assert held(hold), "another key is none of its business"
        await api.disable(operation(), KeyRef(key_id=index.platform_key))
        assert not held(hold)
        await api.enable(operation(), KeyRef(key_id=index.platform_key))
        await until(lambda: held(hold))


async def test_a_hold_that_was_closed_stays_empty(tmp_path):
    async with founded(tmp_path) as (service, _, _, hold):
        await hold.close()
        await (await service.client("supervisor")).seal(operation())
        await service.unseal()
        await asyncio.sleep(0.3)
        assert not held(hold)


async def test_wrapped_keys_cannot_stand_in_for_each_other(tmp_path):
    async with founded(tmp_path) as (service, directory, _, _):
        supervisor = await service.client("supervisor")
        swapped = (directory.keys / "identity.wrapped").read_bytes()
        (directory.keys / "audit-reader.wrapped").write_bytes(swapped)
        with pytest.raises(Damaged):
            await custody.open_part(supervisor, directory, Part.AUDIT_READER, operation())


async def test_after_a_rotation_the_parts_are_wrapped_again_and_open_to_the_same_keys(tmp_path):
    async with founded(tmp_path) as (service, directory, index, _):
        supervisor, api = await service.client("supervisor"), await service.client("api")
        opened = {part: await custody.open_part(supervisor, directory, part, operation()) for part in Part}
        before = {path.name: path.read_bytes() for path in directory.keys.glob("*.wrapped")}
        await api.rotate(operation(), KeyRef(key_id=index.platform_key))
        assert await custody.rewrap(supervisor, directory, operation()) == len(Part) == len(before)
        assert all(path.read_bytes() != before[path.name] for path in directory.keys.glob("*.wrapped"))
        for part in Part:
            assert await custody.open_part(supervisor, directory, part, operation()) == opened[part]


def test_a_held_secret_takes_over_what_it_is_filled_with():
    secret, given = HeldSecret(), Secret(b"x" * 32)
    with pytest.raises(Sealed):
        secret.reveal()
    secret.fill(given)
    assert secret.reveal() == b"x" * 32
    with pytest.raises(ValueError, match="wiped"):
        given.reveal()


async def test_a_platform_of_an_earlier_nexus_gets_what_it_lacks_once_and_keeps_it(tmp_path):
    async with founded(tmp_path) as (service, directory, index, _):
        supervisor = await service.client("supervisor")
        custody.write_index(directory, structs.replace(index, mail_public=b""))
        (directory.keys / "mail.wrapped").unlink()
        (directory.keys / "bastion-host.wrapped").unlink()
        await custody.complete(supervisor, directory, operation())
        made = custody.read_index(directory)
        assert made == structs.replace(index, mail_public=made.mail_public) and made.mail_public != index.mail_public
        before = {file.name: file.read_bytes() for file in directory.keys.iterdir()}
        await custody.complete(supervisor, directory, operation())
        assert {file.name: file.read_bytes() for file in directory.keys.iterdir()} == before
        key = OpeningKey(await custody.open_part(supervisor, directory, Part.MAIL, operation()))
        assert key.public.raw == made.mail_public
        custody.write_index(directory, structs.replace(made, mail_public=b""))  # it died between the two files
        await custody.complete(supervisor, directory, operation())
        assert custody.read_index(directory) == made
