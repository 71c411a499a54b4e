"""Erases a subject: destroys his key, and with it whatever it sealed; then removes the rows and files that are of no use.

1. Refused while a retention or a legal hold keeps any version of his (GDPR, article 17(3)).
2. In one transaction: his key is destroyed in every vault that knows him, every process asks anew, and the certificate
   stands in the log, sealed for nobody who could be erased.
3. From that commit on nothing of his opens: versions, parts of uploads and copies, in every bucket.
4. Versions, markers and uploads are removed, in batches. If that stops half-way, `erase` again goes on with it.

What belongs to many (a manifest that names him) is not under his key: it is counted in the certificate, and is hidden from
secondary use from then on. Backups: docs/explanation/consent-enforcement.md.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.objects.blobs.port import BlobStore
from nexus.objects.errors import NO_SUCH_SUBJECT, SUBJECT_LOCKED
from nexus.objects.finding import Finding
from nexus.objects.model import Bucket
from nexus.objects.naming import checked
from nexus.objects.ports import Subjects
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import buckets as bucket_rows
from nexus.objects.store import subjects as rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.store import versions
from nexus.objects.store.subjects import SubjectRow
from nexus.objects.vaults import Vault

ERASE: Final = "objects.subject.erase"
RECORDS: Final = "audit:erasures"
"""Whose key seals the records of erasures: nobody's who could be erased."""
FORMAT: Final = "nexus-subject-erasure/1"
BATCH: Final = 200
"""Rows removed in one transaction."""
PAGE: Final = 1_000


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased. It stands in the log: its receipt proves it, signed and witnessed like every entry."""

    format: str
    subject: str
    """SHA-256 of the subject's id: who knows the id can tell that it is the one, and nobody learns it from here."""
    keys: int
    """Keys that were destroyed: one for each vault that knew him."""
    versions: int
    bytes: int
    uploads: int
    shared: int
    """Manifests of many that name him: what they stand for is not erased, and is hidden from secondary use."""
    digest: str
    """SHA-256 over the ids of the versions, in order, one a line."""
    approval: str
    erased_at: str


class Erasing:
    """Erases subjects."""

    def __init__(
        self, database: Database, blobs: BlobStore, clock: Clock, subjects: Subjects, finding: Finding
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._finding = finding
        self._subjects = subjects

    async def erase(self, op: Operation, subject: str, reason: str) -> Certificate:
        """Destroy what is held of a subject under his own key. Raises NotFound, and Conflict while a lock keeps it."""
        found = await self._finding.everywhere(op, checked(subject))
        if not found:
            raise NotFound("the store holds nothing of this subject", code=NO_SUCH_SUBJECT)
        numbers = [row.number for _, row in found]
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[Certificate]:
            self._require_unlocked(tx, numbers)
            certificate = self._certificate(tx, op, subject, found)
            for number in numbers:
                rows.destroy_key(tx, number, now)
            self._subjects.renew(tx)
            told = msgspec.json.encode(certificate, order="sorted").decode()
            entry = op.allowed(
                ERASE, Resource("Subject", certificate.subject), certificate=told, reason=reason, keys=certificate.keys
            )
            return Recorded(certificate, replace(entry, subject=RECORDS))

        certificate = await self._database.write(work)
        for number in numbers:
            self._finding.vaults.forget(number)
            await self._remove(op, number)
        return certificate

    def _require_unlocked(self, tx: Transaction, numbers: Sequence[int]) -> None:
        """Step 1."""
        held = sum(rows.held_locks(tx, number, self._clock.now()) for number in numbers)
        if held:
            raise Conflict(
                f"{held} versions are retained or under a legal hold",
                code=SUBJECT_LOCKED,
                hint="what the law or a claim keeps is not erased (GDPR, article 17(3)): wait for its end, or have it lifted",
            )

    def _certificate(
        self, tx: Transaction, op: Operation, subject: str, found: Sequence[tuple[Vault, SubjectRow]]
    ) -> Certificate:
        ids, size, uploads, shared, keys = hashlib.sha256(), 0, 0, 0, 0
        count = 0
        for _, row in found:
            after = ""
            while page := rows.versions_of(tx, row.number, after, PAGE):
                for held in page:
                    ids.update(f"{held.version}\n".encode())
                    count, size = count + 1, size + held.size
                after = page[-1].version
            uploads += len(rows.uploads_of(tx, row.number))
            shared += len(rows.manifests_with(tx, row.number))
            keys += not rows.is_erased(tx, row.number)
        return Certificate(
            format=FORMAT,
            subject=hashlib.sha256(subject.encode()).hexdigest(),
            keys=keys,
            versions=count,
            bytes=size,
            uploads=uploads,
            shared=shared,
            digest=ids.hexdigest(),
            approval=op.approval or "",
            erased_at=rfc3339(self._clock.now()),
        )

    async def _remove(self, op: Operation, number: int) -> None:
        """Step 4: rows and files that no key opens any more."""
        while True:

            def work(tx: Transaction) -> Recorded[tuple[int, list[str]]]:
                done, files = self._remove_some(tx, number)
                return Recorded((done, files), op.allowed(ERASE, Resource("Platform", "nexus"), removed=done))

            with self._database.read() as tx:
                left = bool(rows.rows_of(tx, number, 1)) or bool(rows.uploads_of(tx, number))
            if not left:
                return
            _, files = await self._database.write(work)
            self._blobs.discard(files)

    def _remove_some(self, tx: Transaction, number: int) -> tuple[int, list[str]]:
        files: list[str] = []
        known = {bucket.number: bucket for bucket in bucket_rows.every(tx)}
        some = rows.rows_of(tx, number, BATCH)
        for bucket_number, key, version_id in some:
            bucket: Bucket = known[bucket_number]
            row = versions.by_id(tx, bucket, key, version_id)
            if row is None:
                continue
            files += versions.delete_version(tx, bucket, row, self._clock.now())
            if row.latest and (heir := versions.top(tx, bucket, key)) is not None:
                versions.set_latest(tx, bucket, heir, latest=True)
        for bucket_number, key, upload_id in rows.uploads_of(tx, number):
            upload_rows.delete(tx, known[bucket_number], key, upload_id)
            files += blob_rows.delete_all(tx, bucket_number, upload_id)
        return len(some), files
