"""One process of the S3 door and two, each on a platform of its own, in turns: what more processes give, and what they cost."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

from harness import Figure, figure, main
from mixes import Clients, Run
from platform_under_load import running

PROCESSES = (1, 2)
AT_ONCE = 32
SIZE = 4_096
SECONDS = 2.0


def measure(rounds: int) -> Iterator[Figure]:
    found: dict[tuple[str, int], list[Run]] = {}
    with ExitStack() as held:
        platforms = {count: held.enter_context(running(s3_processes=count)) for count in PROCESSES}
        for turn in range(rounds):
            for mix in ("get", "put", "mixed"):
                for count, platform in platforms.items():
                    clients = Clients(platform, size=SIZE, at_once=AT_ONCE, prefix=f"{mix}-{turn}")
                    run = asyncio.run(clients.run(mix, seconds=SECONDS))
                    found.setdefault((mix, count), []).append(run)
    for (mix, count), runs in sorted(found.items()):
        what = f"{mix} 4 KiB, {AT_ONCE} clients, {count} {'process' if count == 1 else 'processes'}"
        note = f"p99 {runs[0].ms(99):.3g} ms"
        yield figure(what, [each.per_second for each in runs], "/s", limit="fdatasync", note=note)
        yield figure(f"{what}, a core", [each.per_cpu_second for each in runs], "/CPU-s", limit="granian")


if __name__ == "__main__":
    main(measure)
