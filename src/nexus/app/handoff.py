"""What the supervisor hands to a process that it starts: one frame on its standard input, nothing on disk.

Private keys travel this way only. The pipe stays open afterwards: renewed credentials come on it, a frame each, and its
end tells the process that the supervisor is gone. The process answers on its standard output with one line of JSON: ready, or why not.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from nexus.app.pki import Leaf
from nexus.app.settings import Settings
from nexus.kernel import errors
from nexus.kernel.clock import Instant
from nexus.kernel.errors import NexusError
from nexus.kernel.mutual import Credentials
from nexus.kernel.secret import Secret

LENGTH_BYTES = 4
MAX_FRAME_BYTES = 1 << 20


class LeafParts(Struct, frozen=True, array_like=True):
    """A `Leaf` on the wire."""

    chain: bytes
    key: bytes
    renew_at: int
    expires_at: int


class Handoff(Struct, frozen=True, kw_only=True):
    """Everything that a process needs to begin its life."""

    process: str
    root: str
    settings: Settings
    credentials: Credentials | None = None
    """The certificate by which other services know this process; newer ones follow on the same pipe."""
    environment: Mapping[str, str] = {}
    """Set in its environment before it starts: where a library looks there and nowhere else (SoftHSM)."""
    port: int = 0
    console_url: str = ""
    """Where browsers reach the console: passkeys belong to this address."""
    portal_url: str = ""
    """Where patients reach the portal; empty where it is closed."""
    leaf: LeafParts | None = None
    task: bytes = b""
    """What a process that does one thing and ends is to do (JSON)."""

    def take_leaf(self) -> Leaf:
        """The door's certificate. Raises ValueError in a process that is no door."""
        if self.leaf is None:
            raise ValueError(f"{self.process} has no certificate")
        parts = self.leaf
        return Leaf(parts.chain, Secret(parts.key), Instant(parts.renew_at), Instant(parts.expires_at))


class Answer(Struct, frozen=True, kw_only=True):
    """A process's one line: `ready`, or the error that ended it."""

    ready: bool
    kind: str = ""
    code: str = ""
    message: str = ""
    hint: str = ""
    retry_after_s: int = 0


def leaf_parts(leaf: Leaf) -> LeafParts:
    return LeafParts(leaf.chain, leaf.key.reveal(), leaf.renew_at, leaf.expires_at)


def pack(handoff: Handoff) -> bytes:
    body = msgspec.msgpack.encode(handoff)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def receive(descriptor: int) -> Handoff:
    """Read the frame. Raises EOFError if the supervisor ended before it was whole."""
    length = int.from_bytes(_exactly(descriptor, LENGTH_BYTES), "big")
    if length > MAX_FRAME_BYTES:
        raise ValueError("this is no handoff")
    return msgspec.msgpack.decode(_exactly(descriptor, length), type=Handoff)


def pack_credentials(credentials: Credentials) -> bytes:
    """A frame that follows the handoff: the process's next certificate."""
    body = msgspec.msgpack.encode(credentials)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def receive_credentials(descriptor: int) -> Credentials:
    """Wait for the next certificate. Raises EOFError when the supervisor is gone, ValueError on anything else."""
    length = int.from_bytes(_exactly(descriptor, LENGTH_BYTES), "big")
    if length > MAX_FRAME_BYTES:
        raise ValueError("these are no credentials")
    return msgspec.msgpack.decode(_exactly(descriptor, length), type=Credentials)


def ready_line() -> bytes:
    return msgspec.json.encode(Answer(ready=True)) + b"\n"


def failure(error: NexusError) -> Answer:
    """An error on the wire."""
    retry = error.retry_after_s if isinstance(error, errors.Throttled) else 0
    return Answer(
        ready=False, kind=error.kind, code=error.code, message=error.message, hint=error.hint, retry_after_s=retry
    )


def failure_line(error: NexusError) -> bytes:
    return msgspec.json.encode(failure(error)) + b"\n"


def as_error(answer: Answer) -> NexusError:
    """The error that another process raised, as the class that it was."""
    if answer.kind == errors.Throttled.kind:
        return errors.Throttled(answer.message, retry_after_s=answer.retry_after_s, code=answer.code, hint=answer.hint)
    kind = _KINDS.get(answer.kind, NexusError)
    return kind(answer.message, code=answer.code, hint=answer.hint)


_KINDS: Final[Mapping[str, type[NexusError]]] = {
    kind.kind: kind
    for kind in (
        errors.Invalid,
        errors.Unauthenticated,
        errors.Denied,
        errors.NotFound,
        errors.Conflict,
        errors.Unavailable,
        errors.Sealed,
        errors.Damaged,
    )
}


def _exactly(descriptor: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = os.read(descriptor, count)
        if not part:
            raise EOFError("the supervisor ended during the handoff")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def decode_answer(line: bytes) -> Answer:
    """The process's line. Raises ValueError (also msgspec's) on anything else."""
    decoded: Any = msgspec.json.decode(line, type=Answer)
    assert isinstance(decoded, Answer)
    return decoded
