"""The disk refuses: nothing is acknowledged that is not stored, and the service goes on once there is room."""

import resource
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from nexus.kernel.clock import DAY
from nexus.kernel.errors import Unavailable
from nexus.kms.model import KeyState
from nexus.kms.requests import KeyRef, ScheduleDestruction
from simulators.keyservice import running
from simulators.operations import operation

CONTEXT = {"bucket": "bkt_1"}


@contextmanager
def full_database(kms):
    """A database file that may not grow: SQLite answers as it does on a full disk."""
    pages = kms.db.engine.writing.pragma("page_count")
    kms.db.engine.writing.pragma("max_page_count", pages)
    try:
        yield
    finally:
        kms.db.engine.writing.pragma("max_page_count", 2**30)


@contextmanager
def full_disk_for(file):
    """No file of this process may grow beyond the present size of `file`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def fill(kms, api, call):
    """Repeat a call until the full database refuses it."""
    with full_database(kms):
        for _ in range(2_000):
            try:
                await call()
            except Unavailable as error:
                return error
    raise AssertionError("the database never filled up")


async def test_on_a_full_disk_no_key_is_created_opened_or_changed_and_then_all_goes_on():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        made = await api.generate(key.id, CONTEXT, operation())
        for call in (
            lambda: api.unwrap(made.wrapped, CONTEXT, operation()),
            lambda: kms.create(api),
            lambda: api.rotate(operation(), KeyRef(key_id=key.id)),
        ):
            error = await fill(kms, api, call)
            assert error.code == "database.disk-full"
        assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext
        stored = {each.key.id: each.key for each in kms.service.vault.all()}
        held = {slot for slot, anchor in kms.service.vault._register._slots.items() if anchor is not None}
        assert len(held) == sum(len(key.versions) for key in stored.values()), "material without a key stays behind"
        recorded = {entry.resource.id for entry in kms.entries() if entry.action == "kms.key.create"}
        assert recorded == stored.keys()
        await kms.restart()
        assert (await kms.unseal()).missing == ()
        assert {each.key.id: each.key for each in kms.service.vault.all()} == stored


async def test_without_room_for_its_anchor_no_key_is_made():
    async with running() as kms:
        api = await kms.client()
        kept = await kms.create(api)
        anchors = kms.outside / "anchors"
        with full_disk_for(anchors), pytest.raises(Unavailable) as caught:
            await kms.create(api)
        assert caught.value.code == "kms.anchors-disk"
        again = await kms.create(api)
        await kms.restart()
        assert (await kms.unseal()).missing == ()
        assert {kept.id, again.id} <= {each.key.id for each in kms.service.vault.all()}


async def test_a_full_disk_does_not_keep_the_keys_in_memory():
    async with running() as kms:
        api = await kms.client()
        await fill(kms, api, lambda: kms.create(api))
        with full_database(kms):
            for _ in range(3):
                with suppress(Unavailable):
                    await api.seal(operation())
        assert not kms.service.vault.is_open


async def test_a_destruction_that_the_disk_interrupts_is_finished_later():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        op = replace(operation(), approval="apr_1")
        await api.schedule_destruction(op, ScheduleDestruction(key_id=key.id, waiting_days=7))
        kms.clock.advance(7 * DAY)
        await fill(kms, api, lambda: kms.create(api))
        with full_database(kms):
            await kms.turn()
        assert kms.service.vault.key(key.id).state is not KeyState.DESTROYED
        await kms.turn()
        assert kms.service.vault.key(key.id).state is KeyState.DESTROYED
