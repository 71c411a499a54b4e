"""An audit log with all its parts, in one directory, with witnesses that answer in this process or not at all."""

import asyncio
from pathlib import Path
from typing import Any

import apsw
import httpx

from nexus.audit.checkpointer import Checkpointer
from nexus.audit.filters import BLOCK_ENTRIES
from nexus.audit.indexer import AuditIndexer
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS
from nexus.audit.model import EntryView, ListEntries, LogPolicy, WitnessSpec
from nexus.audit.policy import LogIdentity, TrustPolicy, policy_text
from nexus.audit.reader import AuditReader
from nexus.audit.service import AuditService
from nexus.audit.witness.http import witness_app
from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witness.service import WitnessService
from nexus.audit.witness.store import WitnessStore
from nexus.audit.witnesses import WitnessClient
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.clock import MINUTE
from nexus.kernel.operation import Entry, Resource
from nexus.kernel.secret import Secret
from simulators import databases
from simulators.clock import ManualClock
from simulators.databases import database
from simulators.operations import operation
from simulators.signers import ORIGIN, LocalSigner, log_signers

PRIVATE_KEY = OpeningKey(Secret(b"the auditor's seed, 32 bytes ...."[:32]))


def read_entry(person: str = "per_alice", key: str = "scan.dcm", **details: str | int) -> Entry:
    """An entry as the object store writes them."""
    return operation(person, door="s3").allowed("objects.object.read", Resource("Object", f"ingress/{key}"), **details)


AUDITOR = operation("per_auditor", purpose="audit")


class WitnessStreet(httpx.AsyncBaseTransport):
    """Where the witnesses live: a host name each. `down` are those that do not answer."""

    def __init__(self) -> None:
        self.houses: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.requests.append(f"{request.method} {host}")
        if host in self.down or host not in self.houses:
            raise httpx.ConnectError("nobody at home", request=request)
        return await self.houses[host].handle_async_request(request)


class LocalWitness:
    """A real witness with a database of its own; only the socket is missing."""

    def __init__(self, path: Path, name: str, keys: tuple, street: WitnessStreet, clock: ManualClock) -> None:
        self.name = name
        self.keys = WitnessKeys.generate(name)
        self.store = WitnessStore(path)
        self.service = WitnessService(self.keys, {ORIGIN: keys}, self.store, clock=clock)
        street.houses[name] = httpx.ASGITransport(witness_app(self.service))

    @property
    def spec(self) -> WitnessSpec:
        return WitnessSpec(name=self.name, url=f"https://{self.name}", keys=tuple(map(str, self.keys.public)))


class AuditPlatform:
    """`data` is the data directory: copy it, damage it, open it again with `reopen`."""

    def __init__(self, root: Path, *, witnesses: int = 0) -> None:
        self.data = root / "data"
        self.data.mkdir()
        self.clock = ManualClock()
        self.signers: list[LocalSigner] = log_signers()
        self.identity = LogIdentity(ORIGIN, tuple(signer.key for signer in self.signers))
        self.street = WitnessStreet()
        keys = self.identity.keys
        self.witnesses = [
            LocalWitness(root / f"w{i}.db", f"w{i}.example", keys, self.street, self.clock)
            for i in range(1, witnesses + 1)
        ]
        self.policy = LogPolicy(witnesses=tuple(w.spec for w in self.witnesses), quorum=witnesses)
        self.client = WitnessClient(httpx.AsyncClient(transport=self.street))
        self.open()
        self.db.migrate(MIGRATIONS)

    def open(self) -> None:
        self.db = database(self.data / "nexus.db", key=None, recorder=AuditLog(PRIVATE_KEY.public, clock=self.clock))
        self.reader = AuditReader(self.db, PRIVATE_KEY, self.data / "log")
        self.service = AuditService(
            self.db,
            self.identity,
            lambda: self.reader,
            self.data / "log",
            witnesses=self.client,
            clock=self.clock,
        )
        self.checkpointer = Checkpointer(self.db, self.signers, self.data / "log", self.client, clock=self.clock)

    async def start(self) -> "AuditPlatform":
        """Configure the witnesses and start publishing."""
        await self.service.configure_log(operation("per_officer"), self.policy)
        await self.checkpointer.start()
        return self

    async def record(self, count: int, person: str = "per_alice") -> None:
        """Entries in order, in as few commits as it takes."""
        await asyncio.gather(*(self.db.record(read_entry(person, f"scan-{i}.dcm")) for i in range(count)))

    async def search(self, **wanted: Any) -> list[EntryView]:
        """The first page of what an auditor finds."""
        return list((await self.service.list_entries(AUDITOR, ListEntries(**wanted))).entries)

    async def grow(self, blocks: int) -> AuditIndexer:
        """Some full blocks of entries, one of them rare and old, in the last block."""
        entries = [read_entry(f"per_{i % 7}", f"dir-{i % 5}/{i}") for i in range(blocks * BLOCK_ENTRIES)]
        entries[-500] = operation("per_rare", at=self.clock.now() - MINUTE).denied(
            "kms.key.destroy", Resource("Key", "key_9")
        )
        await asyncio.gather(*map(self.db.record, entries))
        return AuditIndexer(self.db, self.reader)

    def close(self) -> None:
        self.checkpointer.close()
        self.db.close()

    def dispose(self) -> None:
        self.close()
        for witness in self.witnesses:
            witness.store.close()

    def reopen(self) -> None:
        """As after a restart: nothing is remembered but what is on disk, and by the witnesses."""
        self.close()
        self.open()

    @property
    def trust(self) -> str:
        """The trust policy of an outsider."""
        return policy_text(self.identity, self.policy)

    @property
    def trust_policy(self) -> TrustPolicy:
        return TrustPolicy.parse(self.trust)

    def tamper(self, *statements: str) -> None:
        """What somebody with the database file and its key can do, or the server: the triggers do not stop them."""
        self.db.close()
        if databases.is_chosen():
            databases.tamper(self.data / "nexus.db", *statements)
            self.reopen()
            return
        connection = apsw.Connection(str(self.data / "nexus.db"))
        for trigger in ("audit_head_grows", "audit_head_stays", "audit_leaf_unaltered", "audit_leaf_unremoved"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.close()
        self.reopen()
