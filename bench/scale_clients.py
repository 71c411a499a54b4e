"""From 1 to 256 clients at once, each with its next request as soon as the last is answered: 4 KiB objects."""

import asyncio
from collections.abc import Iterator

from harness import Figure, main
from mixes import Clients
from platform_under_load import running

CLIENTS = (1, 4, 16, 64, 256)
SIZE = 4_096
SECONDS = 2.0
PLOT = ("Clients at once, 4 KiB objects", "clients", "requests/s")


def measure(rounds: int) -> Iterator[Figure]:
    with running() as platform:
        for at_once in CLIENTS:
            for mix in ("get", "put", "mixed"):
                clients = Clients(platform, size=SIZE, at_once=at_once, prefix=f"clients-{at_once}-{mix}")
                run = asyncio.run(clients.run(mix, seconds=SECONDS))
                errors = ", ".join(f"{count} {code}" for code, count in run.errors.items()) or "no errors"
                yield Figure(
                    f"{mix} 4 KiB, {at_once} clients",
                    run.per_second,
                    "/s",
                    note=f"p50 / p90 / p99: {run.ms(50):.3g} / {run.ms(90):.3g} / {run.ms(99):.3g} ms, {errors}",
                    line=mix,
                    at=at_once,
                )


if __name__ == "__main__":
    main(measure)
