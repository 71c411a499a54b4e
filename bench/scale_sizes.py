"""Objects from 1 KiB to 1 GiB, one stream, over HTTP on a whole platform."""

import asyncio
from collections.abc import Iterator

from harness import GIB, Figure, main
from mixes import Clients
from platform_under_load import running

SIZES = (1 << 10, 1 << 14, 1 << 18, 1 << 22, 1 << 26, 1 << 30)
SECONDS = 2.0
ONCE_FROM = 1 << 26
"""Objects of this size and more are sent a fixed number of times."""
PLOT = ("Size of objects, one stream", "KiB of an object", "MiB/s")


def measure(rounds: int) -> Iterator[Figure]:
    with running() as platform:
        for size in SIZES:
            clients = Clients(platform, size=size, at_once=1, prefix=f"size-{size}")
            for mix in ("put", "get"):
                requests = max(2, min(rounds, 3)) if size >= ONCE_FROM else 0
                run = asyncio.run(clients.run(mix, seconds=0 if requests else SECONDS, requests=requests))
                cost = run.cpu_seconds / max(sum(each.moved for each in run.kinds.values()) / GIB, 1e-9)
                yield Figure(
                    f"{mix} {size >> 10:,} KiB",
                    run.gib_per_second * 1024,
                    "MiB/s",
                    note=f"{run.per_second:.3g} /s, p50 {run.ms(50):.3g} ms, {cost:.3g} CPU-s/GiB",
                    line=mix,
                    at=size >> 10,
                )


if __name__ == "__main__":
    main(measure)
