"""The figures of one engine: each of warp's mixes over 4 KiB objects, uploads in parts, large objects, and who spends the CPU."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psutil
from harness import Figure, figure
from mixes import PARTS, Clients, Run
from platform_under_load import Running

SMALL = 4_096
LARGE = 64 << 20
AT_ONCE = 16
SECONDS = 2.0
DELETED = 600
LARGE_REQUESTS = 6
PERCENTILES = (50, 90, 99)


def figures(engine: Callable[[], AbstractContextManager[Running]], rounds: int) -> Iterator[Figure]:
    """Everything of one engine, on a platform of its own."""
    with engine() as platform:
        threads = Threads(platform.pid)
        for mix in ("mixed", "get", "put", "stat", "list", "delete"):
            runs = [_run(platform, mix, turn, size=SMALL) for turn in range(rounds)]
            yield from described(f"{mix} 4 KiB" if mix != "list" else "list up to 1,000 keys", runs)
            if mix in ("get", "put"):
                yield from threads.since(mix, runs)
            threads.again()
        runs = [_run(platform, "multipart", turn, size=SMALL, requests=4, at_once=2) for turn in range(rounds)]
        yield from described(f"upload in {PARTS} parts of 5 MiB", runs, limit="tls-socket")
        for mix in ("put", "get"):
            runs = [_run(platform, mix, turn, size=LARGE, requests=LARGE_REQUESTS, at_once=1) for turn in range(rounds)]
            yield figure(
                f"{mix} 64 MiB, one stream", [each.gib_per_second for each in runs], "GiB/s", limit="tls-socket"
            )
            cost = [each.cpu_seconds / (each.gib_per_second * each.seconds) for each in runs]
            yield figure(f"{mix} 64 MiB, cost", cost, "CPU-s/GiB", limit="tls-socket-cpu")


def described(what: str, runs: list[Run], *, limit: str = "fdatasync") -> Iterator[Figure]:
    """Rates, percentiles of each kind, and errors by their codes."""
    errors = ", ".join(f"{count} {code}" for each in runs for code, count in each.errors.items())
    if limit == "tls-socket":
        yield figure(what, [each.gib_per_second for each in runs], "GiB/s", limit=limit, note=errors or "no errors")
    else:
        seen = [each.per_second for each in runs]
        yield figure(f"{what}, {AT_ONCE} clients", seen, "/s", limit=limit, note=errors or "no errors")
        yield figure(f"{what}, a core", [each.per_cpu_second for each in runs], "/CPU-s", limit="granian")
    kinds = sorted({kind for each in runs for kind in each.kinds})
    for kind in kinds:
        of = [each.kinds[kind] for each in runs if each.kinds.get(kind) and each.kinds[kind].took]
        if not of:
            continue
        each_ms = " / ".join(f"{_median([one.ms(percent) for one in of]):.3g}" for percent in PERCENTILES)
        name = f"{what}: {kind}, p99" if len(kinds) > 1 else f"{what}, p99"
        yield figure(name, [one.ms(99) for one in of], "ms", note=f"p50 / p90 / p99: {each_ms}")


def _run(platform: Running, mix: str, turn: int, *, size: int, requests: int = 0, at_once: int = AT_ONCE) -> Run:
    clients = Clients(platform, size=size, at_once=at_once, prefix=f"{mix}-{size}-{turn}")
    if mix == "delete":
        requests = DELETED
    return asyncio.run(clients.run(mix, seconds=0 if requests else SECONDS, requests=requests))


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


class Threads:
    """CPU seconds of the platform by who spent them: processes by their part, threads of the S3 door by what they do."""

    def __init__(self, pid: int) -> None:
        self._supervisor = psutil.Process(pid)
        self.again()

    def again(self) -> None:
        """Count from now."""
        self._before = self._spent()

    def since(self, what: str, runs: list[Run]) -> Iterator[Figure]:
        """Microseconds a request, of each that spent more than one."""
        requests = max(sum(each.done for each in runs), 1)
        spent = {who: cpu - self._before.get(who, 0.0) for who, cpu in self._spent().items()}
        for who, cpu in sorted(spent.items(), key=lambda item: -item[1]):
            if (us := cpu / requests * 1e6) >= 1:
                yield Figure(f"{what} 4 KiB, CPU of {who}", us, "us", note="a request, first objects included")

    def _spent(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        for process in self._supervisor.children(recursive=True):
            try:
                part = _part(process)
                for thread in process.threads():
                    who = part if part != "s3" else _LOOP if thread.id == process.pid else _OTHERS
                    spent[who] = spent.get(who, 0.0) + thread.user_time + thread.system_time
            except psutil.NoSuchProcess:
                continue
        return spent


def _part(process: psutil.Process) -> str:
    """Which part of the platform a process is: the word after its module."""
    words = process.cmdline()
    return next((word for word in reversed(words) if word in _PARTS), "others")


_LOOP = "s3: the loop (S3, signatures, decisions, sealing)"
_OTHERS = "s3: other threads (HTTP and TLS in Rust, the writer of the database, blobs)"
_PARTS = frozenset({"kms", "s3", "api", "console", "portal", "bastion", "worker"})
