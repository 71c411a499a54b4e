"""The bastion as its supervisors see it: sessions listed, watched, cut, replayed, compared with the log."""

import asyncio

from nexus.bastion import store
from nexus.bastion.issuing import Issuing
from nexus.bastion.model import WATCH, ShellSession, session_resource
from nexus.bastion.ports import SessionLog
from nexus.bastion.reading import Recordings
from nexus.bastion.requests import (
    ById,
    CutSession,
    Excerpt,
    ListSessions,
    ReadRecording,
    RecordingCheck,
    Sessions,
    SessionView,
)
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.ids import is_id
from nexus.kernel.operation import PLATFORM, Operation


class BastionService:
    """The operations. Sessions live in the bastion's process; what is asked of them goes through the database."""

    def __init__(
        self, database: Database, issuing: Issuing, recordings: Recordings, log: SessionLog, clock: Clock
    ) -> None:
        self.issuing = issuing
        self._database = database
        self._recordings = recordings
        self._log = log
        self._clock = clock

    async def list_sessions(self, op: Operation, request: ListSessions) -> Sessions:
        """Sessions, newest first."""
        with self._database.read() as tx:
            found = store.sessions(tx, request.before, request.limit)
        await self._database.record(op.allowed("bastion.session.list", PLATFORM, rows=len(found)))
        return Sessions(sessions=tuple(map(_view, found)))

    async def read(self, op: Operation, request: ById) -> SessionView:
        """One session. Raises NotFound."""
        found = self._session(request.id)
        await self._database.record(op.allowed("bastion.session.read", session_resource(found.id)))
        return _view(found)

    async def cut(self, op: Operation, request: CutSession) -> None:
        """Ask for the end: the bastion sees it within half a second. Raises NotFound, Conflict if it is over."""
        found = self._session(request.id)
        entry = op.allowed("bastion.session.cut", session_resource(found.id), reason=request.reason or None)

        def work(tx: Transaction) -> Recorded[None]:
            if not store.cut(tx, found.id, op.actor.id):
                raise _over()
            return Recorded(None, entry)

        await self._database.write(work)

    async def watch(self, op: Operation, request: ReadRecording) -> Excerpt:
        """What has happened in an open session since the part before. The operator is told who looks."""
        found = self._recorded(request.id)
        now = self._clock.now()
        entry = op.allowed(WATCH, session_resource(found.id), after=request.after)

        def work(tx: Transaction) -> Recorded[None]:
            if found.is_open:
                store.watch(tx, found.id, op.actor.id, op.actor.name, now)
            return Recorded(None, entry)

        await self._database.write(work)
        return await asyncio.to_thread(self._recordings.excerpt, self._session(found.id), request.after)

    async def replay(self, op: Operation, request: ReadRecording) -> Excerpt:
        """A part of the recording of a session that is over. Raises NotFound, Conflict, Damaged."""
        found = self._recorded(request.id)
        if found.is_open:
            raise Conflict("this session goes on", code="bastion.session-open", hint="watch it: `nexus bastion watch`")
        await self._database.record(
            op.allowed("bastion.session.replay", session_resource(found.id), after=request.after)
        )
        return await asyncio.to_thread(self._recordings.excerpt, found, request.after)

    async def verify(self, op: Operation, request: ById) -> RecordingCheck:
        """Compare the recording with the audit log. Raises NotFound, Sealed."""
        found = self._recorded(request.id)
        logged = await self._log.of_session(found.id)
        checked = await asyncio.to_thread(self._recordings.check, found, logged)
        entry = op.allowed(
            "bastion.session.verify", session_resource(found.id), sound=checked.sound, chunks=checked.chunks
        )
        await self._database.record(entry)
        return checked

    def _recorded(self, session_id: str) -> ShellSession:
        """A session whose recording is still there. Raises NotFound, Conflict."""
        found = self._session(session_id)
        if found.erased_at is not None:
            raise Conflict(
                "this recording was kept for its time, and erased",
                code="bastion.recording-erased",
                hint="the log has the entry that certifies it: bastion.recording.erase",
            )
        return found

    def _session(self, session_id: str) -> ShellSession:
        found = None
        if is_id(session_id, "bas"):
            with self._database.read() as tx:
                found = store.session(tx, session_id)
        if found is None:
            raise NotFound("there is no such session", code="bastion.no-session")
        return found


def _view(found: ShellSession) -> SessionView:
    return SessionView(
        id=found.id,
        person=found.holder.person,
        login=found.holder.login,
        origin=found.origin,
        command=found.command,
        started_at=found.started_at,
        ended_at=found.ended_at,
        end=found.end,
        chunks=found.chunks,
        bytes=found.size,
        erased_at=found.erased_at,
    )


def _over() -> Conflict:
    return Conflict("this session is over", code="bastion.session-over")
