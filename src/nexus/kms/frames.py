"""What travels over the socket: a length of four bytes (big endian), then one message in MessagePack.

docs/formats/key-service.md lists the messages and gives an example of each.
"""

from collections.abc import Generator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from nexus.kernel import errors
from nexus.kernel.errors import Invalid, NexusError, Throttled
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret

PROTOCOL: Final = 2
"""2: who calls is said by the certificate of the connection; 1 had a token in its greeting."""
LENGTH_BYTES: Final = 4
MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
"""A full rewrap batch with generous contexts fits three times."""
MAX_HELLO_BYTES: Final = 1_024
"""From somebody who has not said yet who they are."""

BEAT_S: Final = 0.25
"""How often the service says that it lives."""
LEASE_S: Final = 2.0
"""How long a holder may use cached keys after it last heard from the service; and how long the service waits for a
holder to confirm that it dropped them, so that a frozen one cannot use a key after the acknowledgement."""


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    """The first message of a client. Who it is stands in its certificate."""

    protocol: int


class Welcome(Struct, frozen=True, array_like=True, tag="welcome"):
    protocol: int
    unsealed: bool


class Call(Struct, frozen=True, array_like=True, tag="call"):
    id: int
    method: str
    operation: Operation | None
    arguments: Raw
    traceparent: str = ""
    """Of which trace the call is a part (W3C Trace Context); empty, or left out: of none."""


class Answer(Struct, frozen=True, array_like=True, tag="answer"):
    id: int
    result: Raw


class Refusal(Struct, frozen=True, array_like=True, tag="refusal"):
    """An error. `id` 0: it concerns the connection, which is closed after it."""

    id: int
    kind: str
    code: str
    message: str
    hint: str
    retry_after_s: int = 0


class Event(Struct, frozen=True, array_like=True, tag="event"):
    """To be confirmed once what it concerns has been wiped."""

    number: int
    kind: str
    key_id: str


class Confirm(Struct, frozen=True, array_like=True, tag="confirm"):
    number: int


class Beat(Struct, frozen=True, array_like=True, tag="beat"):
    unsealed: bool


FromClient = Hello | Call | Confirm
FromServer = Welcome | Answer | Refusal | Event | Beat


def _encode_other(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal() if len(value) else b""
    raise NotImplementedError


def _decode_other(type_: type, value: Any) -> Any:
    if type_ is Secret and isinstance(value, bytes):
        return Secret(value)
    raise NotImplementedError


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_encode_other)
_from_client: Final = msgspec.msgpack.Decoder(FromClient, dec_hook=_decode_other)
_from_server: Final = msgspec.msgpack.Decoder(FromServer, dec_hook=_decode_other)


def encode(value: Any) -> bytes:
    """MessagePack of a value; secrets travel as bytes."""
    return _encoder.encode(value)


def decoder(type_: Any) -> msgspec.msgpack.Decoder[Any]:
    """A decoder of one type of arguments or results."""
    return msgspec.msgpack.Decoder(type_, dec_hook=_decode_other)


def frame(message: FromClient | FromServer) -> bytes:
    """A message with its length. Raises Invalid on one that is too long."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise Invalid(f"a message has {MAX_FRAME_BYTES} bytes at most", code="kms.frame-length", hint="smaller batches")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def from_client(body: bytes) -> FromClient:
    """Raises Invalid on anything but a message of a client."""
    try:
        return _from_client.decode(body)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, RecursionError, NotImplementedError) as error:
        raise Invalid("this is no message of the protocol", code="kms.frame") from error


def from_server(body: bytes) -> FromServer:
    """Raises Invalid on anything but a message of the service."""
    try:
        return _from_server.decode(body)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, RecursionError, NotImplementedError) as error:
        raise Invalid("this is no message of the key service", code="kms.frame") from error


class FrameBuffer:
    """Bytes in, whole messages out."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Generator[bytes, None, None]:
        """The messages that are now complete; what is not taken is kept for the next feeding. Raises Invalid on a length of zero or above the limit."""
        self._bytes += data
        start = 0
        try:
            while len(self._bytes) - start >= LENGTH_BYTES:
                length = int.from_bytes(self._bytes[start : start + LENGTH_BYTES], "big")
                if not 0 < length <= self.limit:
                    raise Invalid(f"a message has 1 to {self.limit} bytes, not {length}", code="kms.frame-length")
                end = start + LENGTH_BYTES + length
                if len(self._bytes) < end:
                    break
                body = bytes(self._bytes[start + LENGTH_BYTES : end])
                start = end
                yield body
        finally:
            del self._bytes[:start]


# Errors over the wire

_KINDS: Final[dict[str, type[NexusError]]] = {
    kind.kind: kind
    for kind in (
        errors.NexusError,
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


def refusal(call_id: int, error: NexusError) -> Refusal:
    """An error as it travels; `call_id` 0 concerns the whole connection."""
    retry = error.retry_after_s if isinstance(error, Throttled) else 0
    return Refusal(call_id, error.kind, error.code, error.message, error.hint, retry)


def restored(told: Refusal) -> NexusError:
    """The error that the service raised, with its class, code and hint."""
    if told.kind == Throttled.kind:
        return Throttled(told.message, retry_after_s=told.retry_after_s, code=told.code, hint=told.hint)
    return _KINDS.get(told.kind, NexusError)(told.message, code=told.code, hint=told.hint)
