"""A warehouse whose pseudonyms are those of both services, over real sockets, and a place where releases of it are built."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.messages import NirGiven, OpenDomain, Pseudonymise
from nexus.pseudonyms.transferring import Transferring
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.releases.making import Ports, make, views
from nexus.warehouse.releases.manifest import Release
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.verifying import verify
from simulators import releases as made
from simulators.file_signer import LocalFileSigner
from simulators.operations import operation
from simulators.pseudonym_levels import running
from simulators.releases import Decisions


@dataclass
class Warehouse:
    folder: Path
    hub: tuple[str, ...]
    """The warehouse's pseudonyms."""
    project: dict[str, dict[str, str]]
    """Of each project's domain: warehouse's to project's."""

    async def to_domain(self, op, pseudonyms, domain):
        return [self.project[domain][one] for one in pseudonyms]


def prepared(folder: Path, number: int) -> Warehouse:
    """One of so many people, in a folder, with the domains of two projects."""

    async def prepare() -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
        async with running() as levels:
            for name in ("EMC2", "PRJA", "PRJB"):
                await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain(name))
            people = tuple(NirGiven(f"18005750{place:05d}") for place in range(number))
            answer = await levels.client("worker", FIRST).call(
                "pseudonymise", operation(), Pseudonymise("EMC2", people)
            )
            hub, second = answer.pseudonyms, Transferring(Calls(levels.client("worker", SECOND)))
            both = {name: await second.to_domain(operation(), hub, name) for name in ("PRJA", "PRJB")}
            return hub, {name: dict(zip(hub, theirs, strict=True)) for name, theirs in both.items()}

    hub, project = asyncio.run(prepare())
    return Warehouse(made.write(folder, hub), hub, project)


class Calls:
    """The port `pseudonyms.ports.Transfers` over a client."""

    def __init__(self, client) -> None:
        self._client = client

    async def transfer(self, op, request):
        return await self._client.call("transfer", op, request)


class Bench:
    """One place for releases, with who decides and who signs."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.parts = Parts(folder)
        self.decisions, self.key = Decisions(), LocalFileSigner()

    async def release(self, asked=None, *, parent: Release | None = None, cdm: Path | None = None) -> Release:
        ports = Ports(self.warehouse, self.decisions, self.key)
        with open_cdm(cdm or self.warehouse.folder, threads=1) as opened:
            manifest = await make(operation(), asked or made.asked(), opened, self.parts, ports, parent=parent)
        return manifest.release

    def verify(self, release: Release):
        return verify(self.parts.manifest(release.digest()).read_bytes(), self.parts, self.key.public)

    def query(self, release: Release, sql: str) -> list[tuple]:
        with duckdb.connect() as connection:
            connection.execute(views(release, str(self.parts.folder)))
            return connection.execute(sql).fetchall()
