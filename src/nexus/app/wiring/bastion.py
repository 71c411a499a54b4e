"""The bastion's operations, in the processes that perform every operation. Its own process: `wiring/gateway.py`."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.standing import SignIns
from nexus.app.wiring.log import audit_reader
from nexus.audit.model import EntryContent, ListEntries
from nexus.audit.reader import AuditReader
from nexus.bastion.issuing import Issuing
from nexus.bastion.model import CLOSE, RECORD, session_resource
from nexus.bastion.ports import LoggedChunk, LoggedSession
from nexus.bastion.reading import Recordings
from nexus.bastion.service import BastionService
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.errors import Unavailable
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.uses import Use

PAGE_ENTRIES: Final = 1_000


class CertificateAuthority:
    """The port `bastion.ports.Authority`: a key of the key service that is bound to this use."""

    def __init__(self, kms: KeyServiceClient) -> None:
        self._kms = kms

    async def keys(self, op: Operation) -> Sequence[bytes]:
        known = await self._kms.bound_key(Use.BASTION_AUTHORITY, op)
        return [version.public_key for version in sorted(known.versions, key=lambda version: not version.signs)]

    async def sign(self, op: Operation, message: bytes) -> bytes:
        return (await self._kms.sign_bound(Use.BASTION_AUTHORITY, message, op)).signature


class PublishedDoor:
    """The port `bastion.issuing.Door`: what the supervisor wrote down when the doors opened."""

    def __init__(self, endpoints: Path, names: Sequence[str]) -> None:
        """`names`: by which clients reach this machine; the first counts, or the address that the door listens on."""
        self._endpoints = endpoints
        self._names = names

    def address(self) -> tuple[str, int]:
        try:
            known = msgspec.json.decode(self._endpoints.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable("the platform is still opening its doors", code="bastion.closed") from error
        where = urlsplit(known.get("bastion", ""))
        if where.hostname is None or where.port is None:
            raise Unavailable(
                "this platform's bastion is closed", code="bastion.closed", hint="the setting bastion_port opens it"
            )
        return (self._names[0] if self._names else where.hostname), where.port


class ReadLog:
    """The port `bastion.ports.SessionLog`: the audit log, searched by the session's name."""

    def __init__(self, reader: Callable[[], AuditReader]) -> None:
        self._reader = reader

    async def of_session(self, session_id: str) -> LoggedSession:
        return await asyncio.to_thread(self._search, session_id)

    def _search(self, session_id: str) -> LoggedSession:
        found: list[LoggedChunk] = []
        closed: tuple[int, str] | None = None
        cursor: str | None = None
        while True:
            request = ListEntries(resource=str(session_resource(session_id)), limit=PAGE_ENTRIES, cursor=cursor)
            page = self._reader().page(request)
            for view in page.entries:
                if view.content is not None and view.content.action == RECORD:
                    found.append(_logged(view.index, view.content))
                elif view.content is not None and view.content.action == CLOSE:
                    details = view.content.details
                    closed = int(details["chunks"] or 0), str(details.get("chain") or "")
            if page.next is None:
                return LoggedSession(sorted(found, key=lambda chunk: chunk.number), closed)
            cursor = page.next


def _logged(index: int, content: EntryContent) -> LoggedChunk:
    details = content.details
    return LoggedChunk(
        index=index,
        number=int(details["number"] or 0),
        size=int(details["size"] or 0),
        digest=str(details["sha256"]),
        chain=str(details["chain"]),
    )


def bastion_service(ground: Ground) -> BastionService:
    """The operations of the bastion, for a process that holds the audit log's private key."""
    issuing = Issuing(
        ground.database,
        CertificateAuthority(ground.kms),
        SignIns(ground.database, ground.clock),
        PublishedDoor(ground.directory.endpoints, ground.settings.names),
        ground.clock,
    )

    def opening_key() -> OpeningKey:
        return OpeningKey(ground.hold.secrets[Part.AUDIT_READER])

    recordings = Recordings(ground.directory.recordings, opening_key)
    return BastionService(ground.database, issuing, recordings, ReadLog(audit_reader(ground)), ground.clock)
