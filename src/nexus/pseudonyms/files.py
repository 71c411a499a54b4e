"""Files that are rewritten: asked for at a door, done by the worker. Nobody but the platform sees both sides of a row.

Whoever asks must be allowed to read the one and to write the other, when she asks and again when it is done; what is read and
written is recorded as hers.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid, NexusError, NotFound, Sealed, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Detail, Operation, Resource
from nexus.pseudonyms import file_store, rewriting
from nexus.pseudonyms.file_store import FileJob
from nexus.pseudonyms.messages import Given, Pseudonymise
from nexus.pseudonyms.ports import FirstLevel, Objects, Transfers
from nexus.pseudonyms.requests import FileState, FileView, NamedFile, RewriteFile
from nexus.pseudonyms.rewriting import Rewriting
from nexus.pseudonyms.transferring import Transferring

MAKE: Final = "pseudonyms.file.make"
PARQUET: Final = b"PAR1"
ENCRYPTED: Final = b"PARE"
"""How Parquet files begin, those without and those with an encrypted footer."""


class Files:
    """What a door asks."""

    def __init__(self, database: Database, objects: Objects, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    async def make(self, op: Operation, request: RewriteFile) -> FileView:
        """Have a file rewritten. Raises Denied, NotFound, Invalid."""
        named = request.identities is not None and bool(request.identities.named())
        if named == bool(request.pseudonyms) or request.separator in '"\r\n':
            raise Invalid(
                "a file has columns of identities, or columns of pseudonyms",
                code="pseudonyms.columns",
                hint="name one kind, and a separator that is no quotation mark",
            )
        self._objects.require(op, request.bucket, request.into)
        job = FileJob(new_id("psf"), request, FileState.WAITING, op.actor.id, self._clock.now(), op.purpose)

        def work(tx: Transaction) -> Recorded[None]:
            file_store.add(tx, job)
            return Recorded(None, op.allowed(MAKE, self.resource(job), into=request.into, domain=request.domain))

        await self._database.write(work)
        return _view(job)

    async def read(self, op: Operation, request: NamedFile) -> FileView:
        """How far it is. Raises NotFound."""
        job = self._find(request.id)
        if job is None:
            raise NotFound("there is no such file", code="pseudonyms.no-file")
        await self._database.record(op.allowed("pseudonyms.file.read", self.resource(job)))
        return _view(job)

    def resource_of(self, job_id: str) -> Resource:
        """The bucket that a file is read from; nobody's where there is no such file."""
        job = self._find(job_id)
        return self._objects.resource("") if job is None else self.resource(job)

    def source(self, bucket: str) -> Resource:
        """A bucket that a file is to be read from."""
        return self._objects.resource(bucket)

    def resource(self, job: FileJob) -> Resource:
        """The bucket that a file is read from."""
        return self._objects.resource(job.request.bucket)

    def _find(self, job_id: str) -> FileJob | None:
        with self._database.read() as tx:
            return file_store.find(tx, job_id)


class FileWork:
    """What the worker does."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        *,
        first: FirstLevel,
        second: Transfers,
        operation: Callable[[], Operation],
    ) -> None:
        self._database = database
        self._objects = objects
        self._first = first
        self._second = Transferring(second)
        self._operation = operation

    async def run(self) -> bool:
        """Rewrite the oldest file that waits; returns whether there may be more. Raises Sealed, Unavailable: it waits on."""
        with self._database.read() as tx:
            job = file_store.next_waiting(tx)
        if job is None:
            return False
        op = self._in_the_name_of(job)
        try:
            self._objects.require(op, job.request.bucket, job.request.into)
            rows = await self._rewrite(op, job.request)
            done = replace(job, state=FileState.DONE, rows=rows)
        except (Sealed, Unavailable):
            raise
        except NexusError as error:
            done = replace(job, state=FileState.FAILED, rows=0, code=error.code, message=error.message)
        await self._database.write(lambda tx: self._finished(tx, op, done))
        return True

    async def _rewrite(self, op: Operation, request: RewriteFile) -> int:
        """By what the file begins with: as Parquet, or as CSV. Returns the number of rows."""
        source = await self._objects.read(op, request.bucket, request.key)
        try:
            begun = await _beginning(source)
            if begun.startswith(ENCRYPTED):
                raise Invalid(
                    "this Parquet file is encrypted by a key of its own",
                    code="pseudonyms.file",
                    hint="write it without Parquet's encryption: the store encrypts whatever it keeps",
                )
            if begun.startswith(PARQUET):
                await source.aclose()
                return await self._rewritten(op, request, _parquet(), source)
            return await self._rewritten(op, request, Rewriting(request.separator), _whole(begun, source))
        finally:
            await source.aclose()

    async def _rewritten(self, op: Operation, request: RewriteFile, file: Any, source: AsyncIterator[bytes]) -> int:
        if request.identities is not None:
            made = file.identities(source, request.identities, self._pseudonymise(op, request.domain))
        else:
            made = file.pseudonyms(source, request.pseudonyms, self._transfer(op, request.domain))
        await self._objects.write(op, request.into, request.into_key, made)
        return int(file.rows)

    def _pseudonymise(self, op: Operation, domain: str) -> rewriting.Pseudonymise:
        async def ask(people: Sequence[Given]) -> Sequence[str]:
            return (await self._first.pseudonymise(op, Pseudonymise(domain, tuple(people)))).pseudonyms

        return ask

    def _transfer(self, op: Operation, domain: str) -> rewriting.Transfer:
        async def ask(pseudonyms: Sequence[str]) -> Sequence[str]:
            return await self._second.to_domain(op, pseudonyms, domain)

        return ask

    def _finished(self, tx: Transaction, op: Operation, job: FileJob) -> Recorded[None]:
        file_store.finish(tx, job)
        resource = self._objects.resource(job.request.bucket)
        told: dict[str, Detail] = {"domain": job.request.domain, "into": job.request.into, "rows": job.rows}
        if job.state is FileState.DONE:
            return Recorded(None, op.allowed("pseudonyms.file.done", resource, **told))
        return Recorded(None, op.failed("pseudonyms.file.done", resource, **told, code=job.code))

    def _in_the_name_of(self, job: FileJob) -> Operation:
        """Hers, done by the worker: her rights are asked again, and the reading is hers."""
        actor = Actor(job.requested_by, ActorKind.PERSON, person=job.requested_by)
        return replace(self._operation(), actor=actor, purpose=job.purpose)


async def _beginning(source: AsyncIterator[bytes]) -> bytes:
    """Enough of a file to know what it is."""
    begun = b""
    async for chunk in source:
        begun += chunk
        if len(begun) >= len(PARQUET):
            break
    return begun


async def _whole(begun: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream of which the beginning was looked at."""
    yield begun
    async for chunk in rest:
        yield chunk


def _parquet() -> Any:
    """Arrow is tens of MiB: loaded when such a file comes."""
    from nexus.pseudonyms.parquet_rewriting import ParquetRewriting

    return ParquetRewriting()


def _view(job: FileJob) -> FileView:
    request = job.request
    return FileView(
        id=job.id,
        bucket=request.bucket,
        into=request.into,
        domain=request.domain,
        state=job.state,
        requested_by=job.requested_by,
        requested_at=job.requested_at,
        rows=job.rows,
        code=job.code,
        message=job.message,
    )
