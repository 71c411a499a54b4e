"""Sealing: FLOE by segment length, in a row and at random places, and what wrapping a key costs.

One thread, and its processor time, not the clock's: what else the machine does tells less on it. Bare AES-256-GCM of
the same lengths stands beside, measured in turn with each.
"""

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import GIB, Figure, figure, main

from nexus.crypto import floe
from nexus.crypto.xaes import XAES

MIB = 1 << 20
LENGTHS = (16 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20)
"""Plaintext bytes of a segment."""
MESSAGE = 32 * MIB
READS = 400
PASSES = 8
SMALL = 4_096
KEY, AAD = os.urandom(32), os.urandom(120)


def name_of(length: int) -> str:
    return f"{length >> 10} KiB" if length < MIB else f"{length >> 20} MiB"


def gib_a_second(work: Callable[[], object], rounds: int, size: int) -> list[float]:
    """GiB in a second of this thread's processor time, one number a round."""
    work()
    speeds = []
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(PASSES):
            work()
        speeds.append(PASSES * size / (time.thread_time() - start) / GIB)
    return speeds


def microseconds(work: Callable[[], object], rounds: int, count: int) -> list[float]:
    """Processor time of one call."""
    work()
    each = []
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(count):
            work()
        each.append((time.thread_time() - start) / count * 1e6)
    return each


def by_length(length: int, rounds: int) -> Iterable[Figure]:
    """Seal and open in a row, then read 4 KiB at random places: the trade that the segment length makes."""
    how = floe.Parameters(length + floe.SEGMENT_OVERHEAD_BYTES)
    plaintext = memoryview(os.urandom(MESSAGE))
    out = memoryview(bytearray(how.segment_bytes))
    bare, nonce = AESGCM(KEY), bytes(12)

    def aes_gcm() -> None:
        for at in range(0, MESSAGE, length):
            bare.encrypt_into(nonce, plaintext[at : at + length], None, out[16:])

    def seal() -> None:
        sealer = floe.Sealer(KEY, AAD, how)
        for at in range(0, MESSAGE, length):
            sealer.seal_into(plaintext[at : at + length], out)

    sealed = floe.seal(KEY, AAD, plaintext, how)
    view = memoryview(sealed)
    opener = floe.Opener(KEY, AAD, sealed[: floe.HEADER_BYTES], len(sealed), how)

    def segment(position: int) -> memoryview:
        at = floe.HEADER_BYTES + position * how.segment_bytes
        return view[at : at + how.segment_bytes]

    def open_all() -> None:
        for position in range(opener.last + 1):
            opener.open(position, segment(position))

    dice = random.Random(1)

    def read() -> None:
        at = dice.randrange(MESSAGE - SMALL)
        for position in range(at // length, (at + SMALL - 1) // length + 1):
            opener.open(position, segment(position))

    name = name_of(length)
    yield figure(f"bare AES-256-GCM, pieces of {name}", gib_a_second(aes_gcm, rounds, MESSAGE), "GiB/CPU-s")
    yield figure(f"FLOE seal, segments of {name}", gib_a_second(seal, rounds, MESSAGE), "GiB/CPU-s")
    yield figure(f"FLOE open, segments of {name}", gib_a_second(open_all, rounds, MESSAGE), "GiB/CPU-s")
    yield figure(f"FLOE, 4 KiB at a random place, segments of {name}", microseconds(read, rounds, READS), "CPU-us")


def small_things(rounds: int) -> Iterable[Figure]:
    """What an object of 4 KiB costs in cryptography alone."""
    how, body = floe.Parameters((128 << 10) + floe.SEGMENT_OVERHEAD_BYTES), os.urandom(SMALL)
    sealed, cipher, key = floe.seal(KEY, AAD, body, how), XAES(KEY), os.urandom(64)
    wrapped = cipher.seal(key, AAD)
    for what, call in (
        ("FLOE seal, 4 KiB message", lambda: floe.seal(KEY, AAD, body, how)),
        ("FLOE open, 4 KiB message", lambda: floe.open_all(KEY, AAD, sealed, how)),
        ("XAES-256-GCM wrap of an object key", lambda: cipher.seal(key, AAD)),
        ("XAES-256-GCM unwrap of an object key", lambda: cipher.open(wrapped, AAD)),
    ):
        yield figure(what, microseconds(call, rounds, 5_000), "CPU-us")
    piece = os.urandom(MIB)
    md5 = gib_a_second(lambda: hashlib.md5(piece, usedforsecurity=False).digest(), rounds, MIB)
    yield figure("MD5", md5, "GiB/CPU-s", note="why large objects have none")


def measure(rounds: int) -> Iterable[Figure]:
    for length in LENGTHS:
        yield from by_length(length, rounds)
    yield from small_things(rounds)


if __name__ == "__main__":
    main(measure)
