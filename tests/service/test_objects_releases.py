"""Buckets of releases: what is about nobody says so, patients of any site, nobody reads while the project is not ready, one key ends it."""

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, Invalid, NexusError, NotFound
from nexus.objects import ending
from nexus.objects.declaration import Declaration
from nexus.objects.model import Metadata
from simulators.deciding import SimulatedPatients
from simulators.object_store import Store, everything
from simulators.operations import operation

DECLARED = Declaration(categories=("laboratory",))
READING = operation("per_r", purpose="research")


@pytest.fixture
def patients() -> SimulatedPatients:
    return SimulatedPatients(site="lyon")


@pytest.fixture
def store(tmp_path, patients):
    made = Store(tmp_path, subjects=patients)
    yield made
    made.close()


async def bucket(store: Store, kind: str = "release", name: str = "frozen"):
    made = await store.bucket(name, kind=kind, project="stroke")
    await store.objects.buckets.declare_subjects(store.op, made, DECLARED)
    return store.objects.buckets.find(name)


async def put(store: Store, where, key: str, name: str, body: bytes = b"rows") -> None:
    await store.put(where, key, body, metadata=Metadata(subject=name))


async def nobody(store: Store, where) -> str:
    return (await store.objects.vaults.put_manifest(store.op, where, ())).id


async def test_only_a_release_says_that_something_is_about_nobody(store, patients):
    where = await bucket(store)
    await put(store, where, "vocabulary", await nobody(store, where))
    assert await store.get(where, "vocabulary", op=READING) == b"rows"
    patients.site = "chu"
    other = await bucket(store, "standard", "other")
    with pytest.raises(Invalid, match="a manifest names"):
        await nobody(store, other)
    with pytest.raises(Invalid):
        await store.put(where, "nameless", b"rows")


async def test_a_release_is_of_patients_of_any_site_and_no_other_bucket_is(store, patients):
    somebody, other = patients.new("research"), patients.new("research")
    where = await bucket(store)
    names = (await store.objects.vaults.put_manifest(store.op, where, (somebody, other))).id
    await put(store, where, "share", names)
    assert await store.get(where, "share", op=READING) == b"rows"
    with pytest.raises(Invalid):
        await store.objects.vaults.put_manifest(store.op, await bucket(store, "standard", "other"), (somebody, other))


async def test_one_withdrawal_hides_what_names_several_and_nothing_else(store, patients):
    first, second, third = (patients.new("research") for _ in range(3))
    where = await bucket(store)
    await put(store, where, "share", (await store.objects.vaults.put_manifest(store.op, where, (first, second))).id)
    await put(store, where, "single", third)
    await put(store, where, "vocabulary", await nobody(store, where))
    patients.decide(first)
    with pytest.raises(NotFound):
        await store.get(where, "share", op=READING)
    assert [await store.get(where, key, op=READING) for key in ("single", "vocabulary")] == [b"rows", b"rows"]


async def test_while_the_project_is_not_ready_nothing_is_there_whoever_it_is_about(store, patients):
    where = await bucket(store)
    await put(store, where, "single", patients.new("research"))
    await put(store, where, "vocabulary", await nobody(store, where))
    keys = ("single", "vocabulary")
    assert [await store.get(where, key, op=READING) for key in keys] == [b"rows", b"rows"]
    patients.shut.add(where.name)
    patients.changes.append("")
    for key in keys:
        with pytest.raises(NotFound):
            await store.get(where, key, op=READING)
    assert (await store.objects.listing.objects(READING, where)).versions == ()
    patients.shut.clear()
    patients.changes.append("")
    assert [await store.get(where, key, op=READING) for key in keys] == [b"rows", b"rows"]


async def test_the_platform_reads_what_it_writes_anew_and_says_so(store, patients):
    who = patients.new("research")
    where = await bucket(store)
    await put(store, where, "single", who, b"many rows" * 50_000)
    patients.decide(who)
    read = await store.objects.reading.get_for_upkeep(store.op, where, "single", "releases.part.read")
    assert await everything(read) == b"many rows" * 50_000
    assert store.entries[-1].action == "releases.part.read" and store.entries[-1].details["key"] == "single"


async def test_whose_key_was_destroyed_opens_for_nobody(store, patients):
    where = await bucket(store)
    await put(store, where, "single", patients.new("research"))
    await put(store, where, "vocabulary", await nobody(store, where))

    def work(tx):
        return Recorded(ending.destroy_key(tx, where), store.op.allowed("releases.release.retire", where.resource))

    ended = await store.database.write(work)
    assert (ended.keys, ended.versions, ended.bytes) == (1, 2, 8) and len(ended.digest) == 64
    again = await store.database.write(work)
    assert (again.keys, again.digest) == (0, ended.digest)
    # another process, and this one once it has forgotten
    for other in (operation("per_x", purpose="research"), operation("per_y", purpose="care")):
        for key in ("single", "vocabulary"):
            with pytest.raises(NexusError):
                await everything(await store.objects.reading.get(other, store.objects.buckets.find(where.name), key))


async def test_the_key_of_a_bucket_with_locks_is_not_destroyed_so(store):
    made = await store.bucket("kept", lockable=True)
    with store.database.read() as tx, pytest.raises(Conflict):
        ending.destroy_key(tx, made)
