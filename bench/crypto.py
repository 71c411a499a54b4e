"""Sealing: FLOE by segment length, alone and at random places, and what wrapping a key costs. One core, one thread."""

import hashlib
import os
import random
from collections.abc import Iterable

from harness import GIB, Figure, figure, latencies, main, rate

from nexus.crypto import floe
from nexus.crypto.xaes import XAES

MIB = 1 << 20
LENGTHS = (16 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20)
"""Plaintext bytes of a segment."""
MESSAGE = 32 * MIB
READS = 400
SMALL = 4_096
KEY, AAD = os.urandom(32), os.urandom(120)


def name_of(length: int) -> str:
    return f"{length >> 10} KiB" if length < MIB else f"{length >> 20} MiB"


def by_length(length: int, rounds: int) -> Iterable[Figure]:
    """Seal and open in a row, then read 4 KiB at random places: the trade that the segment length makes."""
    how = floe.Parameters(length + floe.SEGMENT_OVERHEAD_BYTES)
    plaintext = memoryview(os.urandom(MESSAGE))
    out = memoryview(bytearray(how.segment_bytes))

    def seal() -> int:
        sealer = floe.Sealer(KEY, AAD, how)
        for at in range(0, MESSAGE, length):
            sealer.seal_into(plaintext[at : at + length], out)
        return MESSAGE

    sealed = floe.seal(KEY, AAD, plaintext, how)
    view = memoryview(sealed)
    opener = floe.Opener(KEY, AAD, sealed[: floe.HEADER_BYTES], len(sealed), how)

    def segment(position: int) -> memoryview:
        at = floe.HEADER_BYTES + position * how.segment_bytes
        return view[at : at + how.segment_bytes]

    def open_all() -> int:
        for position in range(opener.last + 1):
            opener.open(position, segment(position))
        return MESSAGE

    dice = random.Random(1)

    def read() -> None:
        at = dice.randrange(MESSAGE - SMALL)
        for position in range(at // length, (at + SMALL - 1) // length + 1):
            opener.open(position, segment(position))

    name = name_of(length)
    yield figure(f"FLOE seal, segments of {name}", gib(rate(seal, rounds=rounds)), "GiB/s", limit="aes-gcm")
    yield figure(f"FLOE open, segments of {name}", gib(rate(open_all, rounds=rounds)), "GiB/s", limit="aes-gcm")
    microseconds = [sum(latencies(read, READS)) / READS * 1e6 for _ in range(rounds)]
    yield figure(f"FLOE, 4 KiB at a random place, segments of {name}", microseconds, "us")


def gib(rates: Iterable[float]) -> list[float]:
    return [value / GIB for value in rates]


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
        yield figure(what, [sum(latencies(call, 5_000)) / 5_000 * 1e6 for _ in range(rounds)], "us")
    piece = os.urandom(MIB)

    def md5() -> int:
        hashlib.md5(piece, usedforsecurity=False).digest()
        return MIB

    yield figure("MD5, for comparison", gib(rate(md5, rounds=rounds)), "GiB/s", note="why large objects have none")


def measure(rounds: int) -> Iterable[Figure]:
    for length in LENGTHS:
        yield from by_length(length, rounds)
    yield from small_things(rounds)


if __name__ == "__main__":
    main(measure)
