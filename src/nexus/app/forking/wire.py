"""What the supervisor and its fork server say to each other, on a pair of sockets that keep messages apart.

1. The server: `READY`, once it has imported.
2. The supervisor: the name of a process, and with it descriptors: its standard input, its standard output, and those it keeps open.
3. The server: the number of the new process, or 0 if it could not fork. Then 2 again.

The end of the supervisor's socket ends the server.
"""

import socket
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

READY: Final = b"ready"
NAME_BYTES: Final = 64
MAX_DESCRIPTORS: Final = 16
_NUMBER_BYTES: Final = 4
ANSWER_BYTES: Final = max(len(READY), _NUMBER_BYTES)


class Request(Struct, frozen=True):
    """A process to be: what it is called, and its descriptors, the first two of which are its input and output."""

    name: str
    descriptors: Sequence[int]


def pair() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end and the server's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_request(control: socket.socket, name: str, descriptors: Sequence[int]) -> None:
    """Ask for a process. Raises OSError if nobody listens any more."""
    socket.send_fds(control, [name.encode()], list(descriptors))


def receive_request(control: socket.socket) -> Request | None:
    """Wait for the next request; None once the supervisor is gone. Its descriptors are closed when this process becomes another."""
    name, descriptors, _, _ = socket.recv_fds(control, NAME_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    return Request(name.decode(), descriptors) if name else None


def pack_number(pid: int) -> bytes:
    return pid.to_bytes(_NUMBER_BYTES, "big")


def unpack_number(answer: bytes) -> int:
    """The process id; 0 means that there is none. Raises ValueError on anything else."""
    if len(answer) != _NUMBER_BYTES:
        raise ValueError("this is no process id")
    return int.from_bytes(answer, "big")
