"""What must be in a store after a crash, by the journals of those who wrote to it; and whether it is."""

import os
from collections import defaultdict

from nexus.audit.opening import EntryOpener
from nexus.audit.store import read_head
from nexus.kernel.errors import NotFound
from nexus.objects.errors import IsDeleteMarker
from nexus.objects.model import MIN_PART_BYTES
from simulators.object_store import Store
from simulators.store_writer import PRIVATE_KEY, content


class Believed:
    """What the journals say must be there: for each key one or (after a crash) two possible states, and versions."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], list[dict | None]] = defaultdict(lambda: [None])
        self.versions: list[dict] = []
        self.acknowledged = 0

    def learn(self, journal: list[dict]) -> None:
        """What was acknowledged is so; what was asked for later may be so."""
        asked: dict[tuple[str, str], list[dict]] = defaultdict(list)
        for line in journal:
            where = (line["bucket"], line["key"])
            if line["state"] == "asked":
                asked[where].append(line)
                continue
            del asked[where]
            self.acknowledged += 1
            self.states[where] = [line]
            if line["version"] and line["how"] != "delete":
                self.versions.append(line)
        for where, lines in asked.items():
            self.states[where] = [*self.states[where], *lines]

    def copy(self) -> "Believed":
        """Another one that learns by itself."""
        made = Believed()
        made.states.update({where: list(states) for where, states in self.states.items()})
        made.versions = list(self.versions)
        made.acknowledged = self.acknowledged
        return made


def expected(line: dict) -> bytes:
    padding = bytes(MIN_PART_BYTES) if line["how"] == "parts" else b""
    return padding + content(line["stamp"], line["size"])


async def found(store: Store, bucket: str, key: str, version: str | None = None) -> bytes | None:
    try:
        return await store.get(store.objects.buckets.find(bucket), key, version_id=version)
    except (NotFound, IsDeleteMarker):
        return None


async def settle(store: Store, believed: Believed, where: tuple[str, str]) -> None:
    """The key is in one of the states that it may be in; from now on in that one only."""
    body = await found(store, *where)
    possible = {
        (None if line is None or line["how"] == "delete" else expected(line)): line for line in believed.states[where]
    }
    assert body in possible, f"{where} holds what nobody wrote last: {len(body or b'')} bytes"
    believed.states[where] = [possible[body]]


def log_matches(store: Store) -> None:
    """Every version in the rows has exactly one entry that wrote it; every entry that wrote one has, or had, its row."""
    with store.database.read() as tx:
        size = read_head(tx).size
        rows = {id_ for (id_,) in tx.all("SELECT id FROM objects_version WHERE marker = 0")}
    entries = list(EntryOpener(PRIVATE_KEY).rows(store.database, 0, size))
    assert [row.index for row in entries] == list(range(size))
    contents = [row.entry.content() for row in entries]
    changes = [entry for entry in contents if entry.action in ("objects.object.write", "objects.upload.write")]
    written = [entry.details["version"] for entry in changes if "version" in entry.details]
    assert len(written) == len(set(written))
    assert rows <= set(written)


async def everything_is_as_believed(store: Store, believed: Believed) -> None:
    """Every key and every version, the log, and what a sweep leaves."""
    for where in list(believed.states):
        await settle(store, believed, where)
    for line in believed.versions:
        assert await found(store, line["bucket"], line["key"], line["version"]) == expected(line)
    log_matches(store)
    await sweep_leaves_what_rows_know(store)


async def sweep_leaves_what_rows_know(store: Store) -> None:
    for path in store.files():
        os.utime(path, (0, 0))
    with store.database.read() as tx:
        known = {id_ for (id_,) in tx.all("SELECT id FROM objects_blob WHERE dropped_at IS NULL")}
    store.clock.advance(10**12)
    await store.objects.upkeep.sweep(store.op)
    assert {path.name for path in store.files()} == known
