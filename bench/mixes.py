"""Load in the mixes of warp, over aiohttp: many clients at once, each with its next request as soon as the last is answered.

`mixed` is warp's default: 45 % GET, 30 % STAT (HEAD), 15 % PUT, 10 % DELETE, of objects that it knows to be there. `get`,
`put`, `stat`, `list`, `delete` and `multipart` send one kind each. Every answer is read to its end; whatever is no success
is counted by its code and in no percentile. CPU seconds are those of the server's processes, as in `wire.py`.
"""

import asyncio
import os
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import psutil
from harness import GIB, percentile
from platform_under_load import Running
from wire import tls_context

MIXED = (("get", 45), ("stat", 30), ("put", 15), ("delete", 10))
"""warp's default, in hundredths."""
PART_BYTES = 5 << 20
PARTS = 4
OBJECTS_AT_FIRST = 1_000
SEED = 1
TIMEOUT_S = 120
_CODE = re.compile(rb"<Code>(\w+)</Code>")
_UPLOAD = re.compile(rb"<UploadId>(\w+)</UploadId>")


@dataclass
class Outcome:
    """What the requests of one kind came to. Times in seconds."""

    took: list[float] = field(default_factory=list)
    moved: int = 0
    """Bytes of bodies, sent and received."""
    errors: Counter[str] = field(default_factory=Counter)

    def ms(self, percent: float) -> float:
        """A percentile of the requests that succeeded."""
        return percentile(self.took, percent) * 1e3


@dataclass
class Run:
    """A run of one mix."""

    seconds: float
    cpu_seconds: float
    """Of the server's processes together."""
    kinds: dict[str, Outcome]

    @property
    def done(self) -> int:
        """Requests that succeeded."""
        return sum(len(each.took) for each in self.kinds.values())

    @property
    def errors(self) -> Counter[str]:
        return sum((each.errors for each in self.kinds.values()), Counter())

    @property
    def per_second(self) -> float:
        return self.done / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.done / max(self.cpu_seconds, 1e-9)

    @property
    def gib_per_second(self) -> float:
        return sum(each.moved for each in self.kinds.values()) / GIB / self.seconds

    def ms(self, percent: float) -> float:
        return percentile([one for each in self.kinds.values() for one in each.took], percent) * 1e3


class Refused(Exception):
    """An answer that is no success; says its code."""


class Clients:
    """Clients of one bucket. `prefix` keeps runs apart."""

    def __init__(self, platform: Running, *, size: int, at_once: int, prefix: str) -> None:
        """`size`: bytes of an object. `at_once`: requests under way."""
        self._platform, self._size, self._at_once, self._prefix = platform, size, at_once, prefix
        self._body = os.urandom(size)
        self._part = os.urandom(PART_BYTES)
        self._random = random.Random(SEED)
        self._keys: list[str] = []
        self._made = 0
        self._server = psutil.Process(platform.pid)

    async def run(self, mix: str, *, seconds: float = 0.0, requests: int = 0) -> Run:
        """Send a mix for so long, or so many requests (`delete` removes what there is)."""
        connector = aiohttp.TCPConnector(limit=self._at_once, ssl=tls_context(self._platform.authority))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as http:
            self._http = http
            if mix not in ("put", "multipart"):
                await self._fill(requests or min(OBJECTS_AT_FIRST, max(self._at_once * 4, (64 << 20) // self._size)))
            return await self._drive(mix, seconds, requests)

    async def _fill(self, wanted: int) -> None:
        """Put objects until there are so many."""
        missing = [None] * (wanted - len(self._keys))
        await self._gather(iter(missing), lambda _: self._put())

    async def _drive(self, mix: str, seconds: float, requests: int) -> Run:
        kinds: dict[str, Outcome] = {}
        deadline = time.perf_counter() + seconds if seconds else float("inf")
        left = iter(range(requests or 1 << 60))
        acts = {"get": self._get, "stat": self._stat, "put": self._put, "delete": self._delete}
        acts |= {"list": self._list, "multipart": self._multipart}

        async def client() -> None:
            for _ in left:
                kind = self._choose() if mix == "mixed" else mix
                if time.perf_counter() >= deadline or (kind != "put" and kind not in _NEEDS_NOTHING and not self._keys):
                    return
                outcome = kinds.setdefault(kind, Outcome())
                began = time.perf_counter()
                try:
                    outcome.moved += await acts[kind]()
                except Refused as refused:
                    outcome.errors[str(refused)] += 1
                except (aiohttp.ClientError, TimeoutError) as error:
                    outcome.errors[type(error).__name__] += 1
                else:
                    outcome.took.append(time.perf_counter() - began)

        cpu, start = self._cpu(), time.perf_counter()
        await asyncio.gather(*(client() for _ in range(self._at_once)))
        return Run(time.perf_counter() - start, self._cpu() - cpu, kinds)

    def _choose(self) -> str:
        at = self._random.randrange(100)
        for kind, share in MIXED:
            at -= share
            if at < 0:
                return kind if self._keys else "put"
        raise AssertionError("the shares are a hundred together")

    # Requests: each returns the bytes of the body that went either way

    async def _get(self) -> int:
        return len(await self._send("GET", self._random.choice(self._keys)))

    async def _stat(self) -> int:
        await self._send("HEAD", self._random.choice(self._keys))
        return 0

    async def _put(self) -> int:
        self._made += 1
        key = f"{self._prefix}/{self._made * 7_919 % 1_000:03}/{self._made:07}"
        await self._send("PUT", key, body=self._body)
        self._keys.append(key)
        return self._size

    async def _delete(self) -> int:
        at = self._random.randrange(len(self._keys))
        self._keys[at], self._keys[-1] = self._keys[-1], self._keys[at]
        await self._send("DELETE", self._keys.pop())
        return 0

    async def _list(self) -> int:
        query = {"list-type": "2", "max-keys": "1000", "prefix": f"{self._prefix}/"}
        return len(await self._send("GET", "", query=query))

    async def _multipart(self) -> int:
        """An upload of a few parts, from its beginning to its completion."""
        self._made += 1
        key = f"{self._prefix}/parts/{self._made:07}"
        begun = await self._send("POST", key, query={"uploads": ""})
        upload = _UPLOAD.search(begun)
        assert upload is not None
        name, etags = upload[1].decode(), []
        for number in range(1, PARTS + 1):
            query = {"partNumber": str(number), "uploadId": name}
            etags.append(await self._send("PUT", key, query=query, body=self._part, want_etag=True))
        parts = b"".join(
            b"<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (number, etag)
            for number, etag in enumerate(etags, 1)
        )
        whole = b"<CompleteMultipartUpload>" + parts + b"</CompleteMultipartUpload>"
        await self._send("POST", key, query={"uploadId": name}, body=whole)
        return PARTS * PART_BYTES

    async def _send(
        self, method: str, key: str, *, query: dict[str, str] | None = None, body: bytes = b"", want_etag: bool = False
    ) -> bytes:
        path = f"/{self._platform.bucket}/{key}" if key else f"/{self._platform.bucket}"
        url, headers = self._platform.signer.signed(method, path, query=query)
        async with self._http.request(method, url, headers=headers, data=body or None) as answer:
            content = await answer.read()
            if answer.status >= 300:
                code = _CODE.search(content)
                raise Refused(code[1].decode() if code else str(answer.status))
            return answer.headers["etag"].encode() if want_etag else content

    async def _gather(self, work: Iterator[object], act: Callable[[object], Awaitable[int]]) -> None:
        async def client() -> None:
            for each in work:
                await act(each)

        await asyncio.gather(*(client() for _ in range(self._at_once)))

    def _cpu(self) -> float:
        total = 0.0
        for process in [self._server, *self._server.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total


_NEEDS_NOTHING = ("list", "multipart")


def spread(runs: Sequence[Run], of: Callable[[Run], float]) -> tuple[float, float, float]:
    """Median, lowest and highest of some runs."""
    values = [of(each) for each in runs]
    return statistics.median(values), min(values), max(values)
