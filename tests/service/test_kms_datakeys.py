"""Data keys: bound to their context, recorded before they are handed out, moved under new versions in batches.

Fulfils R-157 (wrap and unwrap), EMC-40 (rotation under load with no failed read) and the key half of NX-15.
"""

import asyncio
import threading

import pytest

from nexus.crypto import wrapping
from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound, Sealed, Unavailable
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from nexus.kms.requests import FinishRewrap, KeyRef, Nothing, RewrapProgress
from simulators.keyservice import running
from simulators.operations import operation
from simulators.tokens import needs_softhsm

CONTEXT = {"bucket": "bkt_1", "site": "chu"}


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
async def kms(request):
    async with running(request.param) as service:
        yield service


async def test_a_data_key_opens_with_its_context_only(kms):
    api = await kms.client()
    key = await kms.create(api)
    made = await api.generate(key.id, CONTEXT, operation())
    assert len(made.plaintext) == 32 and made.plaintext.reveal() not in made.wrapped
    assert await api.unwrap(made.wrapped, dict(reversed(CONTEXT.items())), operation()) == made.plaintext
    for other in ({"bucket": "bkt_2", "site": "chu"}, {"bucket": "bkt_1"}, {**CONTEXT, "x": ""}):
        with pytest.raises(Damaged):
            await api.unwrap(made.wrapped, other, operation())


async def test_altered_blobs_are_damage_whatever_was_altered(kms):
    api = await kms.client()
    key, other = await kms.create(api), await kms.create(api)
    wrapped = await api.wrap(key.id, Secret(b"k" * 48), CONTEXT, operation())
    assert await api.unwrap(wrapped, CONTEXT, operation()) == Secret(b"k" * 48)
    blob = wrapping.parse(wrapped)
    for altered in (
        b"",
        wrapped[:-1],
        wrapped + b"\0",
        wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
        wrapping.WrappedKey(other.id, 1, blob.sealed).encode(),
        b"\xff" * 2_000,
    ):
        with pytest.raises(Damaged):
            await api.unwrap(altered, CONTEXT, operation())
    for altered in (
        wrapping.WrappedKey(key.id, 2, blob.sealed).encode(),
        wrapping.WrappedKey("key_" + "0" * 26, 1, blob.sealed).encode(),
    ):
        with pytest.raises(NotFound):
            await api.unwrap(altered, CONTEXT, operation())


async def test_opening_a_data_key_is_an_entry_and_without_the_log_it_does_not_open(kms):
    api = await kms.client()
    key = await kms.create(api)
    made = await api.generate(key.id, CONTEXT, operation("per_alice"))
    await api.unwrap(made.wrapped, CONTEXT, operation("per_bob"))
    last = kms.entries()[-2:]
    assert [(entry.action, entry.operation.actor.id) for entry in last] == [
        ("kms.data-key.generate", "per_alice"),
        ("kms.data-key.unwrap", "per_bob"),
    ]
    assert last[1].resource.id == key.id and last[1].details["context"] == '{"bucket":"bkt_1","site":"chu"}'
    kms.db._recorder._limit = 0  # the outbox is full
    for call in (
        lambda: api.generate(key.id, CONTEXT, operation()),
        lambda: api.unwrap(made.wrapped, CONTEXT, operation()),
        lambda: kms.create(api),
    ):
        with pytest.raises(Unavailable):
            await call()


@pytest.mark.parametrize(
    "context",
    [{}, {str(i): "" for i in range(17)}, {"a": "x" * 3_000}],
)
async def test_contexts_have_limits(context):
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        with pytest.raises(Invalid):
            await api.generate(key.id, context, operation())


async def test_the_service_wraps_keys_and_no_documents():
    async with running() as kms:
        api = await kms.client()
        key = await kms.create(api)
        for size in (0, 513):
            with pytest.raises(Invalid):
                await api.wrap(key.id, Secret(b"x" * size), CONTEXT, operation())


async def test_a_caller_has_its_own_methods_only_and_a_trespass_is_recorded():
    async with running() as kms:
        s3, worker, api = await kms.client("s3"), await kms.client("worker"), await kms.client()
        key = await kms.create(api)
        for caller, call in (
            ("s3", lambda: s3.disable(operation(), KeyRef(key_id=key.id))),
            ("s3", lambda: kms.create(s3)),
            ("s3", lambda: s3.sign(key.id, b"")),
            ("s3", lambda: s3.entries(1)),
            ("worker", lambda: worker.seal(operation())),
            ("api", lambda: api.entries_done(10**9)),
        ):
            with pytest.raises(Denied):
                await call()
            entry = kms.entries()[-1]
            assert entry.outcome.value == "denied" and entry.details["caller"] == caller


async def test_a_key_that_is_disabled_while_its_entry_is_written_does_not_get_out():
    """The change and the opening race: whichever is acknowledged, nothing opens after the disablement was."""
    async with running() as kms:
        api, s3 = await kms.client(), await kms.client("s3")
        key = await kms.create(api)
        made = await api.generate(key.id, CONTEXT, operation())
        disabled = asyncio.Event()
        late = []

        async def open_forever():
            while True:
                was = disabled.is_set()
                try:
                    await s3.unwrap(made.wrapped, CONTEXT, operation())
                    late.append(was)
                except Conflict:
                    return

        opening = [asyncio.create_task(open_forever()) for _ in range(8)]
        await asyncio.sleep(0.05)
        await api.disable(operation(), KeyRef(key_id=key.id))
        disabled.set()
        await asyncio.gather(*opening)
        assert late and not any(late)


async def test_a_seal_overtakes_a_data_key_that_waits_for_its_entry():
    async with running() as kms:
        api, s3 = await kms.client(), await kms.client("s3")
        key = await kms.create(api)
        made = await api.generate(key.id, CONTEXT, operation())
        disk_is_back = threading.Event()
        slow_disk = kms.db.submit(lambda tx: Recorded(disk_is_back.wait(10), operation().allowed("test", PLATFORM)))
        opening = asyncio.create_task(s3.unwrap(made.wrapped, CONTEXT, operation()))
        await asyncio.sleep(0.05)
        sealing = asyncio.create_task(api.seal(operation()))
        await asyncio.sleep(0.05)
        disk_is_back.set()
        with pytest.raises(Sealed):
            await opening
        await sealing
        assert slow_disk.result() is True


async def test_rotation_under_load_fails_no_opening():
    """EMC-40: rotate under load with 0 failed reads."""
    async with running() as kms:
        api, s3 = await kms.client(), await kms.client("s3")
        key = await kms.create(api)
        made = [await s3.generate(key.id, CONTEXT, operation()) for _ in range(3)]
        stop, opened = asyncio.Event(), []

        async def open_forever():
            while not stop.is_set():
                for each in list(made):
                    assert await s3.unwrap(each.wrapped, CONTEXT, operation()) == each.plaintext
                    opened.append(1)
                made.append(await s3.generate(key.id, CONTEXT, operation()))

        opening = [asyncio.create_task(open_forever()) for _ in range(4)]
        for _ in range(5):
            await asyncio.sleep(0.03)
            await api.rotate(operation(), KeyRef(key_id=key.id))
        stop.set()
        await asyncio.gather(*opening)
        assert len(opened) > 50 and len({wrapping.parse(each.wrapped).version for each in made}) > 2


# Rewrapping


async def rotated_with(kms, api, count):
    key = await kms.create(api)
    contexts = [{"bucket": f"bkt_{number}"} for number in range(count)]
    made = [await api.generate(key.id, context, operation()) for context in contexts]
    await api.rotate(operation(), KeyRef(key_id=key.id))
    return key, contexts, made


async def test_a_rewrap_job_moves_data_keys_and_is_recorded_at_start_and_end_only(kms):
    api, worker = await kms.client(), await kms.client("worker")
    key, contexts, made = await rotated_with(kms, api, 40)
    before = len(kms.entries())
    job = await worker.begin_rewrap(operation(), KeyRef(key_id=key.id))
    after = await worker.rewrap([each.wrapped for each in made], contexts, operation())
    job = await worker.rewrap_progress(operation(), RewrapProgress(job_id=job.id, cursor="bkt_39", done=40))
    job = await worker.finish_rewrap(operation(), FinishRewrap(job_id=job.id, done=40))
    assert [entry.details["step"] for entry in kms.entries()[before:]] == ["begun", "finished"]
    assert kms.entries()[-1].details["done"] == 40 == job.done and job.finished_at is not None
    for each, wrapped, context in zip(made, after, contexts, strict=True):
        assert wrapping.parse(wrapped).version == 2
        assert await api.unwrap(wrapped, context, operation()) == each.plaintext
    assert await worker.rewrap(after, contexts, operation()) == after


async def test_a_rewrap_job_goes_on_where_it_stood_after_a_restart():
    async with running() as kms:
        api, worker = await kms.client(), await kms.client("worker")
        key, contexts, made = await rotated_with(kms, api, 4)
        job = await worker.begin_rewrap(operation(), KeyRef(key_id=key.id))
        await worker.rewrap([each.wrapped for each in made[:2]], contexts[:2], operation())
        await worker.rewrap_progress(operation(), RewrapProgress(job_id=job.id, cursor="bkt_1", done=2))
        await kms.restart()
        await kms.unseal()
        worker = await kms.client("worker")
        again = await worker.begin_rewrap(operation(), KeyRef(key_id=key.id))
        assert (again.id, again.cursor, again.done) == (job.id, "bkt_1", 2)
        assert [each.id for each in (await worker.rewrap_jobs(operation(), Nothing())).jobs] == [job.id]
        with pytest.raises(Conflict):
            await worker.rewrap_progress(operation(), RewrapProgress(job_id=job.id, cursor="bkt_0", done=1))
        await worker.finish_rewrap(operation(), FinishRewrap(job_id=job.id, done=4))
        with pytest.raises(Conflict):
            await worker.finish_rewrap(operation(), FinishRewrap(job_id=job.id, done=4))
        with pytest.raises(NotFound):
            await worker.finish_rewrap(operation(), FinishRewrap(job_id="rwj_no", done=4))


async def test_a_batch_outside_a_job_is_recorded_by_itself():
    async with running() as kms:
        api, supervisor = await kms.client(), await kms.client("supervisor")
        key, contexts, made = await rotated_with(kms, api, 3)
        await supervisor.rewrap([each.wrapped for each in made], contexts, operation())
        entry = kms.entries()[-1]
        assert (entry.action, entry.resource.id, entry.details) == (
            "kms.key.rewrap",
            key.id,
            {"step": "batch", "done": 3},
        )


async def test_a_batch_is_all_or_nothing():
    async with running() as kms:
        api, worker = await kms.client(), await kms.client("worker")
        _, contexts, made = await rotated_with(kms, api, 3)
        wrapped = [each.wrapped for each in made]
        with pytest.raises(Damaged):
            await worker.rewrap(wrapped, [contexts[0], contexts[0], contexts[2]], operation())
        with pytest.raises(Invalid):
            await worker.rewrap(wrapped, contexts[:2], operation())
        with pytest.raises(Invalid):
            await worker.rewrap(wrapped[:1] * 5_000, contexts[:1] * 5_000, operation())


async def test_a_long_batch_lets_others_have_their_turn():
    async with running() as kms:
        api, worker = await kms.client(), await kms.client("worker")
        _, contexts, made = await rotated_with(kms, api, 1)
        batch = asyncio.create_task(worker.rewrap([made[0].wrapped] * 4_000, contexts * 4_000, operation()))
        await asyncio.sleep(0)
        answered = 0
        while not batch.done():
            await api.status()
            answered += 1
        assert len(await batch) == 4_000 and answered > 20, answered


async def test_a_seal_in_the_middle_of_a_batch_ends_it():
    async with running() as kms:
        api, worker = await kms.client(), await kms.client("worker")
        _, contexts, made = await rotated_with(kms, api, 1)
        batch = asyncio.create_task(worker.rewrap([made[0].wrapped] * 4_000, contexts * 4_000, operation()))
        await asyncio.sleep(0.005)
        await api.seal(operation())
        with pytest.raises(Sealed):
            await batch
