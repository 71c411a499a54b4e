"""Blobs in an S3 store that already runs: Ceph's gateway, Garage, another Nexus. To it they are opaque, and it is not trusted.

- One object for each blob, `<prefix><two characters>/<id>`. It appears whole or not at all, so there is nothing unfinished but
  uploads in parts, which the sweep aborts.
- Bytes are staged until a part is full: a small blob is one PUT, a larger one an upload in parts. Acknowledged means that the
  engine has acknowledged; how durable that is, is the engine's promise.
- Nothing tells other processes that a blob is under way, between its last byte and its row. That takes moments; the sweep
  touches nothing younger than an hour.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from nexus.kernel.errors import Damaged, Unavailable
from nexus.objects.blobs.looking import Condition, Seen
from nexus.objects.blobs.port import Checksum, Copy, Expected, Found, State
from nexus.objects.blobs.remote_client import Endpoint, RemoteClient, document
from nexus.objects.errors import CONTENT_MISSING, ENGINE_AWAY, ENGINE_REFUSED
from nexus.objects.model import MIB

THREADS: Final = 32
"""Requests under way at once; the rest wait."""
PART_BYTES: Final = 8 * MIB
"""Bytes of a part. There are 10,000 of them at most: far more than one write may bring."""
READ_BYTES: Final = 8 * MIB
"""Bytes of one request, when a blob is examined."""
_SHARD_CHARS: Final = 2
_NOT_FOUND: Final = 404
_BEYOND: Final = 416
_FOUND: Final = frozenset({200, 206, _NOT_FOUND, _BEYOND})

logger = logging.getLogger(__name__)


class RemoteWriter:
    """A blob on its way: staged, and sent part by part."""

    def __init__(self, blobs: "RemoteBlobs", blob_id: str) -> None:
        self.id = blob_id
        self._blobs = blobs
        self._checksum = Checksum()
        self._staged = bytearray()
        self._asked = bytearray()
        self._upload = ""
        self._etags: list[str] = []

    def room(self, length: int) -> memoryview:
        """Where the next bytes go."""
        if len(self._asked) < length:
            self._asked = bytearray(length)
        return memoryview(self._asked)[:length]

    def filled(self, length: int) -> None:
        """Stage them; send a part if it is full."""
        view = memoryview(self._asked)[:length]
        self._checksum.update(view)
        self._staged += view
        while len(self._staged) >= PART_BYTES:
            self._send(bytes(self._staged[:PART_BYTES]))
            del self._staged[:PART_BYTES]

    def finish(self) -> bytes:
        """The engine has it once this returns."""
        client, key = self._blobs.client, self._blobs.key(self.id)
        if not self._upload:
            client.request("PUT", key, body=bytes(self._staged))
        else:
            if self._staged:
                self._send(bytes(self._staged))
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
                for number, etag in enumerate(self._etags, 1)
            )
            body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
            answer = document(client.request("POST", key, query={"uploadId": self._upload}, body=body))
            if answer.tag != "CompleteMultipartUploadResult":  # an error may come with status 200
                raise Unavailable("the engine of the blobs did not complete an upload", code=ENGINE_REFUSED)
            self._upload = ""
        self._staged.clear()
        return self._checksum.digest()

    def release(self) -> None:
        """Nothing protects it but its youth."""

    def abort(self) -> None:
        """Remove what was sent."""
        with suppress(Unavailable):
            if self._upload:
                self._blobs.client.request("DELETE", self._blobs.key(self.id), query={"uploadId": self._upload})
            else:
                self._blobs.remove([self.id])

    def _send(self, part: bytes) -> None:
        client, key = self._blobs.client, self._blobs.key(self.id)
        if not self._upload:
            self._upload = document(client.request("POST", key, query={"uploads": ""})).findtext("UploadId", "")
        query = {"partNumber": str(len(self._etags) + 1), "uploadId": self._upload}
        self._etags.append(client.request("PUT", key, query=query, body=part).headers["etag"])


class RemoteReader:
    """Ranges of one object."""

    def __init__(self, blobs: "RemoteBlobs", blob_id: str) -> None:
        """Asks whether it is there. Raises Damaged if not, Unavailable if the engine does not say."""
        self._client = blobs.client
        self._key = blobs.key(blob_id)
        answer = self._client.request("HEAD", self._key, expected=_FOUND)
        if answer.status_code == _NOT_FOUND:
            raise _missing()
        self.size = int(answer.headers.get("content-length", "0"))

    def read(self, offset: int, length: int) -> bytes:
        """One request."""
        if offset >= self.size or length == 0:
            return b""
        headers = {"range": f"bytes={offset}-{min(offset + length, self.size) - 1}"}
        answer = self._client.request("GET", self._key, headers=headers, expected=_FOUND)
        if answer.status_code == _NOT_FOUND:
            raise _missing()
        # An engine that does not know ranges sends all of it.
        return answer.content if answer.status_code != 200 else answer.content[offset : offset + length]

    def at_hand(self, offset: int, into: memoryview) -> bool:
        """Never: every read is a request."""
        return False

    def elsewhere(self) -> bool:
        """The engine's copies are its own affair."""
        return False

    def close(self) -> None:
        """Nothing is held."""


class RemoteBlobs:
    """One bucket of an S3 store, below a prefix."""

    def __init__(self, endpoint: Endpoint, *, prefix: str = "") -> None:
        self.client = RemoteClient(endpoint)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")
        self._prefix = prefix
        self._name = f"{endpoint.url}/{endpoint.bucket}/{prefix}"

    @property
    def places(self) -> Sequence[str]:
        """The bucket."""
        return (self._name,)

    def look(self, place: str) -> Seen:
        """Whether the bucket answers to our key, asked once. Its room is the store's affair."""
        try:
            self.client.request("HEAD", tries=1)
        except Unavailable as error:
            return Seen(Condition.AWAY if error.code == ENGINE_AWAY else Condition.FAILING)
        return Seen(Condition.REACHABLE)

    def key(self, blob_id: str) -> str:
        """Name of the object."""
        return f"{self._prefix}{blob_id[-_SHARD_CHARS:]}/{blob_id}"

    def create(self, blob_id: str, *, room: int) -> RemoteWriter:
        """Begin a blob."""
        return RemoteWriter(self, blob_id)

    def reader(self, blob_id: str) -> RemoteReader:
        """Open a blob."""
        return RemoteReader(self, blob_id)

    def discard(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs soon, in the background."""
        ids = list(blob_ids)
        if ids:
            self.threads.submit(self.remove, ids)

    def remove(self, blob_ids: Iterable[str]) -> None:
        """Delete objects; what the engine refuses is left for the sweep."""
        for blob_id in blob_ids:
            try:
                self.client.request("DELETE", self.key(blob_id), expected=frozenset({200, 204, _NOT_FOUND}))
            except Unavailable as error:
                logger.warning("blob %s is left for the sweep: %s", blob_id, error)

    def older_than(self, seconds: int) -> Iterator[Sequence[Found]]:
        """Objects by age, a page at a time; uploads that were given up are aborted on the way."""
        limit = time.time() - seconds
        self._abort_uploads(limit)
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self._prefix} | ({"continuation-token": token} if token else {})
            page = document(self.client.request("GET", query=query))
            yield [
                Found(key.rpartition("/")[2], int(entry.findtext("Size", "0")), key)
                for entry in page.iter("Contents")
                if _time(entry, "LastModified") < limit and (key := entry.findtext("Key", ""))
            ]
            token = page.findtext("NextContinuationToken", "")
            if not token:
                return

    def remove_abandoned(self, found: Found, is_unknown: Callable[[], bool]) -> bool:
        """Remove an object that no row knows. Whatever lies elsewhere than where we write is not ours."""
        if found.place != self.key(found.id) or not is_unknown():
            return False
        self.client.request("DELETE", found.place)
        return True

    def examine(self, expected: Expected, *, read: bool) -> Sequence[Copy]:
        """How the object is."""
        return (Copy(self._name, self._state(expected, read=read)),)

    def on_bad_copy(self, notice: Callable[[str], None]) -> None:
        """There is nothing to tell: a bad copy is the only one."""

    def mend(self, expected: Expected) -> int:
        """There is no other copy to mend it from."""
        return 0

    def close(self) -> None:
        """Wait for requests under way."""
        self.threads.shutdown(wait=True)
        self.client.close()

    def _state(self, expected: Expected, *, read: bool) -> State:
        try:
            object_ = self.reader(expected.id)
            if object_.size != expected.size:
                return State.DAMAGED
            checksum = Checksum()
            for offset in range(0, expected.size if read else 0, READ_BYTES):
                checksum.update(object_.read(offset, READ_BYTES))
        except Damaged:
            return State.MISSING
        except Unavailable:
            return State.AWAY
        good = not read or expected.checksum in (None, checksum.digest())
        return State.GOOD if good else State.DAMAGED

    def _abort_uploads(self, limit: float) -> None:
        page = document(self.client.request("GET", query={"uploads": "", "prefix": self._prefix}))
        for upload in page.iter("Upload"):
            if _time(upload, "Initiated") < limit:
                query = {"uploadId": upload.findtext("UploadId", "")}
                with suppress(Unavailable):
                    self.client.request("DELETE", upload.findtext("Key", ""), query=query)


def _time(entry: Element, name: str) -> float:
    return datetime.fromisoformat(entry.findtext(name, "9999-01-01T00:00:00+00:00")).timestamp()


def _missing() -> Damaged:
    return Damaged(
        "the content of an object is missing from the engine",
        code=CONTENT_MISSING,
        hint="look whether somebody removed it there, and restore it from the engine's own backup",
    )
