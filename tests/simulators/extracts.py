"""Extracts as sites make them: rows, files, manifests, and providers with a bucket in a real object store."""

import csv
import hashlib
import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from nexus.app.wiring.intake import SourceKeys
from nexus.crypto.signatures import Signature
from nexus.kernel.errors import NotFound
from nexus.objects.model import Versioning
from nexus.warehouse.intake.agreement import Agreement, Column, ColumnType, IdentifierKind, Table
from nexus.warehouse.intake.checking import check
from nexus.warehouse.intake.examining import Examining
from nexus.warehouse.intake.handing_in import HandingIn
from nexus.warehouse.intake.ingress import Ingress
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.intake.migrations import MIGRATIONS
from nexus.warehouse.intake.report import Checked
from nexus.warehouse.intake.requests import RegisterProvider
from nexus.warehouse.intake.service import IntakeService
from simulators.object_store import Store

TODAY = date(2026, 11, 23)
STAYS = Table(
    name="stays",
    separator=";",
    columns=(
        Column(name="ipp", identifier=IdentifierKind.LOCAL, filled=True),
        Column(name="nom", identifier=IdentifierKind.FAMILY_NAME),
        Column(name="prenom", identifier=IdentifierKind.GIVEN_NAME),
        Column(name="ne_le", type=ColumnType.DATE, identifier=IdentifierKind.BIRTH_DATE),
        Column(name="entree", type=ColumnType.DATE, filled=True),
        Column(name="sortie", type=ColumnType.TIMESTAMP),
        Column(name="diagnostic", type=ColumnType.CODE),
        Column(name="poids", type=ColumnType.DECIMAL),
        Column(name="dossier", type=ColumnType.INTEGER),
        Column(name="note"),
    ),
)
AGREED = Agreement(schema_version="2026.1", tables=(STAYS,), unusable_percent=10.0)
ROW = {
    "ipp": "80012345",
    "nom": "LEGALL",
    "prenom": "Ysaline",
    "ne_le": "1961-04-30",
    "entree": "2026-10-01",
    "sortie": "2026-10-04 11:30",
    "diagnostic": "I21.0",
    "poids": "71.5",
    "dossier": "20261001",
    "note": "douleur thoracique depuis deux heures, ECG normal",
}
"""A row without a fault."""


def rows_as_csv(*rows: dict[str, str], columns: tuple[str, ...] = tuple(ROW), separator: str = ";") -> bytes:
    """A CSV file, header included; what a row does not say is as in ROW."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[{**ROW, **row}[name] for name in columns] for row in rows])
    return text.getvalue().encode()


def many(count: int, **same: str) -> list[dict[str, str]]:
    """Different patients, otherwise alike."""
    return [{"ipp": f"8{at:07d}", "dossier": str(20_000_000 + at), **same} for at in range(count)]


@dataclass
class Held:
    """The port `checking.Source`, over bytes, in uneven pieces."""

    content: bytes
    piece: int = 997

    def stream(self):
        for at in range(0, len(self.content), self.piece):
            yield self.content[at : at + self.piece]

    @contextmanager
    def file(self):
        yield io.BytesIO(self.content)


def said_of(content: bytes, rows: int, *, name: str = "stays.csv", table: str = "stays", **other: Any) -> FileSaid:
    """A file as a manifest describes it."""
    said = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": rows, **other}
    return FileSaid(name=name, table=table, **said)


def checked(content: bytes, rows: int, table: Table = STAYS, *, name: str = "stays.csv", piece: int = 997) -> Checked:
    """The check of one file."""
    said = said_of(content, rows, name=name, table=table.name)
    return check(Held(content, piece), said, table, TODAY, lambda _: None)


def manifest_of(files: dict[str, tuple[bytes, int]], number: int = 1, **other: Any) -> bytes:
    """The manifest of files, each with its content and rows."""
    said = [
        {
            "name": name,
            "table": name.partition(".")[0].partition("-")[0],
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "rows": rows,
        }
        for name, (content, rows) in files.items()
    ]
    document = {
        "format": "nexus.delivery/1",
        "provider": "chu-ehr",
        "number": number,
        "schema_version": "2026.1",
        "period_from": "2026-01-01",
        "period_until": "2026-10-31",
        "files": said,
        **other,
    }
    return json.dumps(document).encode()


class Everybody:
    """A gate that lets everybody through."""

    def check(self, op: Any, action: str, resource: Any) -> None:
        return None


@dataclass
class Hospital:
    """A provider of a real object store, with the platform's own part beside it."""

    store: Store
    service: IntakeService
    examining: Examining
    bucket: Any
    shown: Any = None

    async def deliver(
        self, files: dict[str, tuple[bytes, int]], number: int = 1, prefix: str = "1/", **other: Any
    ) -> str:
        """Put the files, then the manifest; returns its name."""
        for name, (content, _) in files.items():
            await self.store.put(self.bucket, prefix + name, content)
        await self.store.put(self.bucket, f"{prefix}manifest.json", manifest_of(files, number, **other))
        return f"{prefix}manifest.json"


class NoProofs:
    """A log that shows nothing."""

    async def of_operation(self, operation: str, delivery: str) -> str:
        raise NotFound("the log shows no entry of this delivery")


class NoSigner:
    """A key service without this key."""

    async def sign(self, op: Any, message: bytes) -> Signature:
        raise NotFound("no key")


async def hospital(
    root: Path, agreement: Agreement = AGREED, *, signer: Any = None, proofs: Any = None, store: Store | None = None
) -> Hospital:
    """An object store in `root` with one provider, `chu-ehr`, in the bucket `chu-in`."""
    store = store or Store(root, migrations=MIGRATIONS)
    bucket = await store.bucket("chu-in", kind="ingress")
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    made = around(store, signer=signer, proofs=proofs)
    request = RegisterProvider(name="chu-ehr", title="CHU, care records", bucket="chu-in", agreement=agreement)
    await made.service.register(store.op, request)
    return made


def around(store: Store, *, signer: Any = None, proofs: Any = None) -> Hospital:
    """The services over a store whose provider is there already: as after a start."""
    ingress = Ingress(store.objects)
    service = IntakeService(
        store.database, Everybody(), store.clock, ingress, signer=signer or NoSigner(), proofs=proofs or NoProofs()
    )
    handing_in = HandingIn(store.database, ingress, store.clock)
    examining = Examining(store.database, ingress, handing_in, store.clock, lambda: store.op, keys=SourceKeys())
    return Hospital(store, service, examining, store.objects.buckets.find("chu-in"))
