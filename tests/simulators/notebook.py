"""A small service with one operation of each shape that a door must carry: path, query, body, list, time, secret, none.

It keeps notes in a real database, so that entries and changes commit together as in any service.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.errors import NotFound, Unavailable
from nexus.kernel.operation import PLATFORM, Operation, OperationSpec, Resource
from nexus.kernel.secret import Secret

SCHEMA = Migration("note", 1, ("CREATE TABLE note (id TEXT PRIMARY KEY, text TEXT NOT NULL, until INTEGER) STRICT",))


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class CreateNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note to keep."""

    text: str
    """What it says."""
    until: Instant | None = None
    """When it may be forgotten."""
    tags: tuple[str, ...] = ()
    colour: Colour = Colour.BLUE
    pinned: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note as it is kept."""

    id: str
    text: str
    until: Instant | None = None
    tags: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One note."""

    id: Annotated[str, msgspec.Meta(max_length=40)]


class ListNotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which notes."""

    limit: int = 50
    since: Instant | None = None
    tags: tuple[str, ...] = ()
    pinned: bool = False


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """Notes, oldest first."""

    notes: tuple[Note, ...]


class Locker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to lock away."""

    password: Secret


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once."""

    token: Secret


class Notebook:
    """The service. `seen` remembers the operations and requests that reached it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.seen: list[tuple[Operation, Any]] = []

    async def create(self, op: Operation, request: CreateNote) -> Note:
        self.seen.append((op, request))
        note = Note(id=f"note_{len(self.seen)}", text=request.text, until=request.until, tags=request.tags)

        def work(tx):
            tx.execute("INSERT INTO note VALUES (?, ?, ?)", (note.id, note.text, note.until))
            return Recorded(note, op.allowed("note.create", PLATFORM))

        return await self._db.write(work)

    async def show(self, op: Operation, request: Named) -> Note:
        self.seen.append((op, request))
        with self._db.read() as tx:
            row = tx.one("SELECT id, text, until FROM note WHERE id = ?", (request.id,))
        if row is None:
            raise NotFound("there is no such note", code="note.unknown")
        await self._db.record(op.allowed("note.read", Resource("Note", request.id)))
        return Note(id=row[0], text=row[1], until=row[2])

    async def list(self, op: Operation, request: ListNotes) -> Notes:
        self.seen.append((op, request))
        await self._db.record(op.allowed("note.list", PLATFORM))
        with self._db.read() as tx:
            rows = tx.all("SELECT id, text, until FROM note ORDER BY id LIMIT ?", (request.limit,))
        return Notes(notes=tuple(Note(id=a, text=b, until=c) for a, b, c in rows))

    async def delete(self, op: Operation, request: Named) -> None:
        self.seen.append((op, request))

        def work(tx):
            if not tx.execute("DELETE FROM note WHERE id = ?", (request.id,)):
                raise NotFound("there is no such note", code="note.unknown")
            return Recorded(None, op.allowed("note.delete", Resource("Note", request.id)))

        await self._db.write(work)

    async def lock(self, op: Operation, request: Locker) -> Credential:
        self.seen.append((op, request))
        await self._db.record(op.allowed("note.lock", PLATFORM))
        return Credential(token=Secret(b"tok_" + request.password.reveal()[::-1]))

    async def leak(self, op: Operation, request: Named) -> Credential:
        return Credential(token=Secret(b"never to be seen"))

    async def crash(self, op: Operation, request: Named) -> Note:
        raise KeyError("CANARY-PATIENT")

    async def fail(self, op: Operation, request: Named) -> Note:
        raise Unavailable("the cupboard is closed", code="note.cupboard", hint="wait")


def _note(service: Any, request: Any) -> Resource:
    return Resource("Note", request.id)


def _spec(name: str, method: str, path: str, request: type, result: Any, run: Any, **more: Any) -> OperationSpec:
    action = more.pop("action", name)
    return OperationSpec(name, "note", method, path, f"{name} in one line", request, result, action, run, **more)


OPERATIONS: tuple[OperationSpec, ...] = (
    _spec("note.create", "POST", "/v1/notes", CreateNote, Note, Notebook.create),
    _spec("note.list", "GET", "/v1/notes", ListNotes, Notes, Notebook.list),
    _spec("note.read", "GET", "/v1/notes/{id}", Named, Note, Notebook.show, resource=_note),
    _spec("note.delete", "DELETE", "/v1/notes/{id}", Named, None, Notebook.delete, resource=_note),
    _spec("note.burn", "POST", "/v1/notes/{id}/burn", Named, None, Notebook.delete, resource=_note, sensitive=True),
    _spec("note.lock", "POST", "/v1/lock", Locker, Credential, Notebook.lock, action="", secret_result=True),
    _spec("note.leak", "POST", "/v1/notes/{id}/leak", Named, Credential, Notebook.leak),
    _spec("note.crash", "POST", "/v1/notes/{id}/crash", Named, Note, Notebook.crash),
    _spec("note.fail", "POST", "/v1/notes/{id}/fail", Named, Note, Notebook.fail),
    OperationSpec(
        "iam.approval.execute",
        "note",
        "POST",
        "/v1/approvals/{id}/execute",
        "carry out what was approved",
        Named,
        Any,
        "iam.approval.execute",
        Notebook.show,
        resource=lambda service, request: Resource("Approval", request.id),
    ),
)
