"""A bucket is not read again for each request, and is never older than what somebody was told of."""

import pytest

from nexus.kernel.errors import NotFound
from nexus.objects.model import Versioning
from simulators.object_store import Store


@pytest.fixture
def stores(tmp_path):
    """Two processes over one database."""
    first, second = Store(tmp_path), Store(tmp_path)
    yield first, second
    first.close()
    second.close()


async def test_what_one_process_changes_of_a_bucket_another_finds_at_once(stores):
    first, second = stores
    bucket = await first.bucket("ward")
    for state in (Versioning.ENABLED, Versioning.SUSPENDED, Versioning.ENABLED):
        await first.objects.buckets.set_versioning(first.op, bucket, state)
        assert second.objects.buckets.find("ward").versioning is first.objects.buckets.find("ward").versioning is state
    await first.objects.buckets.delete(first.op, bucket)
    for store in stores:
        with pytest.raises(NotFound):
            store.objects.buckets.find("ward")
    await second.bucket("ward")
    assert first.objects.buckets.find("ward").id == second.objects.buckets.find("ward").id != bucket.id


async def test_a_bucket_that_is_found_again_costs_no_statement(stores, request):
    if request.config.getoption("--database") == "postgresql":
        pytest.skip("its processes may be on several machines: they ask each time")
    store, _ = stores
    await store.bucket("ward")
    store.objects.buckets.find("ward")
    asked: list[str] = []
    store.database.engine._reader().trace_v2(1, lambda event: asked.append(event["sql"]))
    for _ in range(100):
        store.objects.buckets.find("ward")
    assert asked == []
    for _ in range(3):
        with pytest.raises(NotFound):
            store.objects.buckets.find("nobody")
    assert len(asked) == 3, "what is not there is not remembered: names are endless"
