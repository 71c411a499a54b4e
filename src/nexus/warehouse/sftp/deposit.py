"""What a client may ask of an SFTP session. Every request that asyncssh could do on a file system is answered here, most by no."""

import stat as modes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncssh
from asyncssh.constants import (
    FX_FAILURE,
    FX_NO_SUCH_FILE,
    FX_OP_UNSUPPORTED,
    FX_PERMISSION_DENIED,
    FXF_APPEND,
    FXF_READ,
    FXF_WRITE,
)
from asyncssh.sftp import SFTPAttrs, SFTPError, SFTPName, SFTPServer

from nexus.kernel.clock import Clock
from nexus.kernel.errors import Denied, NexusError, NotFound, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.warehouse.sftp import paths
from nexus.warehouse.sftp.model import DOOR, LIST, MAX_OPEN, WRITE
from nexus.warehouse.sftp.paths import Place
from nexus.warehouse.sftp.ports import AccessKeys, Audit, Gate, Lease, Name, Stores
from nexus.warehouse.sftp.uploads import Upload

_FOLDER: Final = modes.S_IFDIR | 0o700
_FILE: Final = modes.S_IFREG | 0o200


@dataclass(frozen=True, slots=True)
class Desk:
    """Whom every session asks."""

    access_keys: AccessKeys
    gate: Gate
    lease: Lease
    audit: Audit
    stores: Stores
    clock: Clock

    def operation(self, access_key_id: str, address: str) -> Operation:
        """What the holder of a key does now. Raises Unauthenticated if it works no more, Sealed."""
        self.lease.require()
        key = self.access_keys.access_key(access_key_id)
        return Operation(new_id("op"), key.actor, key.purpose, self.clock.now(), address, DOOR, client="sftp")


class Deposit(SFTPServer):
    """One session."""

    def __init__(
        self,
        chan: "asyncssh.SSHServerChannel[bytes]",
        desk: Desk,
        access_key_id: str,
        address: str,
        touch: Callable[[], None],
    ) -> None:
        """`touch` is called at each request: whoever asks is not idle."""
        super().__init__(chan)
        self._desk, self._key, self._address, self._touch = desk, access_key_id, address, touch
        self._open: set[Upload] = set()

    # What providers do

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> Upload:
        """A file to be written from its beginning."""
        async with self._asked():
            if pflags & FXF_READ or not pflags & FXF_WRITE:
                raise _refused("what was delivered is not read back here", "see it with `nexus intake delivery read`")
            if pflags & FXF_APPEND:
                raise _refused("nothing is appended to what was delivered", "send the whole file again")
            if len(self._open) >= MAX_OPEN:
                raise _refused(f"a session has {MAX_OPEN} files open at most", "close one first")
            where = paths.place(path)
            if not where.key:
                raise _refused("files lie in a bucket", "put it below /BUCKET/FOLDER/")
            op = await self._allowed(WRITE, where)
            upload = Upload(lambda body: self._desk.stores.put(op, where.bucket, where.key, body))
            self._open.add(upload)
            return upload

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        async with self._asked():
            await _upload(file_obj).write(offset, data)
            return len(data)

    async def close(self, file_obj: object) -> None:
        async with self._asked():
            upload = _upload(file_obj)
            if upload in self._open:  # else it was abandoned
                self._open.discard(upload)
                await upload.close()

    def abandon(self) -> None:
        """The client is gone: what it did not close is nothing."""
        for upload in self._open:
            upload.abandon()
        self._open.clear()

    async def fstat(self, file_obj: object) -> SFTPAttrs:
        return SFTPAttrs(size=_upload(file_obj).size, permissions=_FILE)

    async def stat(self, path: bytes) -> SFTPAttrs:
        """A folder is whatever has a name below it; also one that nobody has put anything into yet."""
        async with self._asked():
            where = paths.place(path)
            if where.is_root or not where.key:
                if where.bucket:
                    await self._allowed(LIST, where)
                return SFTPAttrs(permissions=_FOLDER)
            folder, _, name = where.key.rpartition("/")
            found = await self._names(Place(where.bucket, folder))
            known = next((one for one in found if one.name == name), None)
            if known is None:
                raise SFTPError(FX_NO_SUCH_FILE, "there is nothing of this name")
            return _attributes(known)

    lstat = stat

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        async with self._asked():
            where = paths.place(path)
            found = self._roots() if where.is_root else await self._names(where)
        for one in found:
            yield SFTPName(one.name.encode(), b"", _attributes(one))

    async def realpath(self, path: bytes) -> bytes:
        async with self._asked():
            return paths.absolute(path).encode()

    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Folders are parts of names here: one is there as soon as something lies in it."""
        async with self._asked():
            where = paths.place(path)
            if not where.key:
                raise _refused("buckets are made by data stewards")
            await self._allowed(WRITE, where)

    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Times and rights of files are not kept; a client that sends them along is not in the wrong."""

    async def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """The same."""

    async def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """The same."""

    async def fsync(self, file_obj: object) -> None:
        """A file is durable when it is closed."""

    def exit(self) -> None:
        self.abandon()

    # What nobody does

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        raise _refused("what was delivered is not read back here")

    async def remove(self, path: bytes) -> None:
        raise _refused("what was delivered stays", "a delivery that is corrected gets the next number")

    async def rmdir(self, path: bytes) -> None:
        raise _refused("what was delivered stays")

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise _refused("nothing is renamed here", "have your client write files under their names at once")

    posix_rename = rename

    async def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise _refused("there are no links here")

    symlink = link

    async def readlink(self, path: bytes) -> bytes:
        raise _refused("there are no links here")

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: SFTPAttrs) -> object:
        raise _unsupported()

    def lock(self, file_obj: object, offset: int, length: int, flags: int) -> None:
        raise _unsupported()

    def unlock(self, file_obj: object, offset: int, length: int) -> None:
        raise _unsupported()

    def statvfs(self, path: bytes) -> Any:
        raise _unsupported()

    def fstatvfs(self, file_obj: object) -> Any:
        raise _unsupported()

    # How each is decided

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        """What went wrong, in the words of SFTP. Another provider's bucket is one that is not there."""
        self._touch()
        try:
            yield
        except (Unauthenticated, Denied) as error:
            raise SFTPError(FX_PERMISSION_DENIED, error.message) from None
        except NotFound as error:
            raise SFTPError(FX_NO_SUCH_FILE, error.message) from None
        except NexusError as error:
            raise SFTPError(FX_FAILURE, f"{error.message}{f' ({error.hint})' if error.hint else ''}") from None

    async def _allowed(self, action: str, where: Place) -> Operation:
        """The operation, if the gate allows it; a refusal is in the log. Raises NotFound for what she may not know of."""
        op = self._desk.operation(self._key, self._address)
        resource = self._desk.stores.resource(where.bucket, where.key)
        try:
            self._desk.gate.check(op, action, resource)
        except Denied as error:
            await self._desk.audit.record(op.denied(action, resource, code=error.code))
            if self._may_write(op, where.bucket):
                raise
            raise NotFound("there is no such bucket", code="objects.no-bucket") from None
        return op

    def _may_write(self, op: Operation, bucket: str) -> bool:
        try:
            self._desk.gate.check(replace(op), WRITE, self._desk.stores.resource(bucket, ""))
        except NexusError:
            return False
        return True

    def _roots(self) -> list[Name]:
        op = self._desk.operation(self._key, self._address)
        return [Name(bucket, folder=True) for bucket in self._desk.stores.buckets() if self._may_write(op, bucket)]

    async def _names(self, where: Place) -> list[Name]:
        op = await self._allowed(LIST, where)
        return list(await self._desk.stores.names(op, where.bucket, where.prefix))


def _attributes(name: Name) -> SFTPAttrs:
    if name.folder:
        return SFTPAttrs(permissions=_FOLDER)
    return SFTPAttrs(size=name.bytes, permissions=_FILE, mtime=name.modified_s, atime=name.modified_s)


def _upload(file_obj: object) -> Upload:
    if not isinstance(file_obj, Upload):
        raise _unsupported()
    return file_obj


def _refused(what: str, hint: str = "") -> SFTPError:
    return SFTPError(FX_PERMISSION_DENIED, f"{what}{f' ({hint})' if hint else ''}")


def _unsupported() -> SFTPError:
    return SFTPError(FX_OP_UNSUPPORTED, "this door does not do that")
