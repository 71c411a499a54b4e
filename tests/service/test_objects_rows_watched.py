"""The row of a version is not read again for each read, and is never older than what somebody was told of."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nexus.objects.model import NULL_VERSION, Bucket, Versioning
from nexus.objects.store import versions
from simulators.data_keys import SimulatedDataKeys
from simulators.object_store import Store

KEYS = ("a", "b")
WHICH = st.integers(0, 1)
KEY = st.sampled_from(KEYS)


def asked_anew(store: Store, bucket: Bucket, key: str, version_id: str | None):
    """What is there, by a statement of its own."""
    which, parameters = versions._selection(bucket, key, version_id)
    row = store.database.peek(versions._WITH_BODY + which, parameters)
    return (versions.VersionRow(*row[:-1]), row[-1]) if row else None


class TwoProcesses(RuleBasedStateMachine):
    """Two processes over one database, each of which changes and reads the same few keys."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        keys = SimulatedDataKeys()
        self.stores = [Store(Path(self.folder.name), keys=keys) for _ in range(2)]
        self.loop = asyncio.Runner()
        self.bucket = self.loop.run(self.stores[0].bucket("ward"))
        self.names: dict[str, list[str]] = {key: [NULL_VERSION] for key in KEYS}

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.loop.close()
        self.folder.cleanup()

    def current(self, which: int) -> Bucket:
        return self.stores[which].objects.buckets.find("ward")

    def note(self, key: str, version_id: str | None) -> None:
        if version_id is not None:
            self.names[key].append(version_id)

    @rule(which=WHICH, key=KEY, body=st.binary(max_size=40))
    def write(self, which, key, body):
        self.note(key, self.loop.run(self.stores[which].put(self.current(which), key, body)).version_id)

    @rule(which=WHICH, key=KEY)
    def delete(self, which, key):
        store = self.stores[which]
        self.note(key, self.loop.run(store.objects.deleting.delete(store.op, self.current(which), key)).version_id)

    @rule(which=WHICH, key=KEY, at=st.integers(0, 9))
    def delete_a_version(self, which, key, at):
        store, name = self.stores[which], self.names[key][at % len(self.names[key])]
        self.loop.run(store.objects.deleting.delete(store.op, self.current(which), key, version_id=name))

    @rule(which=WHICH, key=KEY, value=st.sampled_from(("x", "y")))
    def tag(self, which, key, value):
        store = self.stores[which]
        found = asked_anew(store, self.bucket, key, None)
        if found is not None and not found[0].marker:
            self.loop.run(store.objects.tagging.put(store.op, self.current(which), key, {"t": value}))

    @rule(which=WHICH, state=st.sampled_from((Versioning.ENABLED, Versioning.SUSPENDED)))
    def keep_versions(self, which, state):
        store = self.stores[which]
        self.loop.run(store.objects.buckets.set_versioning(store.op, self.current(which), state))

    @invariant()
    def both_find_what_is_there(self):
        for store in self.stores:
            for key, names in self.names.items():
                for name in (None, *names):
                    found = versions.find_version(store.database, self.bucket, key, name)
                    assert found == asked_anew(store, self.bucket, key, name)


TestTwoProcesses = TwoProcesses.TestCase
TestTwoProcesses.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


async def test_a_version_that_is_read_again_costs_no_statement_until_it_changes(tmp_path, request):
    if request.config.getoption("--database") == "postgresql":
        pytest.skip("its processes may be on several machines: they ask each time")
    store = Store(tmp_path)
    bucket = await store.bucket("ward")
    for key in ("scan", "other"):
        await store.put(bucket, key, b"first")
    await store.get(bucket, "scan")
    asked: list[str] = []
    store.database.engine._reader().trace_v2(1, lambda event: asked.append(event["sql"]))
    for _ in range(10):
        assert await store.get(bucket, "scan") == b"first"
    await store.put(bucket, "other", b"second")
    asked.clear()  # a write looks at quotas
    await store.get(bucket, "scan")
    assert asked == [], "what happens to other objects is nothing to it"
    await store.put(bucket, "scan", b"second")
    assert await store.get(bucket, "scan") == b"second"
    store.close()
