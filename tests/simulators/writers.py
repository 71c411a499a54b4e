"""People at work while the platform falls over: each remembers what it was told, and nothing else counts.

An `S3Writer` writes, deletes and reads objects of its own; a `KeyMaker` makes keys over REST. What was acknowledged is
known by the ids in the answers; what was tried and not acknowledged may have happened or not, but whole.
"""

import hashlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions

from nexus.app.cli.rest_client import Refused
from nexus.kernel.errors import NexusError
from simulators.installation import Installation

SMALL_BYTES = 3_000
BLOB_BYTES = 200_000
"""Beyond what is kept inside a row."""
KEYS_OF_A_WRITER = 4
PAUSE_S = 0.02
PATIENCE_S = 20
"""A request without an answer for so long counts as hanging."""
BROKEN = (
    botocore.exceptions.ConnectionError,
    botocore.exceptions.HTTPClientError,
    FileNotFoundError,  # no platform publishes where it listens
)
HANGING = (botocore.exceptions.ReadTimeoutError, botocore.exceptions.ConnectTimeoutError)
PERMITTED = {"ServiceUnavailable", "SlowDown", "broken"}
"""What a client may be answered while a process of the platform is gone."""


@dataclass
class Ledger:
    """What the clients of one platform know."""

    versions: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Acknowledged version -> key and digest (None: a delete marker)."""
    operations: dict[str, str] = field(default_factory=dict)
    """Acknowledged request id -> action of its entry."""
    attempted: set[str] = field(default_factory=set)
    """Digests of everything that was ever sent."""
    keys: set[str] = field(default_factory=set)
    """Keys of the key service whose making was acknowledged."""
    answers: Counter[str] = field(default_factory=Counter)
    """How requests ended, by S3 code, error code, `ok`, `broken` or `hanging`."""

    @property
    def wrong_answers(self) -> list[str]:
        return sorted(set(self.answers) - PERMITTED - {"ok"})


class Client:
    """Repeats `step` until told to stop; looks for the platform anew when the connection breaks."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.done = 0
        self.failure: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                answer = self.attempt()
                self.ledger.answers[answer] += 1
                self.done += answer == "ok"
                self._over.wait(PAUSE_S)
        except BaseException as error:
            self.failure = error

    def attempt(self) -> str:
        raise NotImplementedError

    def stop(self) -> None:
        """Let the request under way end. Raises what the client met that it did not expect."""
        self._over.set()
        self._thread.join(PATIENCE_S * 2)
        assert not self._thread.is_alive(), "a client never came back"
        if self.failure is not None:
            raise self.failure


class S3Writer(Client):
    """Works on a few keys below `prefix` in a versioned bucket."""

    def __init__(self, connect: Callable[[], Any], bucket: str, prefix: str, ledger: Ledger, seed: int) -> None:
        super().__init__(ledger)
        self._connect = connect
        self._bucket = bucket
        self._prefix = prefix
        self._random = random.Random(seed)
        self._s3: Any = None
        self._works = [self._put] * 6 + [self._put_blob] * 2 + [self._upload, self._delete] + [self._get] * 3

    def attempt(self) -> str:
        try:
            self._s3 = self._s3 or self._connect()
            self._random.choice(self._works)(f"{self._prefix}/{self._random.randrange(KEYS_OF_A_WRITER)}")
        except HANGING:
            return "hanging"
        except BROKEN:
            self._s3 = None
            return "broken"
        except botocore.exceptions.ClientError as error:
            code = str(error.response["Error"]["Code"])
            return "ok" if code == "NoSuchKey" else code
        return "ok"

    def _put(self, key: str, size: int = SMALL_BYTES) -> None:
        body = self._body(size)
        answer = self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
        self._learn(answer, "objects.object.write", key, digest(body))

    def _put_blob(self, key: str) -> None:
        self._put(key, BLOB_BYTES)

    def _upload(self, key: str) -> None:
        where = {"Bucket": self._bucket, "Key": key}
        body = self._body(BLOB_BYTES)
        upload = {**where, "UploadId": self._s3.create_multipart_upload(**where)["UploadId"]}
        etag = self._s3.upload_part(**upload, PartNumber=1, Body=body)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        answer = self._s3.complete_multipart_upload(**upload, MultipartUpload=parts)
        self._learn(answer, "objects.upload.write", key, digest(body))

    def _delete(self, key: str) -> None:
        answer = self._s3.delete_object(Bucket=self._bucket, Key=key)
        self._learn(answer, "objects.object.delete", key, None)

    def _get(self, key: str) -> None:
        answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        body = answer["Body"].read()
        assert digest(body) in self.ledger.attempted, "these bytes were never written"
        self.ledger.operations[answer["ResponseMetadata"]["RequestId"]] = "objects.object.read"

    def _body(self, size: int) -> bytes:
        body = os.urandom(self._random.randrange(size // 2, size))
        self.ledger.attempted.add(digest(body))
        return body

    def _learn(self, answer: Any, action: str, key: str, known: str | None) -> None:
        self.ledger.versions[answer["VersionId"]] = (key, known)
        self.ledger.operations[answer["ResponseMetadata"]["RequestId"]] = action


class KeyMaker(Client):
    """Makes keys over REST: the change is in the database of the key service, the entry goes through its outbox."""

    def __init__(self, installation: Installation, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._installation = installation

    def attempt(self) -> str:
        begun = time.monotonic()
        try:
            alice = self._installation.founder("alice")
            made = alice.reply("kms.key.create", owner="site:chu-lille", purpose="crash run", rotation_days=90)
        except Refused as error:
            return _rest_answer(error.error, begun)
        except NexusError as error:
            return _rest_answer(error, begun)
        except FileNotFoundError:
            return "broken"
        self.ledger.keys.add(made.document["id"])
        self.ledger.operations[made.operation] = "kms.key.create"
        return "ok"


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _rest_answer(error: NexusError, begun: float) -> str:
    if time.monotonic() - begun > PATIENCE_S:
        return "hanging"
    return "broken" if error.kind in ("unavailable", "sealed") else error.code
